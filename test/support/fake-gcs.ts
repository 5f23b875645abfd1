// An emulator of Google Cloud Storage on loopback, all in memory; ended by pid.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from './free-port.ts';
import { findPeer } from './peer-catalog.ts';

export class FakeGcs implements AsyncDisposable {
  readonly port: number;
  readonly #process: ChildProcess;

  private constructor(port: number, process: ChildProcess) {
    this.port = port;
    this.#process = process;
  }

  static async start(): Promise<FakeGcs> {
    const program = findPeer('fake-gcs-server');
    if (program === undefined) throw new Error('fake-gcs-server is not installed');
    const port = await freePort();
    // Google's own libraries read by the public host.
    const host = ['-host', '127.0.0.1', '-public-host', `127.0.0.1:${port}`];
    const place = ['-scheme', 'http', ...host, '-port', String(port)];
    const child = spawn(program.path, [...place, '-backend', 'memory', '-log-level', 'error'], { stdio: 'ignore' });
    const server = new FakeGcs(port, child);
    while (!(await server.#answers())) {
      if (child.exitCode !== null) throw new Error(`fake-gcs-server ended with ${child.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return server;
  }

  /** What a user has in the environment to use it. */
  environment(): Record<string, string> {
    return { STORAGE_EMULATOR_HOST: `127.0.0.1:${this.port}`, GOOGLE_PROJECT_ID: 'cairn-tests' };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const isRunning = this.#process.exitCode === null && this.#process.signalCode === null;
    const end = isRunning ? once(this.#process, 'exit') : undefined;
    this.#process.kill();
    await end;
  }

  async #answers(): Promise<boolean> {
    try {
      return (await fetch(`http://127.0.0.1:${this.port}/_internal/healthcheck`)).ok;
    } catch {
      return false;
    }
  }
}
