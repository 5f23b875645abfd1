import { describe, expect, it } from 'vitest';
import { makeRepository, storeIndex, storePack, type StoredPack } from '../../../test/support/repository-fixture.ts';
import { utf8 } from '../../base/bytes.ts';
import type { IndexId } from '../../base/ids.ts';
import type { Repository } from '../repository.ts';
import type { BlobIndex } from './blob-index.ts';
import { extendIndex } from './extend-index.ts';
import { loadIndex } from './load-index.ts';
import { replaceIndexFiles } from './replace-index-files.ts';

const pack = (repository: Repository, ...texts: string[]): Promise<StoredPack> =>
  storePack(
    repository,
    texts.map((text) => ({ type: 'data', plain: utf8(text) })),
  );

async function drop(repository: Repository, packs: readonly StoredPack[], join: readonly IndexId[] = []) {
  const packsOfFiles = new Map<IndexId, number[]>();
  const index = await loadIndex(repository, { packsOfFiles });
  const numbers = packs.map(({ id }) => numberOf(index, id));
  const change = { packsOfFiles, drop: new Set(numbers), join: new Set(join) };
  return replaceIndexFiles(repository, index, change, { assertHeld: async () => {} });
}

const numberOf = (index: BlobIndex, id: string): number =>
  Array.from({ length: index.packCount }, (_, number) => number).findIndex((number) => index.packId(number) === id);

async function listed(repository: Repository): Promise<string[]> {
  const index = await loadIndex(repository);
  return Array.from({ length: index.packCount }, (_, number) => index.packId(number)).sort();
}

async function fileIds(repository: Repository): Promise<IndexId[]> {
  const ids: IndexId[] = [];
  for await (const { id } of repository.listIds('index')) ids.push(id);
  return ids;
}

const lost = (): Promise<never> => Promise.reject(new Error('lost'));
const idsOf = (...packs: readonly StoredPack[]): string[] => packs.map(({ id }) => id).sort();

describe('replaceIndexFiles', () => {
  it('takes packs out and keeps every entry of the others', async () => {
    const { repository } = await makeRepository();
    const [stays, goes] = [await pack(repository, 'a', 'b'), await pack(repository, 'c')];
    await storeIndex(repository, [stays, goes]);
    expect(await drop(repository, [goes])).toEqual({ written: 1, removed: 1 });
    const index = await loadIndex(repository);
    expect(
      Array.from({ length: index.size }, (_, record) => ({ id: index.blobId(record), ...index.location(record) })),
    ).toEqual(
      stays.blobs.map(({ id, offset, length, uncompressedLength }) => ({
        id,
        packNumber: 0,
        offset,
        length,
        uncompressedLength,
      })),
    );
  });

  it('does not touch files without such packs', async () => {
    const { repository } = await makeRepository();
    const [a, b] = [await pack(repository, 'a'), await pack(repository, 'b')];
    const untouched = await storeIndex(repository, [a]);
    await storeIndex(repository, [b]);
    await drop(repository, [b]);
    expect(await fileIds(repository)).toEqual([untouched]);
  });

  it('ends the work of a run that stopped before it removed the old files', async () => {
    const { repository } = await makeRepository();
    const [stays, goes] = [await pack(repository, 'a'), await pack(repository, 'b')];
    const written = await storeIndex(repository, [stays]);
    await storeIndex(repository, [stays, goes]);
    expect(await drop(repository, [goes])).toEqual({ written: 0, removed: 1 });
    expect(await fileIds(repository)).toEqual([written]);
  });

  it('joins files that are named', async () => {
    const { repository } = await makeRepository();
    const packs = [await pack(repository, 'a'), await pack(repository, 'b'), await pack(repository, 'c')];
    const files: IndexId[] = [];
    for (const one of packs) files.push(await storeIndex(repository, [one]));
    expect(await drop(repository, [packs[2]!], files.slice(0, 2))).toEqual({ written: 1, removed: 3 });
    expect(await listed(repository)).toEqual(idsOf(packs[0]!, packs[1]!));
  });

  it('removes nothing when the lock is lost', async () => {
    const { repository } = await makeRepository();
    const one = await pack(repository, 'a');
    await storeIndex(repository, [one]);
    const packsOfFiles = new Map<IndexId, number[]>();
    const index = await loadIndex(repository, { packsOfFiles });
    const change = { packsOfFiles, drop: new Set([0]), join: new Set<IndexId>() };
    await expect(replaceIndexFiles(repository, index, change, { assertHeld: lost })).rejects.toThrow('lost');
    expect(await listed(repository)).toEqual(idsOf(one));
  });
});

describe('extendIndex', () => {
  it('keeps the numbers and adds what the files list', async () => {
    const { repository } = await makeRepository();
    const [a, b] = [await pack(repository, 'a'), await pack(repository, 'b')];
    await storeIndex(repository, [a]);
    const index = await loadIndex(repository);
    const larger = await extendIndex(repository, index, [await storeIndex(repository, [a, b])]);
    expect([larger.packId(0), larger.packId(1), larger.packCount]).toEqual([a.id, b.id, 2]);
    expect(larger.blobId(0)).toBe(index.blobId(0));
  });
});
