// A copy that takes worker threads: between versions of the format, watched, stopped half way, and from a source that fails.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { encodeTree } from '../../src/formats/tree/tree-encoder.ts';
import { BLOB_DATA, type BlobIndex } from '../../src/repository/index/blob-index.ts';
import { loadIndex } from '../../src/repository/index/load-index.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { listSnapshots, saveSnapshot } from '../../src/repository/snapshots.ts';
import { faulty, type Operation } from '../../src/storage/layers/faulty.ts';
import { copyBackups } from '../../src/vault/care/copy-backups.ts';
import { errorsIn, readAllSnapshots } from '../support/archive-fixture.ts';
import { contextOf } from '../support/fault-sweep.ts';
import {
  aSnapshot,
  blobIdOf,
  fileNode,
  makeRepository,
  makeSampleRepository,
  storeIndex,
  storePack,
  TEST_KDF,
  withOrigin,
} from '../support/repository-fixture.ts';
import { copy, outcomesOf } from '../support/copied-backups.ts';

/** Some 12 MiB in blobs of all sizes, so that worker threads are used. */
async function largeVault(version: 1 | 2): Promise<Repository> {
  const { repository } = await makeRepository({ kdf: TEST_KDF, version });
  const blobs: Uint8Array[] = [];
  for (let at = 0; at < 40; at++) blobs.push(new Uint8Array(randomBytes(at * 15_000)));
  for (let at = 0; at < 300; at++) blobs.push(utf8(`${at} `.repeat(at * 10)));
  const data = blobs.map((plain) => ({ type: 'data', plain }) as const);
  const tree = encodeTree([
    fileNode(
      'all',
      blobs.map(blobIdOf),
      blobs.reduce((sum, { length }) => sum + length, 0),
    ),
  ]);
  await storeIndex(repository, [
    await storePack(repository, data.slice(0, 30)),
    await storePack(repository, data.slice(30)),
    await storePack(repository, [{ type: 'tree', plain: tree }]),
  ]);
  await saveSnapshot(repository, aSnapshot(blobIdOf(tree)));
  return repository;
}

describe('between versions of the format', () => {
  it.each([
    [1, 1],
    [1, 2],
    [2, 1],
    [2, 2],
  ] as const)('%i → %i everything arrives, in worker threads too', async (from, to) => {
    const source = await largeVault(from);
    const { repository: target } = await makeRepository({ version: to });
    expect(await copy(source, target)).toMatchObject({ blobs: 340, copies: [{ outcome: 'copied' }] });
    expect(await errorsIn(target)).toEqual([]);
    expect(await readAllSnapshots(target)).toBe(1);
    expect(hasCompressed(await loadIndex(target))).toBe(to === 2);
  });

  it('data of version 1 stays uncompressed in version 2 where that is asked for', async () => {
    const { repository: target } = await makeRepository({ version: 2 });
    await copy(await largeVault(1), target, { compression: 'off' });
    expect(hasCompressed(await loadIndex(target))).toBe(false);
  });
});

function hasCompressed(index: BlobIndex): boolean {
  for (let record = 0; record < index.size; record++) {
    const isData = index.blobType(record) === BLOB_DATA;
    if (isData && (index.location(record)?.uncompressedLength ?? 0) > 0) return true;
  }
  return false;
}

describe('while it runs', () => {
  it('tells how far it is, up to the end', async () => {
    const source = await largeVault(2);
    const { repository: target } = await makeRepository();
    const seen: { readonly phase: string; readonly bytes: number | undefined; readonly total: number | undefined }[] =
      [];
    const context = {
      ...contextOf(source),
      report: ({ phase, bytes, total }: { phase: string; bytes?: number; total: number | undefined }) =>
        void seen.push({ phase, bytes, total }),
    };
    await copyBackups(context, contextOf(target), {});
    expect(new Set(seen.map(({ phase }) => phase))).toEqual(new Set(['plan', 'copy']));
    expect(seen.at(-1)?.bytes).toBe(seen.at(-1)?.total);
  });

  it('it can be stopped: no backup appears, no lock stays, and the next run completes', async () => {
    const source = await largeVault(2);
    const { repository: target } = await makeRepository();
    const stop = new AbortController();
    const context = {
      ...contextOf(source),
      signal: stop.signal,
      report: ({ phase }: { phase: string }) => {
        if (phase === 'copy') stop.abort();
      },
    };
    await expect(copyBackups(context, contextOf(target), {})).rejects.toMatchObject({ name: 'AbortError' });
    expect(await listSnapshots(target)).toEqual([]);
    for (const { storage } of [source, target]) {
      for await (const { name } of storage.list('locks/')) throw new Error(`${name} stayed`);
    }
    expect(outcomesOf(await copy(source, target))).toEqual(['copied']);
    expect(await errorsIn(target)).toEqual([]);
  });

  it('a plan that is refused stops it before anything is written', async () => {
    const source = await makeSampleRepository();
    const target = await makeRepository();
    const refused = new Error('no');
    await expect(copy(source.repository, target.repository, { onPlan: () => Promise.reject(refused) })).rejects.toBe(
      refused,
    );
    expect((await loadIndex(target.repository)).size).toBe(0);
  });
});

describe('a copy from a source that fails half way', () => {
  it('lists what it stored, so that the next one reads only the rest', async () => {
    const source = await largeVault(2);
    const { repository: target } = await makeRepository();
    const storage = faulty(source.storage);
    let packs = 0;
    const isLastPack = ({ kind, name }: Operation): boolean =>
      kind === 'read' && name.startsWith('data/') && ++packs > 3;
    storage.inject({ how: 'fail', when: isLastPack });
    const options = { packSizeBytes: 500_000 };
    await expect(copy(withOrigin(source, storage), target, options)).rejects.toMatchObject({ code: 'STORAGE_IO' });
    const stored = await loadIndex(target);
    expect(stored.size).toBeGreaterThan(0);
    const { blobs } = await copy(source, target, options);
    expect(blobs).toBe(340 - stored.size);
    expect(await errorsIn(target)).toEqual([]);
  });
});
