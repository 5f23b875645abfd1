// Microsoft's emulator of Azure Blob Storage on loopback, all in memory; ended by pid.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { findPeer } from './peer-catalog.ts';

/** The account that the emulator has, with the key that its documentation prints. */
const ACCOUNT = 'devstoreaccount1';
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

export class Azurite implements AsyncDisposable {
  readonly port: number;
  readonly #process: ChildProcess;

  private constructor(port: number, process: ChildProcess) {
    this.port = port;
    this.#process = process;
  }

  static async start(): Promise<Azurite> {
    const program = findPeer('azurite');
    if (program === undefined) throw new Error('azurite is not installed');
    const port = await freePort();
    const place = ['--blobHost', '127.0.0.1', '--blobPort', String(port)];
    const quiet = ['--inMemoryPersistence', '--silent', '--disableTelemetry', '--skipApiVersionCheck'];
    const child = spawn(program.path, [...place, ...quiet], { stdio: 'ignore' });
    const server = new Azurite(port, child);
    while (!(await answers(port))) {
      if (child.exitCode !== null) throw new Error(`azurite ended with ${child.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return server;
  }

  /** What a user has in the environment to use it. */
  environment(key: string = KEY): Record<string, string> {
    const endpoint = `http://127.0.0.1:${this.port}/${ACCOUNT}`;
    const parts = [
      `DefaultEndpointsProtocol=http`,
      `AccountName=${ACCOUNT}`,
      `AccountKey=${key}`,
      `BlobEndpoint=${endpoint}`,
    ];
    return { AZURE_STORAGE_CONNECTION_STRING: `${parts.join(';')};` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const isRunning = this.#process.exitCode === null && this.#process.signalCode === null;
    const end = isRunning ? once(this.#process, 'exit') : undefined;
    this.#process.kill();
    await end;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });
}
