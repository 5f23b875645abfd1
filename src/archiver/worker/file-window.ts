import { createChunker, type Chunker, type ChunkerSpec } from '../../formats/chunker/chunker.ts';
import { createKernels, KERNEL_SCRATCH_BYTES, type Kernels } from '../../kernels/kernels.ts';

/** Room for the largest chunk, and a little, so that it can be seen whole. */
const WINDOW_BYTES = 9 * 1024 * 1024;

/** Read at least behind a chunk that has not ended yet. */
const MORE_BYTES = 2 * 1024 * 1024;

/**
 * The memory a worker reads into. Files are cut where they lie: the chunker runs in this memory, and
 * hashing, compression and sealing read from it, so that file bytes are moved once.
 */
export class FileWindow {
  readonly #kernels: Kernels = createKernels({ dataBytes: WINDOW_BYTES });
  readonly #chunker: Chunker;
  /** All of the window. */
  readonly bytes: Uint8Array;
  readonly usualBytes: number;

  /**
   * `usualBytes` are read at once. Where they are fewer than the window has, its rest stays untouched and costs no memory, as long as no chunk needs
   * it; but fewer chunks are there at once, to be hashed two by two.
   */
  constructor(spec: ChunkerSpec, usualBytes: number = WINDOW_BYTES) {
    this.usualBytes = Math.min(usualBytes, WINDOW_BYTES);
    this.#chunker = createChunker(this.#kernels, spec);
    this.bytes = this.#kernels.bytes.subarray(KERNEL_SCRATCH_BYTES, KERNEL_SCRATCH_BYTES + WINDOW_BYTES);
  }

  /** Whether a file of this size is one chunk whatever it holds. */
  isOneChunk(sizeBytes: number): boolean {
    return sizeBytes <= this.#chunker.minSize;
  }

  /** The end of the chunk that starts at `start`, in a window filled up to `end`. */
  cut(start: number, end: number): number {
    return this.#chunker.cut(KERNEL_SCRATCH_BYTES + start, KERNEL_SCRATCH_BYTES + end) - KERNEL_SCRATCH_BYTES;
  }

  /**
   * Reads from offset `from` and calls `visit` with each chunk and its offset, until the file ends
   * or `visit` returns false. Chunks stay where they are until `settle` was called. Returns the offset after the last visited chunk and whether the file ended there.
   */
  chunks(read: ReadAt, from: number, { visit, settle }: ChunkVisitor): FileEnd {
    let base = from; // file offset of the window's first byte
    let start = 0;
    let end = 0;
    let ended = false;
    for (;;) {
      let cut = start === end ? end : this.cut(start, end);
      // A cut before the end of what is there holds whatever follows. One at the end may only mean that
      // the chunk goes on: what is there of it is moved to the front, and more is read behind it.
      if (cut === end && !ended && end - start < this.#chunker.maxSize) {
        settle();
        this.bytes.copyWithin(0, start, end);
        base += start;
        end -= start;
        start = 0;
        const filled = this.#fill(read, end, base + end);
        end = filled.end;
        ended = filled.ended;
        cut = start === end ? end : this.cut(start, end);
      }
      const atEnd = start === end;
      if (atEnd || !visit(this.bytes.subarray(start, cut), base + start)) {
        settle();
        return { next: base + start, atEnd };
      }
      start = cut;
    }
  }

  #fill(read: ReadAt, at: number, position: number): { end: number; ended: boolean } {
    let end = at;
    const limit = Math.min(this.bytes.length, Math.max(this.usualBytes, at + MORE_BYTES));
    while (end < limit) {
      const count = read(this.bytes.subarray(end, limit), position + end - at);
      if (count === 0) return { end, ended: true };
      end += count;
    }
    return { end, ended: false };
  }
}

/** Reads into `target` from a file offset; returns the number of bytes, 0 at the end. */
export type ReadAt = (target: Uint8Array, position: number) => number;

export interface ChunkVisitor {
  /** Returns whether to go on. */
  visit(this: void, chunk: Uint8Array, offset: number): boolean;
  /** Called before the bytes of visited chunks are overwritten, and at the end. */
  settle(this: void): void;
}

export interface FileEnd {
  readonly next: number;
  readonly atEnd: boolean;
}
