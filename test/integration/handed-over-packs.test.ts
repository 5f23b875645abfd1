// Packs whose bytes are handed over while they come, as those of storages behind HTTP are.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeTree } from '../../src/formats/tree/tree-encoder.ts';
import { objectName } from '../../src/repository/layout.ts';
import { planPrune } from '../../src/repository/prune/plan-prune.ts';
import { repack } from '../../src/repository/prune/repack.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { saveSnapshot } from '../../src/repository/snapshots.ts';
import type { RestoreResult } from '../../src/restorer/restore-options.ts';
import { restore } from '../../src/restorer/restore.ts';
import { limited } from '../../src/storage/layers/limit.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import { retrying } from '../../src/storage/layers/retry.ts';
import type { ObjectName, Storage } from '../../src/storage/storage.ts';
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

/** Tells how many objects were on their way at once. */
class SlowWrites extends StorageLayer {
  #running = 0;
  most = 0;

  override async write(name: ObjectName, data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    this.most = Math.max(this.most, ++this.#running);
    await sleep(100);
    await this.inner.write(name, data);
    this.#running--;
  }
}

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

it('a restore of much that is damaged reads all of it again, though all connections are in use', async () => {
  const { repository } = await makeRepository();
  const target = mkdtempSync(join(tmpdir(), 'cairn-pieces-'));
  const plains = Array.from({ length: 30 }, () => new Uint8Array(randomBytes(1_900_000)));
  const packs: StoredPack[] = [];
  for (const some of [plains.slice(0, 15), plains.slice(15)]) {
    const pack = await storePack(
      repository,
      some.map((plain) => ({ type: 'data', plain })),
    );
    const name = objectName('pack', pack.id);
    const bytes = Uint8Array.from(await repository.origin.read(name));
    for (const { offset } of pack.blobs) bytes.fill(0, offset + 100, offset + 200);
    await repository.origin.write(name, bytes);
    packs.push(pack);
  }
  const tree = encodeTree(plains.map((plain, at) => fileNode(`f${10 + at}`, [blobIdOf(plain)], plain.length)));
  await storeIndex(repository, [...packs, await storePack(repository, [{ type: 'tree', plain: tree }])]);
  const storage = limited(new HandingOver(repository.origin, 64 * 1024), { connections: 2 });
  const options = { snapshot: aSnapshot(blobIdOf(tree)), target, overwrite: 'always' as const, jobs: 1 };
  const result = await restore(withOrigin(repository, storage), options);
  rmSync(target, { recursive: true, force: true });
  expect(result.status).toBe('partial');
  expect(new Set(result.problems.map(({ path }) => path)).size).toBe(30);
});

/** A vault of three packs of 24 MB, each more than a prune has in memory, of which all is kept but a little. */
async function makeLargeVault(): Promise<{ repository: Repository; storage: Storage }> {
  const { repository, storage } = await makePrunableVault();
  const packs: StoredPack[] = [];
  const kept: Uint8Array[] = [];
  for (let at = 0; at < 3; at++) {
    const plains = Array.from({ length: 24 }, () => new Uint8Array(randomBytes(1_000_000)));
    const unused = new Uint8Array(randomBytes(10_000));
    packs.push(
      await storePack(
        repository,
        [unused, ...plains].map((plain) => ({ type: 'data', plain })),
      ),
    );
    kept.push(...plains);
  }
  const tree = encodeTree([fileNode('all', kept.map(blobIdOf), 72_000_000)]);
  await storeIndex(repository, [...packs, await storePack(repository, [{ type: 'tree', plain: tree }])]);
  await saveSnapshot(repository, aSnapshot(blobIdOf(tree)));
  return { repository, storage };
}

describe('a prune', () => {
  const rules = { maxUnused: { bytes: 0 }, waitMs: 0 };

  const packSizeBytes = 4 * 1024 * 1024;

  it.each([1, 2, 3])('stores new packs while it reads, over no more than %i connections', async (connections) => {
    const { repository, storage } = await makeLargeVault();
    const over = withOrigin(repository, limited(new HandingOver(storage, 64 * 1024), { connections }));
    const result = await pruneVault(contextOf(over), { ...rules, packSizeBytes });
    expect(result).toMatchObject({ status: 'complete', damagedPacks: [] });
    expect(await errorsIn(repository)).toEqual([]);
    expect(await readAllSnapshots(repository)).toBe(3);
  });

  it('has no more packs in memory than one for each thread and four more, however slowly they are stored', async () => {
    const { repository, storage } = await makeLargeVault();
    const slow = new SlowWrites(storage);
    const over = withOrigin(repository, new HandingOver(slow, 64 * 1024));
    const planned = await planPrune(over, { ...rules, packSizeBytes });
    await repack(over, planned, { jobs: 2 });
    expect(slow.most).toBeGreaterThan(1);
    // In the end, what the two threads were filling as well: a thread may have a pack of data and one of trees.
    expect(slow.most).toBeLessThanOrEqual(6 + 2);
  });

  it('shares few connections with others', async () => {
    const { repository, storage } = await makeLargeVault();
    const over = withOrigin(repository, limited(new HandingOver(storage, 64 * 1024), { connections: 3 }));
    const planned = await planPrune(over, { ...rules, packSizeBytes });
    const results = await Promise.all(Array.from({ length: 4 }, () => repack(over, planned)));
    expect(results.filter(({ bytesWritten }) => bytesWritten > 72_000_000)).toHaveLength(4);
  });

  it('asks for what is kept in stretches of 8 MiB, over what lies between and is not', async () => {
    const { repository, storage } = await makePrunableVault();
    const plains = Array.from({ length: 12 }, () => new Uint8Array(randomBytes(1_000_000)));
    const unused = Array.from({ length: 11 }, () => new Uint8Array(randomBytes(300_000)));
    const blobs = plains.flatMap((plain, at) => [plain, ...unused.slice(at, at + 1)]);
    const pack = await storePack(
      repository,
      blobs.map((plain) => ({ type: 'data', plain })),
    );
    const tree = encodeTree([fileNode('all', plains.map(blobIdOf), 12_000_000)]);
    await storeIndex(repository, [pack, await storePack(repository, [{ type: 'tree', plain: tree }])]);
    await saveSnapshot(repository, aSnapshot(blobIdOf(tree)));
    const over = new HandingOver(storage, 64 * 1024);
    await pruneVault(contextOf(withOrigin(repository, over)), rules);
    expect(over.names.filter((name) => name === objectName('pack', pack.id))).toHaveLength(2);
  });

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
