import type { Writable } from 'node:stream';
import { toJson } from './json.ts';

/** The data side of the program: everything here goes to stdout and nothing else does. */
export class Output {
  readonly #stream: Writable;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** Writes and waits where the reader is slower than we are. */
  async write(data: string | Uint8Array): Promise<void> {
    if (this.#stream.destroyed) return;
    if (this.#stream.write(data)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#stream.off('drain', done);
        this.#stream.off('close', done);
        this.#stream.off('error', done);
        resolve();
      };
      this.#stream.once('drain', done).once('close', done).once('error', done);
    });
  }

  async json(document: unknown): Promise<void> {
    await this.write(`${toJson(document)}\n`);
  }
}
