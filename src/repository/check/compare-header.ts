import { idToBytes } from '../../base/ids.ts';
import type { PackEntry } from '../../formats/pack/pack-header.ts';
import { BLOB_DATA, BLOB_TREE, type BlobIndex } from '../index/blob-index.ts';

/** What the index says of a pack otherwise than the pack's header; `listed` is the number of blobs the index lists for it. */
export function* headerDifferences(
  index: BlobIndex,
  packNumber: number,
  listed: number,
  entries: readonly PackEntry[],
): Generator<string> {
  for (const entry of entries) {
    const isListed = index
      .locations(entry.type === 'tree' ? BLOB_TREE : BLOB_DATA, idToBytes(entry.id))
      .some(
        (at) =>
          at.packNumber === packNumber &&
          at.offset === entry.offset &&
          at.length === entry.length &&
          at.uncompressedLength === entry.uncompressedLength,
      );
    if (!isListed) yield `the index does not list ${entry.type} blob ${entry.id} where the header has it`;
  }
  if (listed !== entries.length) yield `the index lists ${listed} blobs, the header has ${entries.length}`;
}
