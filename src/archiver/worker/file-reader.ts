import { constants, readSync } from 'node:fs';
import { ID_SIZE } from '../../base/ids.ts';
import { STAT_FIELDS, StatField, type OnXattrError, type Posix, type Xattr } from '../../base/posix/posix.ts';
import { isSteady } from '../change-detection.ts';
import { field } from '../node-encoder.ts';
import type { BlobSaver } from './blob-saver.ts';
import type { FileWindow } from './file-window.ts';

/** Neither a symlink that was put in the file's place is followed, nor a fifo waited for. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const READS = 2;

export interface ReadFile {
  /** Blob ids, 32 bytes each. */
  readonly content: Uint8Array;
  /** Bytes read. */
  readonly sizeBytes: number;
  readonly xattrs: readonly Xattr[];
  /** Whether the file was the same before and after it was read. */
  readonly isSteady: boolean;
}

/** Reads whole files that one worker saves alone. */
export class FileReader {
  readonly #posix: Posix;
  readonly #window: FileWindow;
  readonly #saver: BlobSaver;
  readonly #after = new BigInt64Array(STAT_FIELDS);
  #ids = new Uint8Array(64 * ID_SIZE);
  #idsSize = 0;

  constructor(posix: Posix, window: FileWindow, saver: BlobSaver) {
    this.#posix = posix;
    this.#window = window;
    this.#saver = saver;
  }

  /**
   * Reads a file and saves its chunks. `stat` is what the file was; one that changes meanwhile is read once
   * more, and `stat` brought up to date. Throws what the system says.
   */
  read(dirfd: number, name: Uint8Array, stat: BigInt64Array, onXattrError: OnXattrError): ReadFile {
    const fd = this.#posix.openat(dirfd, name, OPEN_FLAGS);
    try {
      for (let attempt = 1; ; attempt++) {
        const sizeBytes = this.#readChunks(fd, Number(field(stat, StatField.sizeBytes)));
        this.#posix.fstatInto(fd, this.#after);
        const steady = field(stat, StatField.sizeBytes) === BigInt(sizeBytes) && isSteady(stat, this.#after);
        if (steady || attempt === READS) {
          const xattrs = this.#posix.fgetxattrs(fd, onXattrError);
          return { content: this.#ids.slice(0, this.#idsSize), sizeBytes, xattrs, isSteady: steady };
        }
        stat.set(this.#after);
      }
    } finally {
      this.#posix.close(fd);
    }
  }

  /** Returns the number of bytes read; the ids are left in `#ids`. */
  #readChunks(fd: number, expectedBytes: number): number {
    this.#idsSize = 0;
    const small = this.#window.isOneChunk(expectedBytes) ? this.#readSmall(fd, expectedBytes) : undefined;
    if (small !== undefined) return small;
    const read = (target: Uint8Array, position: number): number => readSync(fd, target, 0, target.length, position);
    return this.#window.chunks(read, 0, (chunk) => {
      this.#addId(this.#saver.save(chunk));
      return true;
    }).next;
  }

  /** One read of one byte more than expected: less than asked for means the end. `undefined` if the file is longer. */
  #readSmall(fd: number, expectedBytes: number): number | undefined {
    const target = this.#window.bytes.subarray(0, expectedBytes + 1);
    const count = readSync(fd, target, 0, target.length, 0);
    if (count > expectedBytes) return undefined;
    if (count > 0) this.#addId(this.#saver.save(target.subarray(0, count)));
    return count;
  }

  #addId(id: Uint8Array): void {
    if (this.#idsSize + ID_SIZE > this.#ids.length) {
      const larger = new Uint8Array(2 * this.#ids.length);
      larger.set(this.#ids);
      this.#ids = larger;
    }
    this.#ids.set(id, this.#idsSize);
    this.#idsSize += ID_SIZE;
  }
}
