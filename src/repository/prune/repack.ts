// Writes what is kept of packs that go into new packs, and lists these in the index: until the old ones are removed the
// vault has further copies of some blobs, which is always allowed.
import { mapConcurrent } from '../../base/concurrency.ts';
import { hasCode } from '../../base/errors.ts';
import type { IndexId, PackId } from '../../base/ids.ts';
import { readAttempts } from '../../storage/read-attempts.ts';
import type { ReadOptions } from '../../storage/storage.ts';
import { objectName } from '../layout.ts';
import { BLOB_DATA, BLOB_TREE, type BlobTypeBit } from '../index/blob-index.ts';
import { PackWriter } from '../pack-writer.ts';
import type { Repository } from '../repository.ts';
import { packLeftovers } from './blob-copier.ts';
import type { PlannedPrune } from './plan-prune.ts';
import type { PruneProgress } from './prune-progress.ts';
import { openRepackPool, type RepackPool } from './repack-pool.ts';
import { type RepackPart, repackParts } from './repack-parts.ts';

export interface RepackOptions {
  readonly signal?: AbortSignal | undefined;
  /** Worker threads; as many as there are processors by default. */
  readonly jobs?: number | undefined;
  readonly onProgress?: ((progress: PruneProgress) => void) | undefined;
}

export interface RepackResult {
  /** Packs in which a blob that is needed is damaged: they stay. */
  readonly damagedPacks: ReadonlySet<number>;
  /** Index files that list the new packs. */
  readonly indexFiles: readonly IndexId[];
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** Bytes of one request: over a network few large ones, from a file as much as stays in the processor's caches. */
const REMOTE_PART_BYTES = 8 * 1024 * 1024;
/** Requests at once, so that a long way does not leave the line idle. */
const REMOTE_REQUESTS = 8;
const LOCAL_PART_BYTES = 4 * 1024 * 1024;
/** Bytes between two blobs that are read rather than asked around: a request to a server costs time, a read of a file little. */
const REMOTE_GAP = 256 * 1024;
const LOCAL_GAP = 16 * 1024;
/** A run that is stopped loses at most so much of its work. */
const SAVE_INDEX_EVERY_MS = 60_000;

/** The caller holds a lock, shared or exclusive. Throws what the storage throws; what was stored until then can be used. */
export async function repack(
  repository: Repository,
  { index, usage, actions, rules, plan }: PlannedPrune,
  { signal, jobs, onProgress }: RepackOptions = {},
): Promise<RepackResult> {
  const damagedPacks = new Set<number>();
  if (plan.repack.packs === 0) return { damagedPacks, indexFiles: [], bytesRead: 0, bytesWritten: 0 };
  const packs = new PackWriter(repository, { signal });
  const totalBytes = plan.repack.bytes - plan.repackFrees.bytes;
  let bytesWritten = 0;
  let bytesRead = 0;
  let savedAt = performance.now();
  const store: Parameters<typeof openRepackPool>[2]['store'] = (pack, bytes) => {
    bytesWritten += pack.sizeBytes;
    return packs.store(pack, bytes);
  };
  const compresses: BlobTypeBit[] =
    repository.config.version === 1 ? [] : rules.repackUncompressed ? [BLOB_TREE, BLOB_DATA] : [BLOB_TREE];
  const copyRules = { packSizeBytes: rules.packSizeBytes, compresses };
  await using pool = openRepackPool(repository, index, { rules: copyRules, jobs, bytes: totalBytes, store });
  const isRemote = repository.origin.features.remote;
  const limits = isRemote ? { bytes: REMOTE_PART_BYTES, gap: REMOTE_GAP } : { bytes: LOCAL_PART_BYTES, gap: LOCAL_GAP };
  const requests = isRemote ? Math.max(REMOTE_REQUESTS, pool.capacity) : pool.capacity;
  const parts = repackParts(index, usage.kept, actions, limits);
  let done = 0;
  await mapConcurrent(parts, { limit: requests, signal }, async (part) => {
    if (packs.failure !== undefined) throw packs.failure.error;
    const isWhole = await copyPart(repository, part, pool, index.packId(part.packNumber), signal);
    if (!isWhole) damagedPacks.add(part.packNumber);
    bytesRead += part.end - part.start;
    for (const record of part.records) done += index.location(record)?.length ?? 0;
    onProgress?.({ phase: 'repack', completed: bytesRead, total: undefined, bytes: done, totalBytes });
    if (performance.now() - savedAt < SAVE_INDEX_EVERY_MS) return;
    savedAt = performance.now();
    await packs.saveIndex();
  });
  const rest: Promise<void>[] = [];
  packLeftovers(repository.codec, repository.key, await pool.flush(), rules.packSizeBytes, (pack, buffer) =>
    rest.push(store(pack, buffer)),
  );
  await Promise.all(rest);
  await packs.flush();
  return { damagedPacks, indexFiles: packs.indexIds, bytesRead, bytesWritten };
}

/** False where a blob is damaged, also when it is read again: a transfer may have been disturbed. */
async function copyPart(
  repository: Repository,
  part: RepackPart,
  pool: RepackPool,
  pack: PackId,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { type, start, end } = part;
  let { records } = part;
  // Again past the cache, which has packs of trees, and from the other storages of a mirror.
  for (let copy = 0; copy < readAttempts(repository.origin); copy++) {
    const storage = copy === 0 ? repository.storage : repository.origin;
    const range = { offset: start, length: end - start, copy, signal };
    const bytes = await readRange(storage, objectName('pack', pack), range);
    if (bytes === undefined) continue;
    const damaged = await pool.copy({ type, records, start, bytes });
    if (damaged.length === 0) return true;
    records = Uint32Array.from(damaged);
    await repository.cache?.forget(objectName('pack', pack));
  }
  return false;
}

async function readRange(
  storage: Repository['storage'],
  name: string,
  range: ReadOptions,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return await storage.read(name, range);
  } catch (error) {
    // It was there when this was planned, and as large as it has to be: this is damage, not trouble on the way.
    if (hasCode(error, 'OBJECT_MISSING') || hasCode(error, 'OBJECT_TRUNCATED')) return undefined;
    throw error;
  }
}
