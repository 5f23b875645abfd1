// Writes what is kept of packs that go into new packs, and lists these in the index: until the old ones are removed the
// vault has further copies of some blobs, which is always allowed.
import { ByteBudget } from '../../base/byte-budget.ts';
import { mapConcurrent, Semaphore } from '../../base/concurrency.ts';
import { hasCode } from '../../base/errors.ts';
import type { IndexId } from '../../base/ids.ts';
import { readAttempts } from '../../storage/read-attempts.ts';
import type { ReadOptions, Storage } from '../../storage/storage.ts';
import { storeJoined } from '../join-packs.ts';
import { objectName } from '../layout.ts';
import { ArrivingPieces, type ArrivedPiece } from '../arriving-pieces.ts';
import { BLOB_DATA, BLOB_TREE, type BlobIndex, type BlobTypeBit } from '../index/blob-index.ts';
import { PackWriter } from '../pack-writer.ts';
import type { Repository } from '../repository.ts';
import type { PlannedPrune } from './plan-prune.ts';
import type { PruneProgress } from './prune-progress.ts';
import { openRepackPool, type RepackPool } from './repack-pool.ts';
import { type PartLimits, pieces, type RepackPart, repackParts } from './repack-parts.ts';
import { saysUnreadable } from '../../storage/device-error.ts';

export interface RepackOptions {
  readonly signal?: AbortSignal | undefined;
  /** Rejects where the lock is lost; `seenForMs` is how long ago it may have been seen. */
  readonly assertHeld?: ((seenForMs?: number) => Promise<void>) | undefined;
  /** Nothing is written before this resolves; when it rejects, nothing is, and this ends. */
  readonly writeGate?: Promise<unknown> | undefined;
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

/** How blobs are fetched. */
interface Fetching {
  /** One request each. */
  readonly parts: PartLimits;
  /** At once. */
  readonly requests: number;
  /** Where bytes are handed over as they come, they are copied in pieces. */
  readonly pieces: PartLimits | undefined;
}

const MIB = 1024 * 1024;
/** As much as stays in the processor's caches; blobs near each other, since a read of a file costs little. */
const LOCAL_PARTS: PartLimits = { bytes: 4 * MIB, gap: 16 * 1024 };
/** Few large ones: a request to a server costs time. */
const REMOTE_PARTS: PartLimits = { bytes: 8 * MIB, gap: 256 * 1024 };
/** Over a line of which each connection is slow half a pack comes in half the time; each request is paid for, and quarters would be too many. */
const HANDED_PARTS: PartLimits = { bytes: 8 * MIB, gap: 512 * 1024 };
/** Handed over, a part takes no more memory than for those of its pieces that are waited for or worked on. */
const PIECES: PartLimits = { bytes: MIB, gap: 16 * 1024 };
/** Requests at once, so that a long way does not leave the line idle. */
const REMOTE_REQUESTS = 8;
/** Pieces that come, wait, or are copied. */
const MAX_PIECES_BYTES = 8 * MIB;
/** A run that is stopped loses at most so much of its work. */
const SAVE_INDEX_EVERY_MS = 60_000;

/** Storing the last packs takes about a second. */
const SEEN_BEFORE_LAST_PACKS_MS = 500;

/** The caller holds a lock, shared or exclusive. Throws what the storage throws; what was stored until then can be used. */
export async function repack(
  repository: Repository,
  { index, usage, actions, rules, plan }: PlannedPrune,
  { signal, assertHeld, writeGate, jobs, onProgress }: RepackOptions = {},
): Promise<RepackResult> {
  const damagedPacks = new Set<number>();
  using _turn = await turnOf(repository.origin).acquire(signal);
  if (plan.repack.packs === 0) return { damagedPacks, indexFiles: [], bytesRead: 0, bytesWritten: 0 };
  const packs = new PackWriter(repository, { signal, assertHeld: assertHeld && (() => assertHeld()), writeGate });
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
  const { parts: limits, requests, pieces: ofPieces } = fetchingOf(repository, pool);
  const parts = repackParts(index, usage.kept, actions, limits);
  const copier = new PartCopier(repository, index, pool, ofPieces, signal);
  let done = 0;
  await mapConcurrent(parts, { limit: requests, signal }, async (part) => {
    if (packs.failure !== undefined) throw packs.failure.error;
    const isWhole = await copier.copy(part);
    if (!isWhole) damagedPacks.add(part.packNumber);
    bytesRead += part.end - part.start;
    for (const record of part.records) done += index.location(record)?.length ?? 0;
    onProgress?.({ phase: 'repack', completed: bytesRead, total: undefined, bytes: done, totalBytes });
    if (performance.now() - savedAt < SAVE_INDEX_EVERY_MS) return;
    savedAt = performance.now();
    await packs.saveIndex();
  });
  const leftovers = await pool.flush();
  // Beside the last packs: when they are stored the index asks again, and mostly needs no answer from the storage then.
  const held = assertHeld?.(SEEN_BEFORE_LAST_PACKS_MS);
  held?.catch(() => {});
  const joined = [BLOB_TREE, BLOB_DATA].map((type) => {
    const ofType = leftovers.filter((leftover) => leftover.type === type);
    return storeJoined(ofType, rules.packSizeBytes, { store }, repository);
  });
  await Promise.all(joined);
  await held;
  await packs.flush();
  return { damagedPacks, indexFiles: packs.indexIds, bytesRead, bytesWritten };
}

const turns = new WeakMap<Storage, Semaphore>();

/** The connection that each leaves to its packs would be one that another one reads over. */
function turnOf(storage: Storage): Semaphore {
  const turn = turns.get(storage) ?? new Semaphore(1);
  turns.set(storage, turn);
  return turn;
}

/**
 * A piece may wait until a new pack is stored, which takes a connection, and while it waits no more is taken from the one it
 * came over. So one is left to packs; where there is no other, parts are read whole.
 */
function fetchingOf({ origin, storage }: Repository, { capacity }: RepackPool): Fetching {
  const { remote, connections } = origin.features;
  if (!remote) return { parts: LOCAL_PARTS, requests: capacity, pieces: undefined };
  const requests = Math.min(REMOTE_REQUESTS, connections - 1);
  if (storage.features.handsOver === true && requests > 0) return { parts: HANDED_PARTS, requests, pieces: PIECES };
  return { parts: REMOTE_PARTS, requests: Math.max(REMOTE_REQUESTS, capacity), pieces: undefined };
}

class PartCopier {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #pool: RepackPool;
  readonly #pieces: PartLimits | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #budget = new ByteBudget(MAX_PIECES_BYTES);

