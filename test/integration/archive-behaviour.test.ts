// What a backup does with sources that change, vanish, refuse or end early, and what it takes over from its parent.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ArchiveOptions, ArchiveResult } from '../../src/archiver/archive.ts';
import type { Source, SourceEntry } from '../../src/archiver/source.ts';
import { utf8Lossy } from '../../src/base/bytes.ts';
import { idFromBytes, type BlobId, type PackId } from '../../src/base/ids.ts';
import { decodeIndexFile } from '../../src/formats/index-file/index-file.ts';
import type { PackEntry } from '../../src/formats/pack/pack-header.ts';
import { objectName } from '../../src/repository/layout.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { listSnapshots } from '../../src/repository/snapshots.ts';
import { openStreamSource } from '../../src/sources/stdin/stream-source.ts';
import { faulty } from '../../src/storage/layers/faulty.ts';
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
import { blobIdOf, flipBit, makeRepository, storeIndex, withOrigin } from '../support/repository-fixture.ts';

const MIB = 1024 * 1024;
const isRoot = process.geteuid?.() === 0;
const NOBODY = 65_534;

let root: string;
let memoryFolder: string;
beforeEach(() => {
  root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-behaviour-')));
  memoryFolder = fs.mkdtempSync(join(tmpdir(), 'cairn-memory-'));
});
afterEach(() => {
  fs.rmSync(root, { recursive: true, force: true });
  fs.rmSync(memoryFolder, { recursive: true, force: true });
});

type Files = Readonly<Record<string, Uint8Array | string>>;

function make(files: Files): void {
  for (const [name, bytes] of Object.entries(files)) {
    fs.mkdirSync(join(root, name, '..'), { recursive: true });
    fs.writeFileSync(join(root, name), bytes);
  }
}

const told = ({ problems }: ArchiveResult): string[] =>
  problems.map(({ path, code }) => `${code} ${basename(utf8Lossy(path))}`).sort();

async function expectHolds(repository: Repository, { snapshot }: ArchiveResult, files: Files): Promise<void> {
  expect(await contentsOf(repository, snapshot.tree)).toEqual(expectedContents(files));
  expect(await errorsIn(repository)).toEqual([]);
}

/** The folder, and what happens once its entries are listed. */
async function sourceThen(afterListing: () => void): Promise<Source> {
  const source = await openFolderSource(root);
  const list = (report: Parameters<Source['root']['list']>[0]): SourceEntry[] => {
    const entries = source.root.list(report);
    afterListing();
    return entries;
  };
  return { ...source, root: { path: source.root.path, list } };
}

