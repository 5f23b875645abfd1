// Saves what is intact in damaged packs (restic's `repair packs`): good blobs are stored again, the index forgets the
// packs, and only then they are removed.
import { CairnError, hasCode } from '../../base/errors.ts';
import { type BlobId, idToBytes, type PackId } from '../../base/ids.ts';
import type { PackEntry } from '../../formats/pack/pack-header.ts';
import { saysUnreadable } from '../../storage/device-error.ts';
import type { ObjectInfo, Storage } from '../../storage/storage.ts';
import { BlobDecoder } from '../blob-codec.ts';
import { BlobStore } from '../blob-store.ts';
import { BLOB_DATA, BLOB_TREE, type BlobIndex } from '../index/blob-index.ts';
import { rewriteIndex } from '../index/rewrite-index.ts';
import { objectName } from '../layout.ts';
import type { Repository } from '../repository.ts';
import { storageId } from '../stored-file.ts';
import { isDamage, readPackHeader } from './read-pack-header.ts';

export interface PackRepairPlan {
  readonly packs: readonly PackState[];
}

export type PackState =
  /** It is what its name says, and so is every blob in it: it is left alone. */
  | { readonly state: 'intact'; readonly id: PackId }
  /** There is no such pack; `repair index` makes the index forget it. */
  | { readonly state: 'missing'; readonly id: PackId }
  | {
      readonly state: 'damaged';
      readonly id: PackId;
      readonly sizeBytes: number;
      /** Good blobs, which are stored again. */
      readonly savedBlobs: number;
      readonly savedBytes: number;
      /** Damaged ones of which the index knows another copy. */
      readonly elsewhere: readonly LostBlob[];
      /** Damaged ones that are lost with the pack. A new backup of the same files may bring them back. */
      readonly lost: readonly LostBlob[];
    };

export interface LostBlob {
  readonly type: 'data' | 'tree';
  readonly id: BlobId;
}

export interface PackRepairResult {
  readonly plan: PackRepairPlan;
  readonly removedPacks: readonly PackId[];
}

export interface PackRepairOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called before something is removed. When it rejects, because the lock is lost, nothing is. */
  readonly assertHeld?: (() => Promise<void>) | undefined;
  /** Called with the bytes of a damaged pack before anything is changed, to keep a copy somewhere. */
  readonly onDamagedPack?: ((id: PackId, bytes: Uint8Array) => Promise<void>) | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Reads the packs, twice where something is bad, and says what is in them. */
export async function planPackRepair(
  repository: Repository,
  index: BlobIndex,
  ids: readonly PackId[],
  options: PackRepairOptions = {},
): Promise<PackRepairPlan> {
  const unique = [...new Set(ids)];
  const listed = entriesByPack(index, new Set(unique));
  const packs: PackState[] = [];
  for (const id of unique) {
    packs.push(await examine(repository, index, id, listed.get(id) ?? [], { ...options, others: new Set(unique) }));
    options.onProgress?.(packs.length, unique.length);
  }
  return { packs };
}

/**
 * Does it. The caller holds the exclusive lock since before the plan was made. At every instant a good blob is in a pack
 * that the index lists; a run that was stopped can be run again.
 */
export async function applyPackRepair(
  repository: Repository,
  index: BlobIndex,
  plan: PackRepairPlan,
  { signal, onProgress, assertHeld }: PackRepairOptions = {},
): Promise<PackRepairResult> {
  const planned = plan.packs.filter((pack) => pack.state === 'damaged');
  if (planned.length === 0) return { plan, removedPacks: [] };
  const damaged = planned.map(({ id }) => id);
  const listed = entriesByPack(index, new Set(damaged));
  const store = new BlobStore(repository, index, { signal, assertHeld });
  let done = 0;
  for (const { id, savedBlobs } of planned) {
    const content = await readContent(repository, id, listed.get(id) ?? [], signal);
    const good = content?.good ?? [];
    // The pack is about to be removed: what was promised to be saved of it must have come.
    if (good.length < savedBlobs) throw lessThanPlanned(id, good.length, savedBlobs);
    for (const { entry, sealed } of good) await store.saveSealed(entry, sealed);
    onProgress?.(++done, damaged.length);
  }
  // Packs, then the index that lists them; only then the index that lists the old ones no more, and they themselves.
  await store.flush();
  await assertHeld?.();
  await rewriteIndex(repository, { drop: new Set(damaged), add: [], damaged: new Set() }, { signal });
  await assertHeld?.();
  for (const id of damaged) await repository.removeFile('pack', id, { signal });
  return { plan, removedPacks: damaged };
}

