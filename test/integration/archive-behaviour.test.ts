// What a backup does with sources that change, vanish, refuse or end early.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ArchiveOptions, ArchiveResult } from '../../src/archiver/archive.ts';
import type { Source, SourceEntry } from '../../src/archiver/source.ts';
import { utf8Lossy } from '../../src/base/bytes.ts';
import { listSnapshots } from '../../src/repository/snapshots.ts';
import { openStreamSource } from '../../src/sources/stdin/stream-source.ts';
import { faulty, type FaultyStorage } from '../../src/storage/layers/faulty.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { openFilesSource } from '../../src/sources/files/files-source.ts';
import {
  backUp,
  backUpFolder,
  contentsOf,
  errorsIn,
  expectedContents,
  openFolderSource,
  readAllSnapshots,
  recordOf,
} from '../support/archive-fixture.ts';
import { makeRepository, withOrigin } from '../support/repository-fixture.ts';
import { expectHolds, SourceFolder } from '../support/source-folder.ts';

const MIB = 1024 * 1024;
const isRoot = process.geteuid?.() === 0;
const NOBODY = 65_534;

let folder: SourceFolder;
beforeEach(() => {
  folder = new SourceFolder();
});
afterEach(() => folder[Symbol.dispose]());

const told = ({ problems }: ArchiveResult): string[] =>
  problems.map(({ path, code }) => `${code} ${basename(utf8Lossy(path))}`).sort();

/** The folder, and what happens once its entries are listed. */
async function sourceThen(afterListing: () => void): Promise<Source> {
  const source = await openFolderSource(folder.path);
  const list = (report: Parameters<Source['root']['list']>[0]): SourceEntry[] => {
    const entries = source.root.list(report);
    afterListing();
    return entries;
  };
  return { ...source, root: { path: source.root.path, list } };
}

describe('a source that changes meanwhile', () => {
  it('is saved without the file that vanished, which is reported', async () => {
    folder.make({ a: '1', b: '2', c: '3' });
    const { repository } = await makeRepository();
    const result = await backUp(repository, await sourceThen(() => fs.rmSync(join(folder.path, 'b'))));
    expect(result.status).toBe('partial');
    expect(told(result)).toEqual(['SOURCE_MISSING b']);
    await expectHolds(repository, result, { a: '1', c: '3' });
  });

  it('is saved without the big file that vanished', async () => {
    folder.make({ a: '1', big: new Uint8Array(65 * MIB), c: '3' });
    const { repository } = await makeRepository();
    const result = await backUp(repository, await sourceThen(() => fs.rmSync(join(folder.path, 'big'))));
    expect(told(result)).toEqual(['SOURCE_MISSING big']);
    await expectHolds(repository, result, { a: '1', c: '3' });
  });

  it('is saved without the directory that vanished', async () => {
    folder.make({ a: '1', 'd/e': '2' });
    const { repository } = await makeRepository();
    const result = await backUp(
      repository,
      await sourceThen(() => fs.rmSync(join(folder.path, 'd'), { recursive: true })),
    );
    expect(told(result)).toEqual(['SOURCE_MISSING d']);
    await expectHolds(repository, result, { a: '1' });
  });

  it('is partial when a file is never what its size says', async () => {
    const { repository } = await makeRepository();
    const result = await backUp(repository, await openFilesSource({ targets: ['/proc/uptime'] }));
    expect(result.status).toBe('partial');
    expect(told(result)).toEqual(['SOURCE_CHANGED uptime']);
    expect(await readAllSnapshots(repository)).toBe(1);
  });

  it('is partial when a big file grows while it is read; what was read is consistent', async () => {
    folder.make({ big: randomBytes(90 * MIB) });
    const { repository } = await makeRepository();
    const noise = randomBytes(10_000);
    let timer: NodeJS.Timeout | undefined;
    const source = await sourceThen(() => {
      timer = setInterval(() => fs.appendFileSync(join(folder.path, 'big'), noise), 1);
    });
    const result = await backUp(repository, source).finally(() => clearInterval(timer));
    expect(told(result)).toEqual(['SOURCE_CHANGED big']);
    expect(await readAllSnapshots(repository)).toBe(1);
  });
});

async function asNobody<T>(run: () => Promise<T>): Promise<T> {
  process.seteuid?.(NOBODY);
  try {
    return await run();
  } finally {
    process.seteuid?.(0);
  }
}

function forbid(...names: readonly string[]): void {
  fs.chmodSync(folder.path, 0o755);
  for (const name of names) fs.chmodSync(join(folder.path, name), 0);
}

