// Vaults with something to prune.
import { randomBytes } from 'node:crypto';
import { utf8 } from '../../src/base/bytes.ts';
import type { PackId } from '../../src/base/ids.ts';
import { encodeTree } from '../../src/formats/tree/tree-encoder.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { saveSnapshot } from '../../src/repository/snapshots.ts';
import {
  aSnapshot,
  blobIdOf,
  fileNode,
  makeSampleRepository,
  type SampleRepository,
  storeIndex,
  storePack,
  type StoredPack,
} from './repository-fixture.ts';

export interface PrunableVault extends SampleRepository {
  /** One blob that a snapshot needs, one that none needs. */
  readonly partPack: StoredPack;
  /** Nothing in it is needed. */
  readonly deadPack: StoredPack;
  /** A second copy of a blob of the sample's data pack, and a blob that nothing needs. */
  readonly copyPack: StoredPack;
  /** In no index file. */
  readonly orphan: PackId;
}

export const needed: Uint8Array = utf8('needed by the second backup');
export const dead: Uint8Array = utf8('what a removed backup had');

/** Two backups; packs in full use, in part, in none, with copies, in no index file. */
export async function makePrunableVault(options: { readonly version?: 1 | 2 } = {}): Promise<PrunableVault> {
  const made = await makeSampleRepository(options);
  const { repository } = made;
  const partPack = await storePack(repository, [
    { type: 'data', plain: needed },
    { type: 'data', plain: new Uint8Array(randomBytes(5000)) },
  ]);
  const copyPack = await storePack(repository, [
    { type: 'data', plain: utf8('three') },
    { type: 'data', plain: new Uint8Array(randomBytes(4000)) },
  ]);
  const deadPack = await storePack(repository, [{ type: 'data', plain: dead }]);
  const root = encodeTree([fileNode('n', [blobIdOf(needed)], needed.length)]);
  const treePack = await storePack(repository, [
    { type: 'tree', plain: root },
    { type: 'tree', plain: encodeTree([fileNode('gone', [blobIdOf(dead)], dead.length)]) },
  ]);
  await storeIndex(repository, [partPack, copyPack]);
  await storeIndex(repository, [deadPack, treePack]);
  await saveSnapshot(repository, aSnapshot(blobIdOf(root)));
  const orphan = await storePack(repository, [{ type: 'data', plain: utf8('left by a run that was killed') }]);
  return { ...made, partPack, deadPack, copyPack, orphan: orphan.id };
}

export async function packIds(repository: Repository): Promise<Set<PackId>> {
  const ids = new Set<PackId>();
  for await (const { id } of repository.listIds('pack')) ids.add(id);
  return ids;
}
