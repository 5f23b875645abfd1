import { describe, expect, it } from 'vitest';
import { withMissingPack } from '../../../test/support/damaged-vaults.ts';
import { errorsIn } from '../../../test/support/archive-fixture.ts';
import { makeSampleRepository, storeIndex, storePack, withOrigin } from '../../../test/support/repository-fixture.ts';
import { utf8 } from '../../base/bytes.ts';
import type { PackId } from '../../base/ids.ts';
import { faulty } from '../../storage/layers/faulty.ts';
import { loadIndex } from '../index/load-index.ts';
import { objectName } from '../layout.ts';
import { applyIndexRepair, planIndexRepair, repairsIndex } from './repair-index.ts';

const junkId = 'ab'.repeat(32) as PackId;

describe('the plan to repair an index', () => {
  it('is empty where index and packs agree', async () => {
    const { repository } = await makeSampleRepository();
    expect(repairsIndex(await planIndexRepair(repository))).toBe(false);
  });

  it('has packs that are not listed', async () => {
    const { repository } = await makeSampleRepository();
    const { id } = await storePack(repository, [{ type: 'data', plain: utf8('new') }]);
    const { packsToRead } = await planIndexRepair(repository);
    expect(packsToRead).toMatchObject([{ id, why: 'unlisted' }]);
  });

  it('has packs of another size than the index says', async () => {
    const { repository, storage, dataPack } = await makeSampleRepository();
    const name = objectName('pack', dataPack.id);
    await storage.write(name, (await storage.read(name)).slice(0, -10));
    expect((await planIndexRepair(repository)).packsToRead).toMatchObject([{ id: dataPack.id, why: 'size' }]);
  });

  it('has packs that are gone', async () => {
    const { repository, dataPack } = await withMissingPack();
    expect((await planIndexRepair(repository)).missingPacks).toEqual([dataPack.id]);
  });

  it('has packs that several index files list, as a part or in whole', async () => {
    const { repository, dataPack, treePack } = await makeSampleRepository();
    await storeIndex(repository, [{ id: dataPack.id, blobs: dataPack.blobs.slice(0, 1) }, treePack]);
    const { packsToRead } = await planIndexRepair(repository);
    expect(packsToRead).toHaveLength(2);
    expect(packsToRead).toMatchObject([{ why: 'repeated' }, { why: 'repeated' }]);
  });

  it('has no pack that a listing missed and that is there', async () => {
    const { repository, storage, dataPack } = await makeSampleRepository();
    const entry = (name: string): boolean => name.endsWith(dataPack.id);
    const stale = withOrigin(repository, faulty(storage, { how: 'lose-from-listing', entry }));
    expect((await planIndexRepair(stale)).missingPacks).toEqual([]);
  });

  it('is refused where there is no pack at all: a disk is not mounted', async () => {
    const { repository, dataPack, treePack } = await makeSampleRepository();
    for (const { id } of [dataPack, treePack]) await repository.removeFile('pack', id);
    await expect(planIndexRepair(repository)).rejects.toMatchObject({ code: 'STORAGE_UNREACHABLE' });
  });
});

describe('a repaired index', () => {
  it('lists what was not listed, and keeps index files that it does not concern', async () => {
    const { repository } = await makeSampleRepository();
    const before = await Array.fromAsync(repository.listIds('index'));
    await storePack(repository, [{ type: 'data', plain: utf8('new') }]);
    const result = await applyIndexRepair(repository, await planIndexRepair(repository));
    expect(result).toMatchObject({ packsListed: 1, indexFilesWritten: 1, indexFilesRemoved: 0 });
    expect(await Array.fromAsync(repository.listIds('index'))).toEqual(expect.arrayContaining(before));
    expect(await errorsIn(repository)).toEqual([]);
  });

  it('lists every pack once', async () => {
    const { repository, dataPack, treePack } = await makeSampleRepository();
    await storeIndex(repository, [{ id: dataPack.id, blobs: dataPack.blobs.slice(0, 1) }, treePack]);
    await applyIndexRepair(repository, await planIndexRepair(repository));
    const warnings: string[] = [];
    const index = await loadIndex(repository, { onWarning: (warning) => warnings.push(warning) });
    expect(warnings).toEqual([]);
    expect(index.size).toBe(dataPack.blobs.length + treePack.blobs.length);
    expect(await errorsIn(repository)).toEqual([]);
  });

  it('has nothing of a pack that is no pack, which stays', async () => {
    const { repository, storage } = await makeSampleRepository();
    await storage.write(objectName('pack', junkId), utf8('an upload that was cut off'));
    const { packsListed, unreadablePacks } = await applyIndexRepair(repository, await planIndexRepair(repository));
    expect([packsListed, unreadablePacks.map(({ id }) => id)]).toEqual([0, [junkId]]);
    expect(await storage.stat(objectName('pack', junkId))).toBeDefined();
  });

  it('keeps what it said of a pack whose header cannot be read any more', async () => {
    const { repository, storage, dataPack } = await makeSampleRepository();
    const name = objectName('pack', dataPack.id);
    await storage.write(name, (await storage.read(name)).slice(0, -10));
    const size = (await loadIndex(repository)).size;
    const { unreadablePacks } = await applyIndexRepair(repository, await planIndexRepair(repository));
    expect(unreadablePacks).toMatchObject([{ id: dataPack.id }]);
    expect((await loadIndex(repository)).size).toBe(size);
  });

  it('believes the headers where an index file lies', async () => {
    const { repository, dataPack } = await makeSampleRepository();
    for await (const { id } of repository.listIds('index')) await repository.removeFile('index', id);
    const [first, ...others] = dataPack.blobs;
    await storeIndex(repository, [{ id: dataPack.id, blobs: [{ ...first!, length: first!.length + 7 }, ...others] }]);
    const plan = await planIndexRepair(repository, { readAllPacks: true });
    await applyIndexRepair(repository, plan);
    expect(await errorsIn(repository)).toEqual([]);
  });
});
