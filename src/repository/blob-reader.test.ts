import { describe, expect, it } from 'vitest';
import {
  flipBit,
  makeRepository,
  makeSampleRepository,
  storeIndex,
  storePack,
} from '../../test/support/repository-fixture.ts';
import { utf8 } from '../base/bytes.ts';
import { readBlob, readTree } from './blob-reader.ts';
import { loadIndex } from './index/load-index.ts';
import { objectName } from './layout.ts';

const plain = utf8('the same content '.repeat(100));

/** Two packs that both hold the same blob. */
async function twoCopies() {
  const { storage, repository } = await makeRepository();
  const packs = [
    await storePack(repository, [{ type: 'data', plain }]),
    await storePack(repository, [
      { type: 'data', plain: utf8('before') },
      { type: 'data', plain },
    ]),
  ] as const;
  await storeIndex(repository, packs);
  const id = packs[0].blobs[0]!.id;
  return { storage, repository, packs, id, index: await loadIndex(repository) };
}

describe('readBlob', () => {
  it.each([1, 2] as const)('reads every blob of a repository of version %i', async (version) => {
    const { repository, dataBlobs } = await makeSampleRepository({ version });
    const index = await loadIndex(repository);
    const sizes = [];
    for (const id of dataBlobs) sizes.push((await readBlob(repository, index, 'data', id)).length);
    expect(sizes).toEqual([20_000, 3000, 5]);
  });

  it.each([0, 1])('uses the other copy when the one in pack %i is damaged', async (damaged) => {
    const { storage, repository, packs, id, index } = await twoCopies();
    const pack = packs[damaged]!;
    const blob = pack.blobs.find((entry) => entry.id === id)!;
    await flipBit(storage, objectName('pack', pack.id), (blob.offset + 20) * 8);
    expect(await readBlob(repository, index, 'data', id)).toEqual(plain);
  });

  it('uses the other copy when a pack is gone', async () => {
    const { repository, packs, id, index } = await twoCopies();
    await repository.removeFile('pack', packs[0].id);
    expect(await readBlob(repository, index, 'data', id)).toEqual(plain);
  });

  it('names the packs when all copies are damaged', async () => {
    const { storage, repository, packs, id, index } = await twoCopies();
    for (const pack of packs) await storage.write(objectName('pack', pack.id), new Uint8Array(3000));
    await expect(readBlob(repository, index, 'data', id)).rejects.toMatchObject({
      code: 'BLOB_CORRUPT',
      facts: { blob: id, packs: expect.arrayContaining(packs.map((pack) => pack.id)) },
    });
  });

  it('says that the packs are missing when all are gone', async () => {
    const { repository, packs, id, index } = await twoCopies();
    for (const pack of packs) await repository.removeFile('pack', pack.id);
    await expect(readBlob(repository, index, 'data', id)).rejects.toMatchObject({
      code: 'BLOB_MISSING',
      message: expect.stringContaining(objectName('pack', packs[0].id)),
    });
  });

  it('says that no index lists a blob', async () => {
    const { repository, id, index } = await twoCopies();
    await expect(readBlob(repository, index, 'tree', id)).rejects.toMatchObject({ code: 'BLOB_MISSING' });
  });
});

describe('readTree', () => {
  it('gives the nodes of a tree', async () => {
    const { repository, tree } = await makeSampleRepository();
    const nodes = await readTree(repository, await loadIndex(repository), tree);
    expect(nodes.map(({ type }) => type)).toEqual(['file', 'dir']);
  });

  it('names the tree that cannot be parsed', async () => {
    const { repository } = await makeRepository();
    const pack = await storePack(repository, [{ type: 'tree', plain: utf8('no tree') }]);
    await storeIndex(repository, [pack]);
    const id = pack.blobs[0]!.id;
    await expect(readTree(repository, await loadIndex(repository), id)).rejects.toMatchObject({
      code: 'TREE_CORRUPT',
      facts: { tree: id },
    });
  });
});
