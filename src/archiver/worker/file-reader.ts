import { constants, readSync } from 'node:fs';
import { ID_SIZE } from '../../base/ids.ts';
import { STAT_FIELDS, StatField, type OnXattrError, type Posix, type Xattr } from '../../base/posix/posix.ts';
import { isSteady } from '../change-detection.ts';
import { field } from '../node-encoder.ts';
import { ChunkBatch, type SavesBlobs } from './chunk-batch.ts';
import type { FileWindow } from './file-window.ts';

/** Neither a symlink that was put in the file's place is followed, nor a fifo waited for. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const READS = 2;

export interface ReadFile {
  /** What it holds: ids of saved blobs, 32 bytes each, or the bytes of its only chunk, which is not saved yet. */
  readonly content: FileContent;
  /** Bytes read. */
  readonly sizeBytes: number;
  readonly xattrs: readonly Xattr[];
  /** Whether the file was the same before and after it was read. */
  readonly isSteady: boolean;
}

export type FileContent =
  | { readonly kind: 'saved'; readonly ids: Uint8Array }
  | { readonly kind: 'read'; readonly plain: Uint8Array };

/** Reads whole files that one worker saves alone. */
export class FileReader {
  readonly #posix: Posix;
  readonly #window: FileWindow;
  readonly #clear: () => void;
  readonly #batch: ChunkBatch;
  /** Small files are read into the window one behind the other, so that those before stay. */
  #used = 0;
  readonly #after = new BigInt64Array(STAT_FIELDS);
  #ids = new Uint8Array(64 * ID_SIZE);
  #idsSize = 0;

  /** `clear` is called before what small files have left in the window is overwritten; it has to call `forget`. */
  constructor(posix: Posix, window: FileWindow, saver: SavesBlobs, clear: () => void) {
    this.#posix = posix;
    this.#window = window;
    this.#clear = clear;
    this.#batch = new ChunkBatch(saver, (ids) => this.#addIds(ids));
  }

  /** Throws what the system says. */
  open(dirfd: number, name: Uint8Array): number {
    return this.#posix.openat(dirfd, name, OPEN_FLAGS);
  }

  /**
   * Reads an open file, and saves its chunks unless it is only one, which stays in the window until `forget`.
   * `stat` is what the file was; one that changes meanwhile is read once more, and `stat` brought up to date. Throws
   * what the system says.
   */
  read(fd: number, stat: BigInt64Array, onXattrError: OnXattrError): ReadFile {
    for (let attempt = 1; ; attempt++) {
      const { content, sizeBytes } = this.#readContent(fd, Number(field(stat, StatField.sizeBytes)));
      this.#posix.fstatInto(fd, this.#after);
      const steady = field(stat, StatField.sizeBytes) === BigInt(sizeBytes) && isSteady(stat, this.#after);
      if (steady || attempt === READS) {
        const xattrs = this.#posix.fgetxattrs(fd, onXattrError);
        if (content.kind === 'read') this.#used += sizeBytes;
        return { content, sizeBytes, xattrs, isSteady: steady };
      }
      stat.set(this.#after);
    }
  }

  /** What small files have left in the window is needed no more. */
  forget(): void {
    this.#used = 0;
  }

  #readContent(fd: number, expectedBytes: number): Pick<ReadFile, 'content' | 'sizeBytes'> {
    const small = this.#window.isOneChunk(expectedBytes) ? this.#readSmall(fd, expectedBytes) : undefined;
    if (small !== undefined && small.length > 0) {
      return { content: { kind: 'read', plain: small }, sizeBytes: small.length };
    }
    this.#idsSize = 0;
    const sizeBytes = small === undefined ? this.#saveChunks(fd) : 0;
    return { content: { kind: 'saved', ids: this.#ids.slice(0, this.#idsSize) }, sizeBytes };
  }

  /** Returns the number of bytes read; the ids are left in `#ids`. */
  #saveChunks(fd: number): number {
    this.#clear();
    // Reading the file before may have failed in the middle.
    this.#batch.forget();
    const read = (target: Uint8Array, position: number): number => readSync(fd, target, 0, target.length, position);
    return this.#window.chunks(read, 0, {
      visit: (chunk) => {
        this.#batch.add(chunk);
        return true;
      },
      settle: () => this.#batch.settle(),
    }).next;
  }

  /** One read of one byte more than expected: less than asked for means the end. `undefined` if the file is longer. */
  #readSmall(fd: number, expectedBytes: number): Uint8Array | undefined {
    if (this.#used + expectedBytes + 1 > this.#window.usualBytes) this.#clear();
    const target = this.#window.bytes.subarray(this.#used, this.#used + expectedBytes + 1);
    const count = readSync(fd, target, 0, target.length, 0);
    return count > expectedBytes ? undefined : target.subarray(0, count);
  }

  #addIds(ids: Uint8Array): void {
    if (this.#idsSize + ids.length > this.#ids.length) {
      const larger = new Uint8Array(2 * (this.#idsSize + ids.length));
      larger.set(this.#ids);
      this.#ids = larger;
    }
    this.#ids.set(ids, this.#idsSize);
    this.#idsSize += ids.length;
  }
}
