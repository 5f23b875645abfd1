// Reads blobs of index files in long runs, by the kernel `indexBlobs`: it knows the form that restic, rustic and Cairn
// write, and nothing else. JavaScript takes 2 to 4 µs for a blob while the code is new to V8.
import { hasCode } from '../../base/errors.ts';
import { ID_SIZE } from '../../base/ids.ts';
import { RECORD_BYTES, RECORD_WORDS } from '../../kernels/blob-record.ts';
import { createKernels, INDEX_BLOBS_SLACK, KERNEL_SCRATCH_BYTES, type Kernels } from '../../kernels/kernels.ts';

/** Blobs that lie side by side in an index file. Borrowed: valid only during the call. */
export interface BlobRun {
  /**
   * Records (src/kernels/blob-record.ts), 12 words each. The pack's word has 0 for the pack that was told last, n for
   * the nth of `packs`.
   */
  readonly records: Int32Array;
  /** Ids of the packs that begin in the run, 8 words each, in their order. The last one's blobs may go on behind the run. */
  readonly packs: Int32Array;
}

const ID_WORDS = ID_SIZE / 4;

/** Bytes of JSON that are looked at at once. */
const WINDOW_BYTES = 128 * 1024;
/** The shortest blob has 109 bytes, and a pack with one 194. */
const MAX_BLOBS = Math.ceil(WINDOW_BYTES / 110) + 1;
const MAX_PACKS = Math.ceil(WINDOW_BYTES / 195) + 1;
const RECORDS_AT: number = KERNEL_SCRATCH_BYTES + WINDOW_BYTES + INDEX_BLOBS_SLACK;
const PACKS_AT: number = RECORDS_AT + MAX_BLOBS * RECORD_BYTES;
const DATA_BYTES: number = PACKS_AT + MAX_PACKS * ID_SIZE - KERNEL_SCRATCH_BYTES;

/** Holds 320 KiB of memory. One for any number of index files, one after the other. */
export class BlobRunReader {
  readonly #kernels: Kernels;
  readonly #records: Int32Array;
  readonly #packs: Int32Array;
  #json: Uint8Array = new Uint8Array();
  /** The part of the JSON that is in the kernels' memory. */
  #from = 0;
  #to = 0;
  /** Where the run read last ends. */
  end = 0;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#records = new Int32Array(kernels.memory.buffer, RECORDS_AT, MAX_BLOBS * RECORD_WORDS);
    this.#packs = new Int32Array(kernels.memory.buffer, PACKS_AT, MAX_PACKS * ID_WORDS);
  }

  /** The document that is read from now on. */
  open(json: Uint8Array): void {
    this.#json = json;
    this.#from = 0;
    this.#to = 0;
  }

  /** The run of blobs that begins at `at` of the document; `undefined` if what is there is not of the form. */
  read(at: number): BlobRun | undefined {
    this.#bringIn(at);
    const start = KERNEL_SCRATCH_BYTES - this.#from;
    const found = this.#kernels.indexBlobs(start + at, start + this.#to, RECORDS_AT, PACKS_AT);
    if (found.blobs === 0) return undefined;
    this.end = found.stop - start;
    return {
      records: this.#records.subarray(0, found.blobs * RECORD_WORDS),
      packs: this.#packs.subarray(0, found.packs * ID_WORDS),
    };
  }

  /** Sees to it that a whole blob is in memory from `at` on, if the document has so many bytes. */
  #bringIn(at: number): void {
    const json = this.#json;
    const isIn = at >= this.#from && (at + INDEX_BLOBS_SLACK <= this.#to || this.#to === json.length);
    if (isIn) return;
    // V8 copies to shared memory byte by byte unless both places are aligned.
    this.#from = Math.max(0, at - ((json.byteOffset + at) % 8));
    this.#to = Math.min(json.length, this.#from + WINDOW_BYTES);
    this.#kernels.bytes.set(json.subarray(this.#from, this.#to), KERNEL_SCRATCH_BYTES);
  }
}

/** A reader of runs, or `undefined` where there are no kernels. */
export function createBlobRunReader(create: typeof createKernels = createKernels): BlobRunReader | undefined {
  try {
    return new BlobRunReader(create({ dataBytes: DATA_BYTES }));
  } catch (error) {
    if (hasCode(error, 'KERNEL_UNAVAILABLE')) return undefined;
    throw error;
  }
}
