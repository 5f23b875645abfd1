import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackId } from '../../base/ids.ts';
import { objectName } from '../layout.ts';

/** Reads whole packs from a directory into buffers that are used again. */
export class LocalPacks {
  readonly #root: string;
  readonly #free: Uint8Array<ArrayBuffer>[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  /** The bytes of a pack, at most `sizeBytes`; give them back with `release`. */
  async read(id: PackId, sizeBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const buffer = this.#take(sizeBytes);
    const file = await open(join(this.#root, objectName('pack', id)), 'r');
    try {
      let at = 0;
      while (at < sizeBytes) {
        const { bytesRead } = await file.read(buffer, at, sizeBytes - at, at);
        if (bytesRead === 0) break;
        at += bytesRead;
      }
      return buffer.subarray(0, at);
    } finally {
      await file.close();
    }
  }

  release(bytes: Uint8Array<ArrayBuffer>): void {
    this.#free.push(new Uint8Array(bytes.buffer));
  }

  #take(sizeBytes: number): Uint8Array<ArrayBuffer> {
    const buffer = this.#free.pop();
    if (buffer !== undefined && buffer.length >= sizeBytes) return buffer;
    // A little more than needed, so that the next pack, of much the same size, fits as well.
    return new Uint8Array(sizeBytes + (sizeBytes >> 3));
  }
}