describe.skipIf(!isRoot)('a source that may not be read', () => {
  it('is saved without the file, which is reported, run after run', async () => {
    folder.make({ a: '1', secret: 'x', z: '2' });
    forbid('secret');
    const { repository } = await makeRepository();
    fs.chmodSync(folder.memory, 0o777);
    const options: Partial<ArchiveOptions> = { memoryFolder: folder.memory };
    await asNobody(async () => {
      const first = await backUpFolder(repository, folder.path, options);
      expect(told(first)).toEqual(['SOURCE_UNREADABLE secret']);
      const second = await backUpFolder(repository, folder.path, { ...options, parent: recordOf(first) });
      expect(told(second)).toEqual(['SOURCE_UNREADABLE secret']);
      await expectHolds(repository, second, { a: '1', z: '2' });
    });
  });

  it.each([65, 250])('is saved without the file of %i MiB', async (size) => {
    folder.make({ a: '1', big: '', z: '2' });
    fs.truncateSync(join(folder.path, 'big'), size * MIB);
    forbid('big');
    const { repository } = await makeRepository();
    const result = await asNobody(() => backUpFolder(repository, folder.path));
    expect(told(result)).toEqual(['SOURCE_UNREADABLE big']);
    await expectHolds(repository, result, { a: '1', z: '2' });
  });

  it('is saved with the directory as an empty one', async () => {
    folder.make({ a: '1', 'd/e': '2' });
    forbid('d');
    const { repository } = await makeRepository();
    const result = await asNobody(() => backUpFolder(repository, folder.path));
    expect(told(result)).toEqual(['SOURCE_UNREADABLE d']);
    expect(await contentsOf(repository, result.snapshot.tree)).toEqual({
      ...expectedContents({ a: '1' }),
      '/d': 'dir',
    });
  });
});

async function* parts(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield randomBytes(3 * MIB);
  throw new Error('the program died');
}

describe('a stream', () => {
  it.each([0, 1, 100_000, 20 * MIB + 1])('of %i bytes is saved whole', async (size) => {
    const bytes = randomBytes(size);
    const { repository } = await makeRepository();
    const source = openStreamSource({ name: 'dumps/all.sql', open: () => parts(bytes, 60_000) });
    const result = await backUp(repository, source);
    await expectHolds(repository, result, { 'dumps/all.sql': bytes });
  });

  it('that fails saves nothing', async () => {
    const { repository } = await makeRepository();
    await expect(backUp(repository, openStreamSource({ name: 'x', open: failing }))).rejects.toThrow(
      'the program died',
    );
    expect(await listSnapshots(repository)).toEqual([]);
    expect(await errorsIn(repository)).toEqual([]);
  });

  it.each([2, 5, 12])('of %i MiB ends when the storage does not take its packs', async (size) => {
    const made = await makeRepository();
    const storage = faulty(made.storage, {
      how: 'fail',
      when: ({ kind, name }) => kind === 'write' && name.startsWith('data/'),
    });
    const repository = withOrigin(made.repository, storage);
    const source = openStreamSource({ name: 'x', open: () => parts(randomBytes(size * MIB), 100_000) });
    await expect(backUp(repository, source, { packSizeBytes: MIB, jobs: 1 })).rejects.toMatchObject({
      code: 'STORAGE_IO',
    });
    expect(await listSnapshots(made.repository)).toEqual([]);
  });
});

/** Stops the run when some packs are stored and one more is about to be. */
function stopAtPack(storage: Storage, stop: AbortController): FaultyStorage {
  let packs = 0;
  return faulty(storage, {
    how: 'fail',
    when: ({ kind, name }) => {
      if (kind === 'write' && name.startsWith('data/') && ++packs === 8) stop.abort();
      return false;
    },
  });
}

