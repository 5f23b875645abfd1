import { describe, expect, it } from 'vitest';
import {
  flipBit,
  makeRepository,
  makeSampleRepository,
  storeIndex,
  type StoredPack,
} from '../../../test/support/repository-fixture.ts';
import { createHash } from 'node:crypto';
import { type BlobId, idToBytes, type PackId } from '../../base/ids.ts';
import { objectName } from '../layout.ts';
import { BLOB_DATA } from './blob-index.ts';
import { loadIndex } from './load-index.ts';

const hex = (text: string): string => createHash('sha256').update(text).digest('hex');

function madeUpPack(name: string, blobs: number): StoredPack {
  return {
    id: hex(name) as PackId,
    blobs: Array.from({ length: blobs }, (_, i) => ({
      type: 'data' as const,
      id: hex(`${name} ${i}`) as BlobId,
      offset: i * 100,
      length: 100,
      uncompressedLength: 300,
    })),
  };
}

describe('loadIndex', () => {
  it.each([1, 2] as const)('finds every blob of several index files in version %i', async (version) => {
    const { repository } = await makeRepository({ version });
    const packs = Array.from({ length: 30 }, (_, i) => madeUpPack(`pack ${i}`, 1 + i * 20));
    for (let i = 0; i < packs.length; i += 3) await storeIndex(repository, packs.slice(i, i + 3));
    const index = await loadIndex(repository);
    const found = packs.flatMap((pack) =>
      pack.blobs.filter(({ id, offset }) => {
        const [at] = index.locations(BLOB_DATA, idToBytes(id));
        return at !== undefined && index.packId(at.packNumber) === pack.id && at.offset === offset;
      }),
    );
    expect(found).toHaveLength(packs.reduce((sum, pack) => sum + pack.blobs.length, 0));
    expect(index.size).toBe(found.length);
  });

  it('keeps the room it was asked for', async () => {
    const { repository } = await makeSampleRepository();
    const index = await loadIndex(repository, { room: { blobs: 1000, packs: 10 } });
    expect(index.capacity - index.size).toBeGreaterThanOrEqual(1000);
  });

  it('takes a pack that is listed twice once, with a warning', async () => {
    const { repository } = await makeRepository();
    const pack = madeUpPack('p', 5);
    await storeIndex(repository, [pack]);
    await storeIndex(repository, [madeUpPack('q', 1), pack]);
    const warnings: string[] = [];
    const index = await loadIndex(repository, { onWarning: (text) => warnings.push(text) });
    expect([index.size, index.packCount]).toEqual([6, 2]);
    expect(warnings).toHaveLength(1);
  });

  it('names a damaged index file', async () => {
    const { storage, repository } = await makeRepository();
    const id = await storeIndex(repository, [madeUpPack('p', 5)]);
    await flipBit(storage, objectName('index', id), 300);
    await expect(loadIndex(repository)).rejects.toMatchObject({
      code: 'INDEX_CORRUPT',
      facts: { object: objectName('index', id) },
    });
  });

  it('goes on without a damaged index file when asked to', async () => {
    const { storage, repository } = await makeRepository();
    const id = await storeIndex(repository, [madeUpPack('p', 5)]);
    await storeIndex(repository, [madeUpPack('q', 2)]);
    await flipBit(storage, objectName('index', id), 300);
    const damaged: string[] = [];
    const index = await loadIndex(repository, { onDamaged: (error) => damaged.push(error.message) });
    expect(index.size).toBe(2);
    expect(damaged).toEqual([expect.stringContaining(id)]);
  });

  it('is empty for an empty repository', async () => {
    const { repository } = await makeRepository();
    expect((await loadIndex(repository)).size).toBe(0);
  });
});