interface ExamineOptions extends PackRepairOptions {
  /** Packs that are repaired as well: a copy in one of them is none to rely on. */
  readonly others: ReadonlySet<PackId>;
}

async function examine(
  repository: Repository,
  index: BlobIndex,
  id: PackId,
  listed: readonly PackEntry[],
  { signal, others, onDamagedPack }: ExamineOptions,
): Promise<PackState> {
  const content = await readContent(repository, id, listed, signal);
  if (content === undefined) return { state: 'missing', id };
  if (content.isIntact) return { state: 'intact', id };
  await onDamagedPack?.(id, content.bytes);
  const good = new Set(content.good.map(({ entry }) => `${entry.type} ${entry.id}`));
  const bad = content.bad.filter((entry) => !good.has(`${entry.type} ${entry.id}`));
  const [elsewhere, lost] = [true, false].map((wanted) =>
    bad
      .filter((entry) => isStoredElsewhere(index, entry, others) === wanted)
      .map(({ type, id: blob }): LostBlob => ({ type, id: blob })),
  );
  return {
    state: 'damaged',
    id,
    sizeBytes: content.bytes.length,
    savedBlobs: content.good.length,
    savedBytes: content.good.reduce((sum, { sealed }) => sum + sealed.length, 0),
    elsewhere: elsewhere ?? [],
    lost: lost ?? [],
  };
}

/** Whether the index knows a copy of the blob outside of these packs. */
function isStoredElsewhere(index: BlobIndex, { type, id }: PackEntry, packs: ReadonlySet<PackId>): boolean {
  return index
    .locations(type === 'tree' ? BLOB_TREE : BLOB_DATA, idToBytes(id))
    .some((at) => !packs.has(index.packId(at.packNumber)));
}

interface PackContent {
  readonly bytes: Uint8Array;
  readonly isIntact: boolean;
  readonly good: readonly { readonly entry: PackEntry; readonly sealed: Uint8Array }[];
  readonly bad: readonly PackEntry[];
}

/** `undefined` where there is no such pack. What is good in either of two readings: one may have been disturbed. */
async function readContent(
  repository: Repository,
  id: PackId,
  listed: readonly PackEntry[],
  signal: AbortSignal | undefined,
): Promise<PackContent | undefined> {
  const first = await readOnce(repository, id, listed, signal);
  if (first === undefined || first.isIntact) return first;
  const second = await readOnce(repository, id, listed, signal);
  if (second === undefined || second.isIntact) return second ?? first;
  const good = new Map([...first.good, ...second.good].map((blob) => [placeOf(blob.entry), blob]));
  const all = uniqueEntries([...first.good.map(({ entry }) => entry), ...first.bad, ...second.bad]);
  return { ...second, good: [...good.values()], bad: all.filter((entry) => !good.has(placeOf(entry))) };
}

function lessThanPlanned(id: PackId, good: number, planned: number): CairnError {
  const name = objectName('pack', id);
  return new CairnError('STORAGE_IO', `${name}: ${good} of the ${planned} intact blobs came when it was read again`, {
    hint: 'Nothing was removed. The storage or the line to it is not reliable; run it again, best on another machine.',
    retry: 'later',
    facts: { object: name, good, planned },
  });
}

