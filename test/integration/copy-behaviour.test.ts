// What a copy between two vaults does, asked on vaults in memory.
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import type { BlobId, SnapshotId } from '../../src/base/ids.ts';
import { parseGoTime } from '../../src/formats/go-time.ts';
import { encodeTree } from '../../src/formats/tree/tree-encoder.ts';
import { loadIndex } from '../../src/repository/index/load-index.ts';
import { objectName } from '../../src/repository/layout.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { listSnapshots, saveSnapshot } from '../../src/repository/snapshots.ts';
import { faulty } from '../../src/storage/layers/faulty.ts';
import { copyBackups, type CopyOptions } from '../../src/vault/care/copy-backups.ts';
import { contentsOf, errorsIn, readAllSnapshots } from '../support/archive-fixture.ts';
import { badSector } from '../support/bad-sector.ts';
import { withDamagedIndex, withDamagedPack, withMissingPack } from '../support/damaged-vaults.ts';
import { contextOf } from '../support/fault-sweep.ts';
import {
  aSnapshot,
  blobIdOf,
  dirNode,
  fileNode,
  flipBit,
  makeRepository,
  makeSampleRepository,
  storeIndex,
  storePack,
  withOrigin,
} from '../support/repository-fixture.ts';
import { copy, outcomesOf } from '../support/copied-backups.ts';

async function documentOf(repository: Repository, id: SnapshotId): Promise<string> {
  return Buffer.from(await repository.loadUnpacked('snapshot', id)).toString();
}

describe('a copied backup', () => {
  it('holds what it held', async () => {
    const source = await makeSampleRepository();
    const target = await makeRepository();
    expect(outcomesOf(await copy(source.repository, target.repository))).toEqual(['copied']);
    const [record] = await listSnapshots(target.repository);
    expect(record?.snapshot.tree).toBe(source.tree);
    expect(await contentsOf(target.repository, source.tree)).toEqual(await contentsOf(source.repository, source.tree));
    expect(await errorsIn(target.repository)).toEqual([]);
  });

  it('keeps its document byte for byte, but for parent and original', async () => {
    const source = await makeSampleRepository();
    const target = await makeRepository();
    const json =
      `{"time":"2024-03-01T10:00:00.123456789+05:30","parent":"${'a'.repeat(64)}","tree":"${source.tree}",` +
      `"paths":["/x"],"hostname":"h","program_version":"other 1","label":"mine","big":12345678901234567890}`;
    const id = await source.repository.saveUnpacked('snapshot', utf8(json));
    const { copies } = await copy(source.repository, target.repository, { references: [id] });
    const [copied] = copies;
    const copyId = copied?.outcome === 'copied' ? copied.id : null;
    expect(await documentOf(target.repository, copyId as SnapshotId)).toBe(
      json
        .replace(`"parent":"${'a'.repeat(64)}",`, '')
        .replace('"program_version"', `"original":"${id}","program_version"`),
    );
  });

  it('keeps the original that it has', async () => {
    const source = await makeSampleRepository();
    const [middle, last] = [await makeRepository(), await makeRepository()];
    await copy(source.repository, middle.repository);
    await copy(middle.repository, last.repository);
    expect((await listSnapshots(last.repository)).map(({ snapshot }) => snapshot.original)).toEqual([source.snapshot]);
  });

  it('is whole before it is there, also when its tree was there before', async () => {
    const source = await makeSampleRepository();
    const target = await makeRepository();
    // As an interrupted run of another program may leave it: the trees, and nothing of what they need.
    const trees = await treesOf(source.repository, source.tree, source.subtree);
    await storeIndex(target.repository, [await storePack(target.repository, trees)]);
    await copy(source.repository, target.repository);
    expect(await errorsIn(target.repository)).toEqual([]);
    expect(await readAllSnapshots(target.repository)).toBe(1);
  });

  it('of old versions of restic, without a tree, is copied as it is', async () => {
    const source = await makeRepository();
    const target = await makeRepository();
    await saveSnapshot(source.repository, aSnapshot('0'.repeat(64) as BlobId));
    expect(outcomesOf(await copy(source.repository, target.repository))).toEqual(['copied']);
  });
});

