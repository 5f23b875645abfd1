// Packs whose bytes are handed over while they come, as those of storages behind HTTP are.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeTree } from '../../src/formats/tree/tree-encoder.ts';
import { objectName } from '../../src/repository/layout.ts';
import type { Repository } from '../../src/repository/repository.ts';
import type { RestoreResult } from '../../src/restorer/restore-options.ts';
import { restore } from '../../src/restorer/restore.ts';
import { retrying } from '../../src/storage/layers/retry.ts';
import { pruneVault } from '../../src/vault/care/prune-vault.ts';
import { errorsIn, readAllSnapshots } from '../support/archive-fixture.ts';
import { contextOf } from '../support/fault-sweep.ts';
import { HandingOver } from '../support/handing-over.ts';
import { makePrunableVault, packIds } from '../support/prunable-vaults.ts';
import {
  aSnapshot,
  blobIdOf,
  fileNode,
  flipBit,
  makeRepository,
  storeIndex,
  storePack,
  type StoredPack,
  withOrigin,
} from '../support/repository-fixture.ts';

const CHUNK = 10_007;

describe('a restore', () => {
  // More than one piece.
  const plains = Array.from({ length: 5 }, () => new Uint8Array(randomBytes(900_000)));
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  let target: string;
  let repository: Repository;
  let pack: StoredPack;
  let tree: Uint8Array;

  beforeEach(async () => {
    target = mkdtempSync(join(tmpdir(), 'cairn-pieces-'));
    ({ repository } = await makeRepository());
    pack = await storePack(
      repository,
      plains.map((plain) => ({ type: 'data', plain })),
    );
    const ids = plains.map(blobIdOf);
    const [first = blobIdOf(new Uint8Array())] = ids;
    tree = encodeTree([fileNode('all', ids, 4_500_000, owner), fileNode('one', [first], 900_000, owner)]);
    await storeIndex(repository, [pack, await storePack(repository, [{ type: 'tree', plain: tree }])]);
  });
  afterEach(() => rmSync(target, { recursive: true, force: true }));

  const restoreFrom = (from: Repository): Promise<RestoreResult> =>
    restore(from, { snapshot: aSnapshot(blobIdOf(tree)), target, overwrite: 'always', jobs: 1 });

  it('writes what was handed over', async () => {
    const storage = new HandingOver(repository.origin, CHUNK);
    expect(await restoreFrom(withOrigin(repository, storage))).toMatchObject({ status: 'complete', problemCount: 0 });
    expect(storage.handedOver).toBeGreaterThanOrEqual(4_500_000);
    expect(readFileSync(join(target, 'all'))).toEqual(Buffer.concat(plains));
    expect(readFileSync(join(target, 'one'))).toEqual(Buffer.from(plains[0] ?? []));
  });

  it('goes on where a read breaks off in the middle', async () => {
    const broken = new HandingOver(repository.origin, CHUNK, true);
    const storage = retrying(broken, { firstDelayMs: 1 });
    expect(await restoreFrom(withOrigin(repository, storage))).toMatchObject({ status: 'complete', problemCount: 0 });
    expect(readFileSync(join(target, 'all'))).toEqual(Buffer.concat(plains));
  });

  it('names the file of a blob that is damaged, and writes the others', async () => {
    await flipBit(repository.origin, objectName('pack', pack.id), 8 * 3_000_000);
    const storage = new HandingOver(repository.origin, CHUNK);
    const result = await restoreFrom(withOrigin(repository, storage));
    expect(result).toMatchObject({ status: 'partial', problems: [{ path: '/all' }] });
    expect(readFileSync(join(target, 'one'))).toEqual(Buffer.from(plains[0] ?? []));
  });
});

describe('a prune', () => {
  const rules = { maxUnused: { bytes: 0 }, waitMs: 0 };

  it('copies what was handed over, also where a read breaks off in the middle', async () => {
    const { repository, storage } = await makePrunableVault();
    const broken = new HandingOver(storage, 50, true);
    const over = withOrigin(repository, retrying(broken, { firstDelayMs: 1 }));
    expect(await pruneVault(contextOf(over), rules)).toMatchObject({ status: 'complete', damagedPacks: [] });
    expect(broken.handedOver).toBeGreaterThan(0);
    expect(await errorsIn(repository)).toEqual([]);
    expect(await readAllSnapshots(repository)).toBe(2);
  });

  it('leaves a pack with a damaged blob that is needed', async () => {
    const { repository, storage, partPack, deadPack } = await makePrunableVault();
    await flipBit(storage, objectName('pack', partPack.id), 100);
    const over = withOrigin(repository, new HandingOver(storage, 50));
    const result = await pruneVault(contextOf(over), rules);
    expect(result).toMatchObject({ status: 'partial', damagedPacks: [partPack.id] });
    const left = await packIds(repository);
    expect([left.has(partPack.id), left.has(deadPack.id)]).toEqual([true, false]);
  });
});
