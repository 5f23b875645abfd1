// Takes packs out of the index by what is in memory: nothing is read, so that others wait for the writes only.
import type { IndexId } from '../../base/ids.ts';
import type { PackEntry } from '../../formats/pack/pack-header.ts';
import { objectName } from '../layout.ts';
import type { Repository } from '../repository.ts';
import { BLOB_TREE, type BlobIndex } from './blob-index.ts';
import { IndexFileWriter, type RewrittenIndex } from './rewrite-index.ts';

export interface PacksToDrop {
  /** The packs that each index file lists, by their numbers in the index. */
  readonly packsOfFiles: ReadonlyMap<IndexId, readonly number[]>;
  readonly drop: ReadonlySet<number>;
  /** Index files that are to be joined on the way. */
  readonly join: ReadonlySet<IndexId>;
}

export interface ReplaceOptions {
  readonly signal?: AbortSignal | undefined;
  /** Rejects unless the exclusive lock is surely held; called before index files are removed. */
  readonly assertHeld: () => Promise<void>;
}

/**
 * Writes index files with what stays of those that list one of the packs, and removes these then: at every instant each
 * pack that stays is listed. The caller holds the exclusive lock.
 */
export async function replaceIndexFiles(
  repository: Repository,
  index: BlobIndex,
  { packsOfFiles, drop, join }: PacksToDrop,
  { signal, assertHeld }: ReplaceOptions,
): Promise<RewrittenIndex> {
  const goes = ([id, packs]: readonly [IndexId, readonly number[]]): boolean =>
    join.has(id) || packs.some((pack) => drop.has(pack));
  const obsolete = [...packsOfFiles].filter(goes);
  const stay = new Uint8Array(index.packCount);
  for (const [, packs] of obsolete) for (const pack of packs) if (!drop.has(pack)) stay[pack] = 1;
  // Listed by a file that stays, as a run leaves it that was stopped here.
  for (const file of packsOfFiles) if (!goes(file)) for (const pack of file[1]) stay[pack] = 0;
  const writer = new IndexFileWriter(repository, signal);
  for (const { pack, records } of recordsByPack(index, stay)) {
    const blobs = Array.from(records, (record) => entryOf(index, record));
    await writer.add({ id: index.packId(pack), blobs: withoutRepeats(blobs) });
  }
  await writer.flush();
  await assertHeld();
  signal?.throwIfAborted();
  const names = obsolete.map(([id]) => objectName('index', id));
  await repository.storage.removeMany(names, { signal });
  return { written: writer.written, removed: names.length };
}

/** A counting sort: 4 bytes a blob. */
function* recordsByPack(index: BlobIndex, wanted: Uint8Array): Generator<{ pack: number; records: Uint32Array }> {
  const starts = new Uint32Array(wanted.length + 1);
  const packOf = (record: number): number => {
    const pack = index.location(record)?.packNumber ?? -1;
    return wanted[pack] === 1 ? pack : -1;
  };
  for (let record = 0; record < index.size; record++) {
    const pack = packOf(record);
    if (pack >= 0) starts[pack + 1] = (starts[pack + 1] ?? 0) + 1;
  }
  for (let pack = 0; pack < wanted.length; pack++) starts[pack + 1] = (starts[pack + 1] ?? 0) + (starts[pack] ?? 0);
  const records = new Uint32Array(starts[wanted.length] ?? 0);
  const next = starts.slice();
  for (let record = 0; record < index.size; record++) {
    const pack = packOf(record);
    if (pack < 0) continue;
    const at = next[pack] ?? 0;
    records[at] = record;
    next[pack] = at + 1;
  }
  for (let pack = 0; pack < wanted.length; pack++) {
    if (wanted[pack] === 1) yield { pack, records: records.subarray(starts[pack], starts[pack + 1]) };
  }
}

function entryOf(index: BlobIndex, record: number): PackEntry {
  const { offset = 0, length = 0, uncompressedLength = 0 } = index.location(record) ?? {};
  const type = index.blobType(record) === BLOB_TREE ? 'tree' : 'data';
  return { type, id: index.blobId(record), offset, length, uncompressedLength };
}

/** In the order of the pack. A pack that two files list may have two records of each blob. */
function withoutRepeats(blobs: PackEntry[]): PackEntry[] {
  blobs.sort((a, b) => a.offset - b.offset);
  return blobs.filter((blob, at) => {
    const before = blobs[at - 1];
    return before === undefined || before.offset !== blob.offset || before.id !== blob.id || before.type !== blob.type;
  });
}