async function treesOf(
  repository: Repository,
  ...ids: readonly BlobId[]
): Promise<{ readonly type: 'tree'; readonly plain: Uint8Array }[]> {
  const { readBlob } = await import('../../src/repository/blob-reader.ts');
  const index = await loadIndex(repository);
  const plain: Uint8Array[] = [];
  for (const id of ids) plain.push(await readBlob(repository, index, 'tree', id));
  return plain.map((bytes) => ({ type: 'tree', plain: bytes }));
}

describe('a second copy', () => {
  it('has nothing to do, and reads neither index nor packs', async () => {
    const source = await makeSampleRepository();
    const target = await makeRepository();
    await copy(source.repository, target.repository);
    const storage = faulty(target.storage);
    const again = await copy(source.repository, withOrigin(target.repository, storage));
    expect(again).toMatchObject({ copies: [{ outcome: 'present' }], blobs: 0, packs: 0 });
    const folders = new Set(storage.operations.map(({ name }) => name.split('/')[0]));
    expect(folders).toEqual(new Set(['locks', 'snapshots']));
  });

  it('back to where it came from has nothing to do', async () => {
    const source = await makeSampleRepository();
    const target = await makeRepository();
    await copy(source.repository, target.repository);
    expect(outcomesOf(await copy(target.repository, source.repository))).toEqual(['present']);
  });

  it('brings only what is new', async () => {
    const source = await makeSampleRepository();
    const target = await makeRepository();
    await copy(source.repository, target.repository);
    const plain = utf8('something new');
    const tree = encodeTree([fileNode('new', [blobIdOf(plain)], plain.length), dirNode('sub', source.subtree)]);
    const packs = [
      await storePack(source.repository, [{ type: 'data', plain }]),
      await storePack(source.repository, [{ type: 'tree', plain: tree }]),
    ];
    await storeIndex(source.repository, packs);
    await saveSnapshot(source.repository, aSnapshot(blobIdOf(tree)));
    const again = await copy(source.repository, target.repository);
    expect(again).toMatchObject({ blobs: 2, copies: { length: 2 } });
    expect(await readAllSnapshots(target.repository)).toBe(2);
  });

  it('goes on from the blobs of one that failed before it had a backup', async () => {
    const source = await makeSampleRepository();
    const target = await makeRepository();
    const storage = faulty(target.storage);
    storage.inject({ how: 'fail', when: ({ kind, name }) => kind === 'write' && name.startsWith('snapshots/') });
    await expect(copy(source.repository, withOrigin(target.repository, storage))).rejects.toMatchObject({
      code: 'STORAGE_IO',
    });
    expect(await copy(source.repository, target.repository)).toMatchObject({ blobs: 0, packs: 0 });
    expect(await readAllSnapshots(target.repository)).toBe(1);
  });
});

describe('which backups are copied', () => {
  it.each<[string, CopyOptions, number]>([
    ['all', {}, 3],
    ['those of a host', { filter: { host: 'web' } }, 1],
    ['those with one of several tags', { filter: [{ tags: { all: ['day1'] } }, { tags: { all: ['day2'] } }] }, 2],
    ['those of a path', { filter: { paths: ['/home/u/docs'] } }, 3],
    ['the one that is named', { references: ['latest'] }, 1],
  ])('is %s', async (_, options, count) => {
    const target = await makeRepository();
    await copy(await threeBackups(), target.repository, options);
    expect(await listSnapshots(target.repository)).toHaveLength(count);
  });

  it('is none where a reference means nothing, and nothing is written', async () => {
    const target = await makeRepository();
    const call = copy(await threeBackups(), target.repository, { references: ['nothing'] });
    await expect(call).rejects.toMatchObject({ code: 'REF_UNKNOWN' });
    expect((await loadIndex(target.repository)).size).toBe(0);
  });
});