describe('a source that changes meanwhile', () => {
  it('is saved without the file that vanished, which is reported', async () => {
    make({ a: '1', b: '2', c: '3' });
    const { repository } = await makeRepository();
    const result = await backUp(repository, await sourceThen(() => fs.rmSync(join(root, 'b'))));
    expect(result.status).toBe('partial');
    expect(told(result)).toEqual(['SOURCE_MISSING b']);
    await expectHolds(repository, result, { a: '1', c: '3' });
  });

  it('is saved without the big file that vanished', async () => {
    make({ a: '1', big: new Uint8Array(65 * MIB), c: '3' });
    const { repository } = await makeRepository();
    const result = await backUp(repository, await sourceThen(() => fs.rmSync(join(root, 'big'))));
    expect(told(result)).toEqual(['SOURCE_MISSING big']);
    await expectHolds(repository, result, { a: '1', c: '3' });
  });

  it('is saved without the directory that vanished', async () => {
    make({ a: '1', 'd/e': '2' });
    const { repository } = await makeRepository();
    const result = await backUp(repository, await sourceThen(() => fs.rmSync(join(root, 'd'), { recursive: true })));
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
    make({ big: randomBytes(90 * MIB) });
    const { repository } = await makeRepository();
    const noise = randomBytes(10_000);
    let timer: NodeJS.Timeout | undefined;
    const source = await sourceThen(() => {
      timer = setInterval(() => fs.appendFileSync(join(root, 'big'), noise), 1);
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
  fs.chmodSync(root, 0o755);
  for (const name of names) fs.chmodSync(join(root, name), 0);
}

describe.skipIf(!isRoot)('a source that may not be read', () => {
  it('is saved without the file, which is reported, run after run', async () => {
    make({ a: '1', secret: 'x', z: '2' });
    forbid('secret');
    const { repository } = await makeRepository();
    fs.chmodSync(memoryFolder, 0o777);
    const options: Partial<ArchiveOptions> = { memoryFolder };
    await asNobody(async () => {
      const first = await backUpFolder(repository, root, options);
      expect(told(first)).toEqual(['SOURCE_UNREADABLE secret']);
      const second = await backUpFolder(repository, root, { ...options, parent: recordOf(first) });
      expect(told(second)).toEqual(['SOURCE_UNREADABLE secret']);
      await expectHolds(repository, second, { a: '1', z: '2' });
    });
  });

  it.each([65, 250])('is saved without the file of %i MiB', async (size) => {
    make({ a: '1', big: '', z: '2' });
    fs.truncateSync(join(root, 'big'), size * MIB);
    forbid('big');
    const { repository } = await makeRepository();
    const result = await asNobody(() => backUpFolder(repository, root));
    expect(told(result)).toEqual(['SOURCE_UNREADABLE big']);
    await expectHolds(repository, result, { a: '1', z: '2' });
  });

  it('is saved with the directory as an empty one', async () => {
    make({ a: '1', 'd/e': '2' });
    forbid('d');
    const { repository } = await makeRepository();
    const result = await asNobody(() => backUpFolder(repository, root));
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

describe('a run that is stopped', () => {
  const files = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`d${i % 4}/f${i}`, randomBytes(500_000)]));

  it('says so, saves no snapshot, and the next one is whole', async () => {
    make(files);
    const { repository } = await makeRepository();
    const stop = new AbortController();
    const run = backUpFolder(repository, root, {
      signal: stop.signal,
      packSizeBytes: MIB,
      onProgress: () => stop.abort(),
    });
    await expect(run).rejects.toThrow(/abort|stopped/);
    expect(await listSnapshots(repository)).toEqual([]);
    expect(await errorsIn(repository)).toEqual([]);
    await expectHolds(repository, await backUpFolder(repository, root), files);
  });

  it('refuses to start when it is stopped already', async () => {
    make({ a: '1' });
    const { repository } = await makeRepository();
    await expect(backUpFolder(repository, root, { signal: AbortSignal.abort() })).rejects.toThrow();
    expect(await listSnapshots(repository)).toEqual([]);
  });

  it('keeps what was saved in a snapshot tagged `partial` when it is asked to end softly', async () => {
    make(files);
    const { repository } = await makeRepository();
    const stop = new AbortController();
    const run = backUpFolder(repository, root, {
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
    await expectHolds(repository, await backUpFolder(repository, root, { parent: record }), files);
  });

  it('after the index was written leaves blobs that the next run reuses', async () => {
    make(files);
    const { repository } = await makeRepository();
    const first = await backUpFolder(repository, root);
    await repository.removeFile('snapshot', first.id!);
    const second = await backUpFolder(repository, root);
    expect(second.snapshot.summary).toMatchObject({ dataBlobs: 0, treeBlobs: 0, dataAdded: 0 });
    await expectHolds(repository, second, files);
  });
});

/** Runs twice, the second time with the first as parent, and something done between. */
async function twice(
  between: (repository: Repository, first: ArchiveResult) => Promise<void> | void,
  more: Partial<ArchiveOptions> = {},
): Promise<{ repository: Repository; first: ArchiveResult; second: ArchiveResult }> {
  const { repository } = await makeRepository();
  const first = await backUpFolder(repository, root, more);
  await between(repository, first);
  const second = await backUpFolder(repository, root, { ...more, parent: recordOf(first) });
  return { repository, first, second };
}

describe.each([
  ['remembering what it saw', true],
  ['comparing with the parent only', false],
])('the second run, %s,', (_, remembers) => {
  const withMemory = (): Partial<ArchiveOptions> => (remembers ? { memoryFolder } : {});

  it('B69: takes over what is unchanged', async () => {
    make({ a: '1', 'd/b': '2', 'd/e/c': randomBytes(MIB) });
    const { first, second } = await twice(() => {}, withMemory());
    expect(second.snapshot.tree).toBe(first.snapshot.tree);
    expect(second.snapshot.summary).toMatchObject({
      filesUnmodified: 3,
      filesNew: 0,
      filesChanged: 0,
      dataBlobs: 0,
      treeBlobs: 0,
      totalFilesProcessed: 3,
      totalBytesProcessed: MIB + 2,
    });
  });

  it.each<[string, () => void, Files]>([
    ['a changed file', () => fs.writeFileSync(join(root, 'd/b'), 'other'), { a: '1', 'd/b': 'other', 'd/c': '3' }],
    ['a file changed behind its mtime', () => rewriteSilently('d/b', 'X'), { a: '1', 'd/b': 'X', 'd/c': '3' }],
    ['a new file', () => fs.writeFileSync(join(root, 'd/new'), 'n'), { a: '1', 'd/b': '2', 'd/c': '3', 'd/new': 'n' }],
    ['a removed file', () => fs.rmSync(join(root, 'd/b')), { a: '1', 'd/c': '3' }],
    ['a renamed file', () => fs.renameSync(join(root, 'd/b'), join(root, 'd/z')), { a: '1', 'd/z': '2', 'd/c': '3' }],
    ['files that changed places', swap, { a: '1', 'd/b': '3', 'd/c': '2' }],
  ])('notices %s', async (_name, change, expected) => {
    make({ a: '1', 'd/b': '2', 'd/c': '3' });
    const { repository, second } = await twice(change, withMemory());
    await expectHolds(repository, second, expected);
  });

  it.each<[string, () => void]>([
    ['one file changed', () => fs.writeFileSync(join(root, 'd/f070'), 'other')],
    ['the first and the last changed', () => ['d/f000', 'd/f199'].forEach((path) => rewriteSilently(path, 'X'))],
    ['a file went away', () => fs.rmSync(join(root, 'd/f031'))],
    ['a file came', () => fs.writeFileSync(join(root, 'd/f031a'), 'new')],
    ['a file became a directory', () => (fs.rmSync(join(root, 'd/f100')), fs.mkdirSync(join(root, 'd/f100')))],
    ['a directory between them went away', () => fs.rmSync(join(root, 'd/f050.d'), { recursive: true })],
    [
      'a symlink changed',
      () => (fs.rmSync(join(root, 'd/f020.l')), fs.symlinkSync('elsewhere', join(root, 'd/f020.l'))),
    ],
    ['nothing changed but a file elsewhere', () => fs.writeFileSync(join(root, 'a'), 'other')],
  ])('gives the tree of a run that reads everything, in a directory of many files where %s', async (_name, change) => {
    const names = Array.from({ length: 200 }, (_entry, i) => `d/f${String(i).padStart(3, '0')}`);
    make({ a: '1', 'd/f050.d/x': 'x', ...Object.fromEntries(names.map((name, i) => [name, `${i}`])) });
    fs.symlinkSync('somewhere', join(root, 'd/f020.l'));
    fs.writeFileSync(join(root, 'd', 'odd "name" <&>\u2028'), 'odd');
    const { repository, first, second } = await twice(change, withMemory());
    const forced = await backUpFolder(repository, root, { force: true });
    expect(second.snapshot.tree).toBe(forced.snapshot.tree);
    expect(second.snapshot.tree).not.toBe(first.snapshot.tree);
    expect(second.snapshot.summary?.totalBytesProcessed).toBe(forced.snapshot.summary?.totalBytesProcessed);
    expect(second.snapshot.summary?.totalFilesProcessed).toBe(forced.snapshot.summary?.totalFilesProcessed);
  });

  it('goes on from what a run with changes saw', async () => {
    const names = Array.from({ length: 100 }, (_entry, i) => `d/f${String(i).padStart(3, '0')}`);
    make(Object.fromEntries(names.map((name, i) => [name, `${i}`])));
    const { repository, second } = await twice(() => fs.writeFileSync(join(root, 'd/f040'), 'other'), withMemory());
    fs.writeFileSync(join(root, 'd/f041'), 'other too');
    const third = await backUpFolder(repository, root, { ...withMemory(), parent: recordOf(second) });
    const forced = await backUpFolder(repository, root, { force: true });
    expect(third.snapshot.tree).toBe(forced.snapshot.tree);
    expect(third.snapshot.summary).toMatchObject({ filesChanged: 1, filesUnmodified: 99 });
  });

  it('notices another mode, and reads no file for it', async () => {
    make({ a: '1', 'd/b': '2' });
    const { first, second } = await twice(() => fs.chmodSync(join(root, 'd/b'), 0o600), withMemory());
    expect(second.snapshot.tree).not.toBe(first.snapshot.tree);
    expect(second.snapshot.summary).toMatchObject({ dataBlobs: 0 });
  });

  it('reads everything with `force`', async () => {
    make({ a: '1', 'd/b': '2' });
    const { second, first } = await twice(() => {}, { ...withMemory(), force: true });
    expect(second.snapshot.tree).toBe(first.snapshot.tree);
    expect(second.snapshot.summary).toMatchObject({ filesUnmodified: 0, filesNew: 2 });
  });

  it('reads a file again whose blob is missing in the index', async () => {
    make({ a: 'first', b: 'second' });
    const { repository, second } = await twice(
      (repository) => dropFromIndex(repository, blobIdOf(Buffer.from('second'))),
      withMemory(),
    );
    expect(await contentsOf(repository, second.snapshot.tree)).toEqual(expectedContents({ a: 'first', b: 'second' }));
    expect(second.snapshot.summary).toMatchObject({ dataBlobs: 1 });
  });

  it('saves everything again when the whole index is lost', async () => {
    make({ a: '1', 'd/b': '2' });
    const { repository, second } = await twice(async (repository) => {
      for await (const { id } of repository.listIds('index')) await repository.removeFile('index', id);
    }, withMemory());
    await expectHolds(repository, second, { a: '1', 'd/b': '2' });
  });
});

function swap(): void {
  fs.renameSync(join(root, 'd/b'), join(root, 'd/t'));
  fs.renameSync(join(root, 'd/c'), join(root, 'd/b'));
  fs.renameSync(join(root, 'd/t'), join(root, 'd/c'));
}

/** Another content of the same size; the mtime is put back. */
function rewriteSilently(name: string, content: string): void {
  const path = join(root, name);
  const { atime, mtime } = fs.statSync(path);
  fs.writeFileSync(path, content);
  fs.utimesSync(path, atime, mtime);
}

async function dropFromIndex(repository: Repository, blob: BlobId): Promise<void> {
  const packs: { id: PackId; blobs: PackEntry[] }[] = [];
  for await (const { id } of repository.listIds('index')) {
    decodeIndexFile(await repository.loadUnpacked('index', id), {
      pack: (pack) => void packs.push({ id: idFromBytes<PackId>(pack), blobs: [] }),
      blob: (type, bytes, offset, length, uncompressedLength) =>
        void packs.at(-1)?.blobs.push({
          type: type === 1 ? 'tree' : 'data',
          id: idFromBytes<BlobId>(bytes),
          offset,
          length,
          uncompressedLength,
        }),
    });
    await repository.removeFile('index', id);
  }
  const rest = packs.map(({ id, blobs }) => ({ id, blobs: blobs.filter((entry) => entry.id !== blob) }));
  await storeIndex(
    repository,
    rest.filter(({ blobs }) => blobs.length > 0),
  );
}

function replaceSilently(): void {
  const { atime, mtime } = fs.statSync(join(root, 'a'));
  fs.writeFileSync(join(root, 'a-new'), 'B');
  fs.utimesSync(join(root, 'a-new'), atime, mtime);
  fs.renameSync(join(root, 'a-new'), join(root, 'a'));
}

describe('change detection', () => {
  beforeEach(() => {
    make({ a: 'A' });
    // Whole milliseconds, so that `utimes` puts back what was there.
    fs.utimesSync(join(root, 'a'), 1_600_000_000, 1_600_000_000);
  });

  it('by ctime and inode can both be left out', async () => {
    const { second } = await twice(replaceSilently, { ignoreCtime: true, ignoreInode: true });
    expect(second.snapshot.summary).toMatchObject({ filesUnmodified: 1 });
  });

  it.each([{}, { ignoreCtime: true }, { ignoreInode: true }])(
    'sees another file of the same size and mtime with %o',
    async (flags) => {
      const { repository, second } = await twice(replaceSilently, flags);
      expect(await contentsOf(repository, second.snapshot.tree)).toEqual(expectedContents({ a: 'B' }));
    },
  );

  it('by ctime can be left out', async () => {
    const { second } = await twice(() => rewriteSilently('a', 'B'), { ignoreCtime: true });
    expect(second.snapshot.summary).toMatchObject({ filesUnmodified: 1 });
  });

  it('reads every file when a tree of the parent is damaged', async () => {
    const { repository, second } = await twice(async (repository, { snapshot }) => {
      const index = new Map<BlobId, PackId>();
      let pack = '' as PackId;
      for await (const { id } of repository.listIds('index')) {
        decodeIndexFile(await repository.loadUnpacked('index', id), {
          pack: (bytes) => void (pack = idFromBytes<PackId>(bytes)),
          blob: (_type, bytes) => void index.set(idFromBytes<BlobId>(bytes), pack),
        });
      }
      await flipBit(repository.storage, objectName('pack', index.get(snapshot.tree)!), 400);
    });
    expect(second.status).toBe('complete');
    expect(second.snapshot.summary).toMatchObject({ filesUnmodified: 0, filesNew: 1 });
    // The damaged tree is needed still, and the check says so.
    expect((await errorsIn(repository)).length).toBeGreaterThan(0);
  });
});

describe('a backup', () => {
  it('of single files and of several folders holds them and nothing beside them', async () => {
    make({ 'a/one': '1', 'a/two': '2', 'b/c/three': '3', 'b/four': '4' });
    const { repository } = await makeRepository();
    const targets = ['a/one', 'b/c'].map((name) => join(root, name));
    const { snapshot } = await backUp(repository, await openFilesSource({ targets }));
    const paths = Object.keys(await contentsOf(repository, snapshot.tree));
    expect(paths.filter((path) => path.startsWith(`${root}/`)).map((path) => path.slice(root.length + 1))).toEqual([
      'a',
      'a/one',
      'b',
      'b/c',
      'b/c/three',
    ]);
  });

  it('stores equal files once', async () => {
    const bytes = randomBytes(MIB);
    make(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, bytes])));
    const { repository } = await makeRepository();
    const { snapshot } = await backUpFolder(repository, root, { jobs: 4 });
    expect(snapshot.summary?.dataAdded).toBeLessThan(2 * MIB);
  });

  it('writes nothing in a dry run, and counts all the same', async () => {
    make({ a: randomBytes(MIB) });
    const { repository, storage } = await makeRepository();
    const before = await Array.fromAsync(storage.list(''));
    const result = await backUpFolder(repository, root, { dryRun: true });
    expect(result.id).toBeUndefined();
    expect(result.snapshot.summary?.dataAdded).toBeGreaterThan(MIB);
    expect(await Array.fromAsync(storage.list(''))).toEqual(before);
  });

  it('saves no snapshot of an unchanged source when told so', async () => {
    make({ a: '1' });
    const { repository, second } = await twice(() => {}, { skipIfUnchanged: true });
    expect(second).toMatchObject({ status: 'skipped', id: undefined });
    expect(await listSnapshots(repository)).toHaveLength(1);
  });

  it('leaves out files above the size asked for', async () => {
    make({ big: randomBytes(2000), small: 'x' });
    const { repository } = await makeRepository();
    const result = await backUp(repository, await openFolderSource(root, { excludeLargerThan: '1k' }));
    await expectHolds(repository, result, { small: 'x' });
  });
});
