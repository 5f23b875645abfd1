import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { CairnError } from '../../base/errors.ts';
import type { PackId } from '../../base/ids.ts';
import { objectName } from '../layout.ts';
import type { ByteRange } from './verify-pack.ts';

const SLICE_SIZE = 2 * 1024 * 1024;

/** A pack whose bytes are arriving. */
export interface ArrivingPack {
  readonly bytes: Uint8Array;
  /** Resolves once that part is there; rejects if it could not be read. */
  arrival(range: ByteRange): Promise<void> | undefined;
}

/** Reads packs from a directory, one at a time, into one buffer that is used again. */
export class LocalPacks {
  readonly #root: string;
  #buffer = new Uint8Array(0);

  constructor(root: string) {
    this.#root = root;
  }

  /** Calls `use` while the pack is being read: the threads of the pool read ahead of it. */
  async read<T>(id: PackId, sizeBytes: number, use: (pack: ArrivingPack) => Promise<T>): Promise<T> {
    if (this.#buffer.length < sizeBytes) this.#buffer = new Uint8Array(sizeBytes);
    const bytes = this.#buffer.subarray(0, sizeBytes);
    await using file = await open(join(this.#root, objectName('pack', id)), 'r');
    const slices = new Slices(file, bytes);
    try {
      return await use(slices);
    } finally {
      // The buffer is free for the next pack only when no read is under way.
      await slices.settled();
    }
  }
}

class Slices implements ArrivingPack {
  readonly bytes: Uint8Array;
  readonly #reads: Promise<void>[] = [];
  readonly #arrived: boolean[] = [];

  constructor(file: FileHandle, bytes: Uint8Array) {
    this.bytes = bytes;
    const count = Math.ceil(bytes.length / SLICE_SIZE);
    this.#arrived = Array.from({ length: count }, () => false);
    // The last slice first: it has the header.
    for (const at of [count - 1, ...Array.from({ length: Math.max(0, count - 1) }, (_, i) => i)]) {
      if (at >= 0) this.#start(file, at);
    }
  }

  arrival({ start, end }: ByteRange): Promise<void> | undefined {
    const first = Math.floor(start / SLICE_SIZE);
    const behind = Math.ceil(end / SLICE_SIZE);
    for (let at = first; at < behind; at++) {
      if (this.#arrived[at] !== true) return Promise.all(this.#reads.slice(first, behind)).then(() => {});
    }
    return undefined;
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#reads);
  }

  #start(file: FileHandle, at: number): void {
    const slice = this.bytes.subarray(at * SLICE_SIZE, (at + 1) * SLICE_SIZE);
    const read = fill(file, slice, at * SLICE_SIZE).then(() => {
      this.#arrived[at] = true;
    });
    read.catch(() => {});
    this.#reads[at] = read;
  }
}

async function fill(file: FileHandle, target: Uint8Array, position: number): Promise<void> {
  let at = 0;
  while (at < target.length) {
    const { bytesRead } = await file.read(target, at, target.length - at, position + at);
    if (bytesRead === 0) throw new CairnError('OBJECT_TRUNCATED', `the file ends at ${position + at} bytes`);
    at += bytesRead;
  }
}