describe('a dry run', () => {
  it('says what would be copied, and writes nothing but a lock', async () => {
    const source = await makeSampleRepository();
    const target = await makeRepository();
    const storage = faulty(target.storage);
    const plan = await copy(source.repository, withOrigin(target.repository, storage), { dryRun: true });
    expect(plan).toMatchObject({ copies: [{ outcome: 'copied', id: null }], blobs: 5, packs: 0, storedBytes: 0 });
    const written = storage.operations.filter(({ kind }) => kind === 'write').map(({ name }) => name.split('/')[0]);
    expect(new Set(written)).toEqual(new Set(['locks']));
  });

  it('foresees which backups cannot be copied as far as the trees tell', async () => {
    const { repository } = await withMissingIndexOfData();
    const target = await makeRepository();
    const plan = await copy(repository, target.repository, { dryRun: true });
    expect(outcomesOf(plan)).toEqual(['failed', 'copied']);
  });
});

/** The sample, whose data is in no index any more, and a second backup that is whole. */
async function withMissingIndexOfData(): Promise<{ readonly repository: Repository }> {
  const made = await makeSampleRepository();
  for await (const { id } of made.repository.listIds('index')) await made.repository.removeFile('index', id);
  await storeIndex(made.repository, [made.treePack]);
  await addWholeBackup(made.repository);
  return made;
}

async function addWholeBackup(repository: Repository): Promise<BlobId> {
  const plain = utf8('whole');
  const tree = encodeTree([fileNode('whole', [blobIdOf(plain)], plain.length)]);
  await storeIndex(repository, [
    await storePack(repository, [{ type: 'data', plain }]),
    await storePack(repository, [{ type: 'tree', plain: tree }]),
  ]);
  await saveSnapshot(repository, aSnapshot(blobIdOf(tree), { time: parseGoTime('2024-05-01T10:00:00Z') }));
  return blobIdOf(tree);
}

