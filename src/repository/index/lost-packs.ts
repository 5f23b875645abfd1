// Whether the packs that an index lists are there: what is known only from a pack that is gone has to be stored again.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CairnError, systemCode } from '../../base/errors.ts';
import type { PackId } from '../../base/ids.ts';
import type { Storage } from '../../storage/storage.ts';
import { objectName } from '../layout.ts';
import type { BlobIndex } from './blob-index.ts';

/** A pack, and the size from which on its file has every blob that is known of it. */
export interface ExpectedPack {
  readonly id: PackId;
  readonly leastBytes: number;
}

/** Looking at each of so many takes no longer than listing the 256 folders they may be in. */
const LOOK_AT_EACH = 1000;
/** Looked at in one go, before other work of this thread has its turn. */
const IN_ONE_GO = 16;
const ABSENT = new Set(['ENOENT', 'ENOTDIR']);

/** The packs that an index lists, by their numbers. */
export function expectedPacks(index: BlobIndex): ExpectedPack[] {
  return Array.from(index.packEnds(), (leastBytes, number) => ({ id: index.packId(number), leastBytes }));
}

/**
 * Those of the packs that are gone or were cut short, where that costs next to nothing to find out: in a folder of this machine. Elsewhere it
 * is left to `check`. Of very many packs only the names are looked at. Throws `BLOB_MISSING` where not one of them is there.
 */
export async function findLostPacks(
  { features: { localPath }, url }: Storage,
  packs: readonly ExpectedPack[],
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<PackId>> {
  if (localPath === undefined || packs.length === 0) return new Set();
  const lost =
    packs.length <= LOOK_AT_EACH ? await lookAtEach(localPath, packs, signal) : await listAll(localPath, packs, signal);
  if (lost.size === packs.length) throw allGone(url, lost);
  return lost;
}

async function lookAtEach(
  root: string,
  packs: readonly ExpectedPack[],
  signal: AbortSignal | undefined,
): Promise<Set<PackId>> {
  const lost = new Set<PackId>();
  await inTurns(packs, signal, ({ id, leastBytes }) => {
    if (sizeOf(join(root, objectName('pack', id))) < leastBytes) lost.add(id);
  });
  return lost;
}

/** What cannot be looked at for another reason than that it is gone is for its reader to tell. */
function sizeOf(path: string): number {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size ?? -1;
  } catch {
    return Infinity;
  }
}

async function listAll(
  root: string,
  packs: readonly ExpectedPack[],
  signal: AbortSignal | undefined,
): Promise<Set<PackId>> {
  const lost = new Map<string, PackId>(packs.map(({ id }) => [objectName('pack', id), id]));
  const folders = new Set([...lost.keys()].map((name) => name.slice(0, name.lastIndexOf('/'))));
  await inTurns([...folders], signal, (folder) => {
    for (const name of namesIn(join(root, folder))) lost.delete(`${folder}/${name}`);
  });
  return new Set(lost.values());
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (ABSENT.has(systemCode(error) ?? '')) return [];
    throw error;
  }
}

/** With synchronous calls, which take a tenth of the time of others where the system has the answer in memory. */
async function inTurns<T>(
  items: readonly T[],
  signal: AbortSignal | undefined,
  look: (item: T) => void,
): Promise<void> {
  for (let at = 0; at < items.length; at += IN_ONE_GO) {
    if (at > 0) await nextTurn();
    signal?.throwIfAborted();
    for (const item of items.slice(at, at + IN_ONE_GO)) look(item);
  }
}

/** Storing all of it again would fill whatever disk is there in the place of the right one. */
function allGone(url: string, lost: ReadonlySet<PackId>): CairnError {
  const packs = lost.size === 1 ? 'the pack that it lists is' : `all ${lost.size} packs that it lists are`;
  return new CairnError('BLOB_MISSING', `the vault ${url} has its index, but ${packs} gone`, {
    hint: 'If `data` lies on a disk of its own, mount it. If the packs are lost for good, `cairn repair index` takes them out of the index; the next backup then saves everything again.',
    facts: { packs: lost.size },
  });
}
