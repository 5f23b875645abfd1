import type { FileNode, Node } from '../../../formats/tree/node.ts';

/** An entry on its way into an archive. */
export interface DumpEntry {
  /** Relative path in the archive, without a slash at either end; raw bytes. */
  readonly name: Uint8Array;
  readonly node: Node;
}

/** The bytes of a file. */
export type ReadContent = (node: FileNode) => AsyncIterable<Uint8Array>;

/** What a writer left out because its format has no place for it. */
export type OnSkipped = (entry: DumpEntry, why: string) => void;