describe('a run that is stopped', () => {
  const files = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`d${i % 4}/f${i}`, randomBytes(500_000)]));

  it('says so, saves no snapshot, and the next one is whole', async () => {
    folder.make(files);
    const { repository } = await makeRepository();
    const stop = new AbortController();
    const run = backUpFolder(repository, folder.path, {
      signal: stop.signal,
      packSizeBytes: MIB,
      onProgress: () => stop.abort(),
    });
    await expect(run).rejects.toThrow(/abort|stopped/);
    expect(await listSnapshots(repository)).toEqual([]);
    expect(await errorsIn(repository)).toEqual([]);
    await expectHolds(repository, await backUpFolder(repository, folder.path), files);
  });

  it('leaves what it has stored to the next one', async () => {
    folder.make(files);
    const made = await makeRepository();
    const stop = new AbortController();
    const stopped = withOrigin(made.repository, stopAtPack(made.storage, stop));
    const run = backUpFolder(stopped, folder.path, { signal: stop.signal, packSizeBytes: MIB });
    await expect(run).rejects.toThrow(/abort|stopped/);
    expect(await errorsIn(made.repository)).toEqual([]);
    const next = await backUpFolder(made.repository, folder.path);
    expect(next.snapshot.summary!.dataBlobs).toBeLessThan(30);
    await expectHolds(made.repository, next, files);
  });

  it('lists nothing of what it has stored when its lock is lost', async () => {
    folder.make(files);
    const made = await makeRepository();
    const stop = new AbortController();
    const storage = stopAtPack(made.storage, stop);
    const lock = { settled: Promise.resolve(), assertHeld: () => Promise.reject(new Error('lost')) };
    const run = backUpFolder(withOrigin(made.repository, storage), folder.path, {
      signal: stop.signal,
      packSizeBytes: MIB,
      lock,
    });
    await expect(run).rejects.toThrow(/abort|stopped/);
    const written = storage.operations.filter(({ kind }) => kind === 'write').map(({ name }) => name);
    expect(written.filter((name) => name.startsWith('data/')).length).toBeGreaterThan(5);
    expect(written.filter((name) => name.startsWith('index/'))).toEqual([]);
  });

  it('writes nothing while its lock settles, and nothing at all when it cannot be had', async () => {
    folder.make(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, randomBytes(15_000)])));
    const made = await makeRepository();
    const settling = Promise.withResolvers<void>();
    const storage = faulty(made.storage, { how: 'fail', when: () => false });
    const run = backUpFolder(withOrigin(made.repository, storage), folder.path, {
      packSizeBytes: MIB,
      jobs: 2,
      lock: { settled: settling.promise, assertHeld: () => settling.promise },
      // A thread has done its first task of 70 to 80 files then: more than one pack holds, and less than can be held back.
      onProgress: ({ bytes }) => {
        if (bytes > 0) settling.reject(new Error('locked'));
      },
    });
    await expect(run).rejects.toThrow('locked');
    expect(storage.operations.filter(({ kind }) => kind === 'write')).toEqual([]);
  });

  it('saves neither an index file nor a snapshot when its lock is lost before its end', async () => {
    folder.make(files);
    const made = await makeRepository();
    const lock = { settled: Promise.resolve(), assertHeld: () => Promise.reject(new Error('lost')) };
    const run = backUpFolder(made.repository, folder.path, { packSizeBytes: MIB, lock });
    await expect(run).rejects.toThrow('lost');
    const names = await Array.fromAsync(made.storage.list(''), ({ name }) => name);
    expect(names.filter((name) => /^(index|snapshots)\//.test(name))).toEqual([]);
  });

  it('refuses to start when it is stopped already', async () => {
    folder.make({ a: '1' });
    const { repository } = await makeRepository();
    await expect(backUpFolder(repository, folder.path, { signal: AbortSignal.abort() })).rejects.toThrow();
    expect(await listSnapshots(repository)).toEqual([]);
  });

  it('keeps what was saved in a snapshot tagged `partial` when it is asked to end softly', async () => {
    folder.make(files);
    const { repository } = await makeRepository();
    const stop = new AbortController();
    const run = backUpFolder(repository, folder.path, {
      softStop: stop.signal,
      packSizeBytes: MIB,
      onProgress: () => stop.abort(),
    });
    await expect(run).rejects.toMatchObject({ code: 'ABORTED' });
    const [record] = await listSnapshots(repository);
    expect(record?.snapshot.tags).toContain('partial');
    expect(await errorsIn(repository)).toEqual([]);
    const held = await contentsOf(repository, record!.snapshot.tree);
    expect(expectedContents(files)).toMatchObject(held);
    await expectHolds(repository, await backUpFolder(repository, folder.path, { parent: record }), files);
  });

  it('after the index was written leaves blobs that the next run reuses', async () => {
    folder.make(files);
    const { repository } = await makeRepository();
    const first = await backUpFolder(repository, folder.path);
    await repository.removeFile('snapshot', first.id!);
    const second = await backUpFolder(repository, folder.path);
    expect(second.snapshot.summary).toMatchObject({ dataBlobs: 0, treeBlobs: 0, dataAdded: 0 });
    await expectHolds(repository, second, files);
  });
});

describe('a backup', () => {
  it('of single files and of several folders holds them and nothing beside them', async () => {
    folder.make({ 'a/one': '1', 'a/two': '2', 'b/c/three': '3', 'b/four': '4' });
    const { repository } = await makeRepository();
    const targets = ['a/one', 'b/c'].map((name) => join(folder.path, name));
    const { snapshot } = await backUp(repository, await openFilesSource({ targets }));
    const paths = Object.keys(await contentsOf(repository, snapshot.tree));
    expect(
      paths.filter((path) => path.startsWith(`${folder.path}/`)).map((path) => path.slice(folder.path.length + 1)),
    ).toEqual(['a', 'a/one', 'b', 'b/c', 'b/c/three']);
  });

  it('stores equal files once', async () => {
    const bytes = randomBytes(MIB);
    folder.make(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, bytes])));
    const { repository } = await makeRepository();
    const { snapshot } = await backUpFolder(repository, folder.path, { jobs: 4 });
    expect(snapshot.summary?.dataAdded).toBeLessThan(2 * MIB);
  });

  it('writes nothing in a dry run, and counts all the same', async () => {
    folder.make({ a: randomBytes(MIB) });
    const { repository, storage } = await makeRepository();
    const before = await Array.fromAsync(storage.list(''));
    const result = await backUpFolder(repository, folder.path, { dryRun: true });
    expect(result.id).toBeUndefined();
    expect(result.snapshot.summary?.dataAdded).toBeGreaterThan(MIB);
    expect(await Array.fromAsync(storage.list(''))).toEqual(before);
  });

  it('leaves out files above the size asked for', async () => {
    folder.make({ big: randomBytes(2000), small: 'x' });
    const { repository } = await makeRepository();
    const result = await backUp(repository, await openFolderSource(folder.path, { excludeLargerThan: '1k' }));
    await expectHolds(repository, result, { small: 'x' });
  });
});
