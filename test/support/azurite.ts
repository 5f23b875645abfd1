// Microsoft's emulator of Azure Blob Storage on loopback, all in memory; ended by pid.
import { type ChildProcess, spawn } from 'node:child_process';
import { freePort } from './free-port.ts';
import { findPeer } from './peer-catalog.ts';
import { endChild, untilListening } from './server-process.ts';

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
    await untilListening(child, port);
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
    await endChild(this.#process);
  }
}
