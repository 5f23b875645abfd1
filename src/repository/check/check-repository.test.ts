import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  aSnapshot,
  blobIdOf,
  flipBit,
  makeSampleRepository,
  storeIndex,
  storePack,
  withOrigin,
} from '../../../test/support/repository-fixture.ts';
import { utf8 } from '../../base/bytes.ts';
import type { BlobId } from '../../base/ids.ts';
import { faulty } from '../../storage/layers/faulty.ts';
import { objectName } from '../layout.ts';
import { saveSnapshot } from '../snapshots.ts';
import { checkRepository } from './check-repository.ts';

const kindsOf = (result: { findings: readonly { kind: string }[] }): string[] =>
  result.findings.map(({ kind }) => kind);

describe('checkRepository', () => {
  it.each([1, 2] as const)('finds nothing wrong with a good repository of version %i', async (version) => {
    const { repository } = await makeSampleRepository({ version });
    const result = await checkRepository(repository, { readData: 'all' });
    expect(result).toMatchObject({ isGood: true, findings: [], snapshots: 1, trees: 2, packs: 2, packsRead: 2 });
  });

  it.each(['keys/', 'locks/', 'snapshots/', 'index/', 'data/'])(
    'detects and names any flipped bit in %s',
    async (folder) => {
      const { storage, repository } = await makeSampleRepository();
      await repository.saveUnpacked('lock', utf8('{"time":"2020-01-01T00:00:00Z","exclusive":false,"pid":1}'));
      const objects: { name: string; sizeBytes: number }[] = [];
      for await (const info of storage.list(folder)) objects.push(info);
      for (const { name, sizeBytes } of objects) {
        for (let bit = 0; bit < sizeBytes * 8; bit += Math.ceil((sizeBytes * 8) / 40)) {
          await flipBit(storage, name, bit);
          const result = await checkRepository(repository, { readData: 'all' });
          await flipBit(storage, name, bit);
          expect(result.isGood).toBe(false);
          expect(result.findings.map(({ object }) => object)).toContain(name);
        }
      }
    },
  );

  it.each([
    ['reads locks where the caller has none', false, 1],
    ['reads no lock again where the caller has one, for which it has read them', true, 0],
  ])('%s', async (_, holdsLock, count) => {
    const { repository } = await makeSampleRepository();
    await repository.saveUnpacked('lock', utf8('{"time":"2020-01-01T00:00:00Z","exclusive":false,"pid":1}'));
    const storage = faulty(repository.origin);
    await checkRepository(withOrigin(repository, storage), { holdsLock });
    const reads = storage.operations.filter(({ kind, name }) => kind === 'read' && name.startsWith('locks/'));
    expect(reads).toHaveLength(count);
  });

  it('names the blob that is damaged, and only that one', async () => {
    const { storage, repository, dataPack } = await makeSampleRepository();
    const [, blob] = dataPack.blobs;
    await flipBit(storage, objectName('pack', dataPack.id), (blob!.offset + 100) * 8);
    const result = await checkRepository(repository, { readData: 'all' });
    const damaged = result.findings.filter(({ kind }) => kind === 'blob-damaged');
    expect(damaged).toEqual([expect.objectContaining({ message: expect.stringContaining(blob!.id) })]);
  });

  it('still names damaged blobs when the header is damaged too', async () => {
    const { storage, repository, dataPack } = await makeSampleRepository();
    const name = objectName('pack', dataPack.id);
    const { sizeBytes } = (await storage.stat(name))!;
    await flipBit(storage, name, (sizeBytes - 20) * 8);
    await flipBit(storage, name, 8 * 20);
    const result = await checkRepository(repository, { readData: 'all' });
    expect(kindsOf(result).sort()).toEqual(['blob-damaged', 'pack-damaged', 'pack-damaged']);
  });

  it('finds a pack that is missing', async () => {
    const { repository, dataPack } = await makeSampleRepository();
    await repository.removeFile('pack', dataPack.id);
    expect(kindsOf(await checkRepository(repository))).toEqual(['pack-missing']);
  });

  it('finds a pack that was cut short', async () => {
    const { storage, repository, dataPack } = await makeSampleRepository();
    const name = objectName('pack', dataPack.id);
    await storage.write(name, (await storage.read(name)).subarray(0, 50));
    expect(kindsOf(await checkRepository(repository))).toEqual(['pack-size']);
  });

  it('takes an unknown pack for a hint, not for damage', async () => {
    const { repository } = await makeSampleRepository();
    await storePack(repository, [{ type: 'data', plain: utf8('orphan') }]);
    const result = await checkRepository(repository);
    expect(result.isGood).toBe(true);
    expect(kindsOf(result)).toEqual(['pack-orphan']);
  });

  it('takes a pack that two index files list for a hint', async () => {
    const { repository, dataPack, treePack } = await makeSampleRepository();
    await storeIndex(repository, [dataPack]);
    await storeIndex(repository, [treePack]);
    const result = await checkRepository(repository, { readData: 'all' });
    expect(result.isGood).toBe(true);
    expect(kindsOf(result)).toEqual(['index-repeated']);
  });

  it('finds blobs that no index lists', async () => {
    const { storage, repository, dataPack, treePack } = await makeSampleRepository();
    for await (const { name } of storage.list('index/')) await storage.remove(name);
    await storeIndex(repository, [{ ...dataPack, blobs: dataPack.blobs.slice(1) }, treePack]);
    const result = await checkRepository(repository);
    expect(result.findings).toContainEqual(
      expect.objectContaining({ kind: 'blob-missing', object: `blob ${dataPack.blobs[0]!.id}` }),
    );
  });

  it('finds a snapshot without its tree', async () => {
    const { repository } = await makeSampleRepository();
    const id = await saveSnapshot(repository, aSnapshot(blobIdOf(utf8('gone'))));
    const result = await checkRepository(repository);
    expect(result.findings).toEqual([
      expect.objectContaining({ kind: 'blob-missing', message: expect.stringContaining(id) }),
    ]);
  });

  it('accepts a snapshot of an old version that has no tree', async () => {
    const { repository } = await makeSampleRepository();
    await saveSnapshot(repository, aSnapshot('0'.repeat(64) as BlobId));
    expect((await checkRepository(repository)).isGood).toBe(true);
  });

  it('finds copies of a blob that contradict each other', async () => {
    const { repository, dataPack } = await makeSampleRepository();
    const [blob] = dataPack.blobs;
    const pack = await storePack(repository, [{ type: 'data', plain: utf8('other') }]);
    await storeIndex(repository, [{ ...pack, blobs: [{ ...pack.blobs[0]!, id: blob!.id }] }]);
    expect(kindsOf(await checkRepository(repository))).toContain('index-conflict');
  });

  it('reads a sample only', async () => {
    const { repository } = await makeSampleRepository();
    expect(await checkRepository(repository, { readData: { percent: 10 } })).toMatchObject({ packsRead: 1 });
    expect(await checkRepository(repository, { readData: { bytes: 1 } })).toMatchObject({ packsRead: 1 });
    expect(await checkRepository(repository, { readData: { percent: 100 } })).toMatchObject({ packsRead: 2 });
  });

  it('checks packs that only this thread can read in other threads', async () => {
    const { storage, repository } = await makeSampleRepository();
    const packs = [];
    for (let i = 0; i < 3; i++) {
      packs.push(await storePack(repository, [{ type: 'data', plain: new Uint8Array(randomBytes(2 * 1024 * 1024)) }]));
    }
    await storeIndex(repository, packs);
    const bad = objectName('pack', packs[1]!.id);
    await flipBit(storage, bad, 5000);
    const result = await checkRepository(repository, { readData: 'all', jobs: 2 });
    expect(result.packsRead).toBe(5);
    expect([...new Set(result.findings.map(({ object }) => object))]).toEqual([bad]);
  });

  it('stops when it is told to', async () => {
    const { repository } = await makeSampleRepository();
    const signal = AbortSignal.abort(new Error('stop'));
    await expect(checkRepository(repository, { readData: 'all', signal })).rejects.toThrow('stop');
  });
});