describe('damage in the source', () => {
  it.each([
    ['a damaged blob', withDamagedPack, 1],
    ['a missing pack', withMissingPack, 3],
  ])('of %s keeps only the backups that need it from being copied', async (_, make, lost) => {
    const { repository } = await make();
    const whole = await addWholeBackup(repository);
    const target = await makeRepository();
    const result = await copy(repository, target.repository);
    expect(outcomesOf(result)).toEqual(['failed', 'copied']);
    expect(result.lost).toHaveLength(lost);
    expect((await listSnapshots(target.repository)).map(({ snapshot }) => snapshot.tree)).toEqual([whole]);
    expect(await errorsIn(target.repository)).toEqual([]);
  });

  it.each(['tree', 'data'] as const)(
    'of a sector under a %s pack keeps only the backups that need it back',
    async (kind) => {
      const made = await makeSampleRepository();
      const whole = await addWholeBackup(made.repository);
      const pack = kind === 'tree' ? made.treePack : made.dataPack;
      const source = withOrigin(made.repository, badSector(made.storage, objectName('pack', pack.id)));
      const target = await makeRepository();
      const { copies } = await copy(source, target.repository);
      expect(copies).toMatchObject([{ outcome: 'failed', code: 'STORAGE_IO' }, { outcome: 'copied' }]);
      expect((await listSnapshots(target.repository)).map(({ snapshot }) => snapshot.tree)).toEqual([whole]);
      expect(await errorsIn(target.repository)).toEqual([]);
    },
  );

  it('of an index file is named, and the backups that only need others are copied', async () => {
    const { repository } = await withDamagedIndex();
    await addWholeBackup(repository);
    const target = await makeRepository();
    expect(outcomesOf(await copy(repository, target.repository))).toEqual(['failed', 'copied']);
    expect(await errorsIn(target.repository)).toEqual([]);
  });

  it('of a tree keeps the backup from being copied, and the tree is named', async () => {
    const made = await makeSampleRepository();
    await flipBit(made.storage, objectName('pack', made.treePack.id), 200);
    const target = await makeRepository();
    const result = await copy(made.repository, target.repository);
    expect(outcomesOf(result)).toEqual(['failed']);
    expect(result.lost).toMatchObject([{ type: 'tree', id: made.subtree, code: 'BLOB_CORRUPT' }]);
  });

  it('in many blobs is told of without an end of warnings, and counted', async () => {
    const made = await makeRepository();
    const blobs = Array.from({ length: 100 }, (_, at) => utf8(`lost ${at}`));
    const tree = encodeTree([fileNode('all', blobs.map(blobIdOf))]);
    await storeIndex(made.repository, [await storePack(made.repository, [{ type: 'tree', plain: tree }])]);
    await saveSnapshot(made.repository, aSnapshot(blobIdOf(tree)));
    const warnings: string[] = [];
    const context = contextOf(made.repository);
    const settings = { ...context.settings, notify: ({ message }: { message: string }) => void warnings.push(message) };
    const target = await makeRepository();
    const result = await copyBackups({ ...context, settings }, contextOf(target.repository), {});
    expect([result.lostBlobs, result.lost.length, warnings.length]).toEqual([100, 100, 21]);
  });

  it('names the blob and the pack it was in', async () => {
    const made = await withDamagedPack();
    const target = await makeRepository();
    const { copies, lost } = await copy(made.repository, target.repository);
    expect(lost).toMatchObject([{ type: 'data', id: made.dataBlobs[0], code: 'BLOB_CORRUPT' }]);
    expect(copies).toMatchObject([{ outcome: 'failed', message: expect.stringContaining(made.dataPack.id) }]);
  });

  it('does not matter where another pack has a good copy', async () => {
    const made = await withDamagedPack();
    const plain = utf8('one '.repeat(5000));
    await storeIndex(made.repository, [await storePack(made.repository, [{ type: 'data', plain }])]);
    const target = await makeRepository();
    expect(await copy(made.repository, target.repository)).toMatchObject({ lost: [], copies: [{ outcome: 'copied' }] });
    expect(await errorsIn(target.repository)).toEqual([]);
  });

  it('does not matter where the target has what is damaged', async () => {
    const made = await makeSampleRepository();
    const target = await makeRepository();
    await copy(made.repository, target.repository);
    for (const { id } of [made.dataPack, made.treePack]) await made.repository.removeFile('pack', id);
    await saveSnapshot(made.repository, aSnapshot(made.tree, { tags: ['again'] }));
    expect(outcomesOf(await copy(made.repository, target.repository)).sort()).toEqual(['copied', 'present']);
    expect(await errorsIn(target.repository)).toEqual([]);
  });

  it('that is gone the next time lets the copy be completed', async () => {
    const made = await withDamagedPack();
    const target = await makeRepository();
    await copy(made.repository, target.repository);
    await flipBit(made.storage, objectName('pack', made.dataPack.id), 200);
    expect(await copy(made.repository, target.repository)).toMatchObject({ blobs: 1, copies: [{ outcome: 'copied' }] });
    expect(await readAllSnapshots(target.repository)).toBe(1);
  });
});

describe('a copy is refused', () => {
  it('into the same vault', async () => {
    const { repository } = await makeSampleRepository();
    await expect(copy(repository, repository)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  });

  it('where the index of the target is damaged, since what is there cannot be told', async () => {
    const source = await makeRepository();
    await addWholeBackup(source.repository);
    const target = await withDamagedIndex();
    await expect(copy(source.repository, target.repository)).rejects.toMatchObject({ code: 'INDEX_CORRUPT' });
  });

  it('where somebody else has the target for himself', async () => {
    const source = await makeSampleRepository();
    const target = await makeRepository();
    const { lockRepository } = await import('../../src/repository/lock/repository-lock.ts');
    await using _lock = await lockRepository(target.repository, { mode: 'exclusive' });
    await expect(copy(source.repository, target.repository)).rejects.toMatchObject({ code: 'VAULT_LOCKED' });
  });
});

async function threeBackups(): Promise<Repository> {
  const { repository, tree } = await makeSampleRepository();
  for (const [day, host] of [
    [1, 'web'],
    [2, 'db'],
  ] as const) {
    const time = parseGoTime(`2024-01-0${day}T10:00:00Z`);
    await saveSnapshot(repository, aSnapshot(tree, { time, hostname: host, tags: [`day${day}`] }));
  }
  return repository;
}
