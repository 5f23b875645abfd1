// Turns the trees that restic and Cairn write straight into records, without an object per entry, by a kernel that is
// fast from its first call (src/kernels/tree-scan.ts): compact JSON, fields in their fixed order, names and owners in
// plain ASCII without escapes, no extended attributes. Anything else is left to the general decoder, tree by tree.
import { CONTENT_ID_BYTES, TreeScanPhase, TreeScanWord } from '../../kernels/tree-scan.ts';
import { ID_SIZE } from '../../base/ids.ts';
import { BLOB_DATA, type BlobIndex } from '../../repository/index/blob-index.ts';
import type { RecordWriter } from './record-writer.ts';
import { createTreeMemory, type TreeMemory } from './tree-memory.ts';

/** Bytes of a tree that are looked at at once. An entry that is longer makes its tree unusual: a file of 15,000 blobs. */
const WINDOW_BYTES = 1024 * 1024;
const ALIGNMENT = 8;

/** Kept for the thread. Pages of it that no tree needs are never touched. */
let threadMemory: TreeMemory | undefined;

/** Scans trees one after the other. */
export class TreeScanner {
  readonly #index: Pick<BlobIndex, 'find'>;
  readonly #writer: RecordWriter;
  readonly #memory: TreeMemory;

  constructor(index: Pick<BlobIndex, 'find'>, writer: RecordWriter, memory?: TreeMemory) {
    this.#index = index;
    this.#writer = writer;
    this.#memory = memory ?? (threadMemory ??= createTreeMemory(WINDOW_BYTES));
  }

  /** Appends the entries of a tree to the writer. Returns false, with nothing appended, for an unusual tree. */
  scan(tree: Uint8Array): boolean {
    const { length } = this.#writer;
    const isUsual = this.#scanWindows(tree);
    if (!isUsual) this.#writer.truncate(length);
    return isUsual;
  }

  #scanWindows(tree: Uint8Array): boolean {
    const { words, windowBytes } = this.#memory;
    const block = this.#memory.blockAt / 4;
    words[block + TreeScanWord.phase] = TreeScanPhase.before;
    words[block + TreeScanWord.nameLength] = 0;
    for (let at = 0; ;) {
      const end = Math.min(tree.length, at + windowBytes);
      const stop = this.#scanWindow(tree, at, end);
      if (words[block + TreeScanWord.phase] === TreeScanPhase.behind) return stop === tree.length;
      // What is cut off by the end of the window is read again with what comes behind it.
      if (end === tree.length || stop === at) return false;
      at = stop;
    }
  }

  /** Appends the entries that are whole in a part of the tree; where the last of them ends. */
  #scanWindow(tree: Uint8Array, from: number, to: number): number {
    const { bytes, words, recordsAt, idsAt } = this.#memory;
    const block = this.#memory.blockAt / 4;
    // V8 copies to and from shared memory byte by byte unless both places are aligned alike.
    const start = this.#memory.windowAt + ((tree.byteOffset + from) % ALIGNMENT);
    bytes.set(tree.subarray(from, to), start);
    words[block + TreeScanWord.at] = start;
    words[block + TreeScanWord.end] = start + to - from;
    words[block + TreeScanWord.records] = recordsAt;
    words[block + TreeScanWord.ids] = idsAt;
    this.#memory.scan();
    this.#findContent(words[block + TreeScanWord.ids] ?? 0);
    this.#writer.append(bytes.subarray(recordsAt, words[block + TreeScanWord.records]));
    return (words[block + TreeScanWord.at] ?? 0) - start + from;
  }

  /** Puts the record numbers of the content ids up to `end` to their places, which say until then that it is missing. */
  #findContent(end: number): void {
    const { bytes, words } = this.#memory;
    for (let at = this.#memory.idsAt; at < end; at += CONTENT_ID_BYTES) {
      const record = this.#index.find(BLOB_DATA, bytes, at);
      if (record >= 0) words[(words[(at + ID_SIZE) >>> 2] ?? 0) >>> 2] = record;
    }
  }
}