async function readOnce(
  repository: Repository,
  id: PackId,
  listed: readonly PackEntry[],
  signal: AbortSignal | undefined,
): Promise<PackContent | undefined> {
  signal?.throwIfAborted();
  const info = await repository.origin.stat(objectName('pack', id), { signal });
  if (info === undefined) return undefined;
  const header = await headerOf(repository, id, info.sizeBytes, signal);
  const entries = uniqueEntries([...(header ?? []), ...listed]);
  const bytes = await readWhole(repository, info, entries, signal);
  const decoder = new BlobDecoder(repository.codec, repository.key);
  const good: { entry: PackEntry; sealed: Uint8Array }[] = [];
  const bad: PackEntry[] = [];
  for (const entry of entries) {
    const sealed = bytes.subarray(entry.offset, entry.offset + entry.length);
    if (isGood(decoder, entry, sealed)) good.push({ entry, sealed });
    else bad.push(entry);
  }
  const isIntact = header !== undefined && bad.length === 0 && storageId<PackId>(repository.codec, bytes) === id;
  return { bytes, isIntact, good, bad };
}

/** Throws `OBJECT_TRUNCATED` when less came than there is: that says nothing about the pack. */
async function readWhole(
  { origin }: Repository,
  { name, sizeBytes }: ObjectInfo,
  entries: readonly PackEntry[],
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await origin.read(name, { signal });
  } catch (error) {
    if (saysUnreadable(error)) return await readAround(origin, { name, sizeBytes }, entries, signal);
    throw error;
  }
  if (bytes.length === sizeBytes) return bytes;
  const message = `${name}: ${bytes.length} of ${sizeBytes} bytes came`;
  throw new CairnError('OBJECT_TRUNCATED', message, { retry: 'later', facts: { object: name } });
}

/**
 * A pack of which the device cannot read everything, blob by blob, with zeros in the place of those that do not come. Not sector by
 * sector: a disk may try for seconds before it gives one up.
 */
async function readAround(
  origin: Storage,
  { name, sizeBytes }: ObjectInfo,
  entries: readonly PackEntry[],
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes);
  for (const { offset, length } of entries) {
    if (offset + length > sizeBytes) continue;
    try {
      bytes.set(await origin.read(name, { offset, length, signal }), offset);
    } catch (error) {
      if (!saysUnreadable(error)) throw error;
    }
  }
  return bytes;
}

async function headerOf(
  repository: Repository,
  id: PackId,
  sizeBytes: number,
  signal: AbortSignal | undefined,
): Promise<readonly PackEntry[] | undefined> {
  try {
    return await readPackHeader(repository, id, sizeBytes, signal);
  } catch (error) {
    if (isDamage(error) || hasCode(error, 'OBJECT_MISSING') || saysUnreadable(error)) return undefined;
    throw error;
  }
}

function isGood(decoder: BlobDecoder, entry: PackEntry, sealed: Uint8Array): boolean {
  if (sealed.length !== entry.length) return false;
  try {
    return decoder.matches(decoder.open(sealed, entry.uncompressedLength), idToBytes(entry.id));
  } catch {
    return false;
  }
}

/** What header and index both list counts once. */
function uniqueEntries(entries: readonly PackEntry[]): PackEntry[] {
  const byPlace = new Map(entries.map((entry) => [placeOf(entry), entry]));
  return [...byPlace.values()].sort((a, b) => a.offset - b.offset);
}

function placeOf({ type, id, offset, length }: PackEntry): string {
  return `${type} ${id} ${offset} ${length}`;
}

/** What the index lists of some packs, found in one pass over it. */
function entriesByPack(index: BlobIndex, ids: ReadonlySet<PackId>): Map<PackId, PackEntry[]> {
  const numbers = new Map<number, PackId>();
  for (let pack = 0; pack < index.packCount; pack++) {
    const id = index.packId(pack);
    if (ids.has(id)) numbers.set(pack, id);
  }
  const entries = new Map<PackId, PackEntry[]>();
  for (let record = 0; record < index.size && numbers.size > 0; record++) {
    const location = index.location(record);
    const pack = location === undefined ? undefined : numbers.get(location.packNumber);
    if (location === undefined || pack === undefined) continue;
    const { offset, length, uncompressedLength } = location;
    const type = index.blobType(record) === BLOB_TREE ? 'tree' : 'data';
    const list = entries.get(pack) ?? [];
    list.push({ type, id: index.blobId(record), offset, length, uncompressedLength });
    entries.set(pack, list);
  }
  return entries;
}