  constructor(
    repository: Repository,
    index: BlobIndex,
    pool: RepackPool,
    ofPieces: PartLimits | undefined,
    signal: AbortSignal | undefined,
  ) {
    this.#repository = repository;
    this.#index = index;
    this.#pool = pool;
    this.#pieces = ofPieces;
    this.#signal = signal;
  }

  /** False where a blob is damaged, also when it is read again: a transfer may have been disturbed. */
  async copy(part: RepackPart): Promise<boolean> {
    if (this.#pieces === undefined) return await this.#copyFrom(part, 0);
    let isWhole = true;
    for (const piece of await this.#copyPieces(part, this.#pieces))
      isWhole = (await this.#copyFrom(piece, 1)) && isWhole;
    return isWhole;
  }

  /** Again past the cache, which has packs of trees, and from the other storages of a mirror. */
  async #copyFrom({ type, start, end, records, packNumber }: RepackPart, firstCopy: number): Promise<boolean> {
    const name = this.#nameOf(packNumber);
    let wanted = records;
    for (let copy = firstCopy; copy < readAttempts(this.#repository.origin); copy++) {
      const storage = copy === 0 ? this.#repository.storage : this.#repository.origin;
      const range = { offset: start, length: end - start, copy, signal: this.#signal };
      const bytes = await readRange(storage, name, range);
      if (bytes === undefined) continue;
      const damaged = await this.#pool.copy({ type, records: wanted, start, bytes });
      if (damaged.length === 0) return true;
      wanted = Uint32Array.from(damaged);
      await this.#repository.cache?.forget(name);
    }
    return false;
  }

  /** Copies what comes while the rest is on its way. Returns what did not come, or came damaged. */
  async #copyPieces(part: RepackPart, limits: PartLimits): Promise<RepackPart[]> {
    const damaged: RepackPart[] = [];
    const running: Promise<void>[] = [];
    const copyPiece = async ({ piece, bytes, held }: ArrivedPiece<RepackPart>): Promise<void> => {
      const { type, records, start } = piece;
      const bad = await this.#pool.copy({ type, records, start, bytes }, held);
      if (bad.length > 0) damaged.push({ ...piece, records: Uint32Array.from(bad) });
    };
    using arriving = new ArrivingPieces(pieces(this.#index, part, limits), this.#budget, (arrived) => {
      const run = copyPiece(arrived);
      // It may fail while the rest still comes; it is thrown when that has ended.
      run.catch(() => {});
      running.push(run);
    });
    const range = {
      offset: part.start,
      length: part.end - part.start,
      onBytes: (bytes: Uint8Array, position: number) => arriving.take(bytes, position),
      signal: this.#signal,
    };
    try {
      const rest = await readRange(this.#repository.storage, this.#nameOf(part.packNumber), range);
      if (rest !== undefined) await arriving.take(rest, part.start);
    } finally {
      await Promise.allSettled(running);
    }
    // What failed otherwise is thrown here.
    await Promise.all(running);
    const again = [...damaged, ...arriving.missing];
    if (again.length > 0) await this.#repository.cache?.forget(this.#nameOf(part.packNumber));
    return again;
  }

  #nameOf(packNumber: number): string {
    return objectName('pack', this.#index.packId(packNumber));
  }
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
    if (hasCode(error, 'OBJECT_MISSING') || hasCode(error, 'OBJECT_TRUNCATED') || saysUnreadable(error))
      return undefined;
    throw error;
  }
}
