// What a backup takes over from its parent and from what it remembers, and what it reads again.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ArchiveOptions, ArchiveResult } from '../../src/archiver/archive.ts';
import { idFromBytes, type BlobId, type PackId } from '../../src/base/ids.ts';
import { decodeIndexFile } from '../../src/formats/index-file/index-file.ts';
import type { PackEntry } from '../../src/formats/pack/pack-header.ts';
import { objectName } from '../../src/repository/layout.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { listSnapshots } from '../../src/repository/snapshots.ts';
import { backUpFolder, contentsOf, errorsIn, expectedContents, recordOf } from '../support/archive-fixture.ts';
import { blobIdOf, flipBit, makeRepository, storeIndex } from '../support/repository-fixture.ts';
import { expectHolds, type Files, SourceFolder } from '../support/source-folder.ts';

const MIB = 1024 * 1024;

let folder: SourceFolder;
beforeEach(() => {
  folder = new SourceFolder();
});
afterEach(() => folder[Symbol.dispose]());

/** Runs twice, the second time with the first as parent, and something done between. */
async function twice(
  between: (repository: Repository, first: ArchiveResult) => Promise<void> | void,
  more: Partial<ArchiveOptions> = {},
): Promise<{ repository: Repository; first: ArchiveResult; second: ArchiveResult }> {
  const { repository } = await makeRepository();
  const first = await backUpFolder(repository, folder.path, more);
  await between(repository, first);
  const second = await backUpFolder(repository, folder.path, { ...more, parent: recordOf(first) });
  return { repository, first, second };
}

describe.each([
  ['remembering what it saw', true],
  ['comparing with the parent only', false],
])('the second run, %s,', (_, remembers) => {
  const withMemory = (): Partial<ArchiveOptions> => (remembers ? { memoryFolder: folder.memory } : {});

  it('B69: takes over what is unchanged', async () => {
    folder.make({ a: '1', 'd/b': '2', 'd/e/c': randomBytes(MIB) });
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
    [
      'a changed file',
      () => fs.writeFileSync(join(folder.path, 'd/b'), 'other'),
      { a: '1', 'd/b': 'other', 'd/c': '3' },
    ],
    ['a file changed behind its mtime', () => rewriteSilently('d/b', 'X'), { a: '1', 'd/b': 'X', 'd/c': '3' }],
    [
      'a new file',
      () => fs.writeFileSync(join(folder.path, 'd/new'), 'n'),
      { a: '1', 'd/b': '2', 'd/c': '3', 'd/new': 'n' },
    ],
    ['a removed file', () => fs.rmSync(join(folder.path, 'd/b')), { a: '1', 'd/c': '3' }],
    [
      'a renamed file',
      () => fs.renameSync(join(folder.path, 'd/b'), join(folder.path, 'd/z')),
      { a: '1', 'd/z': '2', 'd/c': '3' },
    ],
    ['files that changed places', swap, { a: '1', 'd/b': '3', 'd/c': '2' }],
  ])('notices %s', async (_name, change, expected) => {
    folder.make({ a: '1', 'd/b': '2', 'd/c': '3' });
    const { repository, second } = await twice(change, withMemory());
    await expectHolds(repository, second, expected);
  });

  it.each<[string, () => void]>([
    ['one file changed', () => fs.writeFileSync(join(folder.path, 'd/f070'), 'other')],
    ['the first and the last changed', () => ['d/f000', 'd/f199'].forEach((path) => rewriteSilently(path, 'X'))],
    ['a file went away', () => fs.rmSync(join(folder.path, 'd/f031'))],
    ['a file came', () => fs.writeFileSync(join(folder.path, 'd/f031a'), 'new')],
    [
      'a file became a directory',
      () => (fs.rmSync(join(folder.path, 'd/f100')), fs.mkdirSync(join(folder.path, 'd/f100'))),
    ],
    ['a directory between them went away', () => fs.rmSync(join(folder.path, 'd/f050.d'), { recursive: true })],
    [
      'a symlink changed',
      () => (fs.rmSync(join(folder.path, 'd/f020.l')), fs.symlinkSync('elsewhere', join(folder.path, 'd/f020.l'))),
    ],
    ['nothing changed but a file elsewhere', () => fs.writeFileSync(join(folder.path, 'a'), 'other')],
  ])('gives the tree of a run that reads everything, in a directory of many files where %s', async (_name, change) => {
    const names = Array.from({ length: 200 }, (_entry, i) => `d/f${String(i).padStart(3, '0')}`);
    folder.make({ a: '1', 'd/f050.d/x': 'x', ...Object.fromEntries(names.map((name, i) => [name, `${i}`])) });
    fs.symlinkSync('somewhere', join(folder.path, 'd/f020.l'));
    fs.writeFileSync(join(folder.path, 'd', 'odd "name" <&>\u2028'), 'odd');
    const { repository, first, second } = await twice(change, withMemory());
    const forced = await backUpFolder(repository, folder.path, { force: true });
    expect(second.snapshot.tree).toBe(forced.snapshot.tree);
    expect(second.snapshot.tree).not.toBe(first.snapshot.tree);
    expect(second.snapshot.summary?.totalBytesProcessed).toBe(forced.snapshot.summary?.totalBytesProcessed);
    expect(second.snapshot.summary?.totalFilesProcessed).toBe(forced.snapshot.summary?.totalFilesProcessed);
  });

  it('goes on from what a run with changes saw', async () => {
    const names = Array.from({ length: 100 }, (_entry, i) => `d/f${String(i).padStart(3, '0')}`);
    folder.make(Object.fromEntries(names.map((name, i) => [name, `${i}`])));
    const { repository, second } = await twice(
      () => fs.writeFileSync(join(folder.path, 'd/f040'), 'other'),
      withMemory(),
    );
    fs.writeFileSync(join(folder.path, 'd/f041'), 'other too');
    const third = await backUpFolder(repository, folder.path, { ...withMemory(), parent: recordOf(second) });
    const forced = await backUpFolder(repository, folder.path, { force: true });
    expect(third.snapshot.tree).toBe(forced.snapshot.tree);
    expect(third.snapshot.summary).toMatchObject({ filesChanged: 1, filesUnmodified: 99 });
  });

  it('notices another mode, and reads no file for it', async () => {
    folder.make({ a: '1', 'd/b': '2' });
    const { first, second } = await twice(() => fs.chmodSync(join(folder.path, 'd/b'), 0o600), withMemory());
    expect(second.snapshot.tree).not.toBe(first.snapshot.tree);
    expect(second.snapshot.summary).toMatchObject({ dataBlobs: 0 });
  });

  it('reads everything with `force`', async () => {
    folder.make({ a: '1', 'd/b': '2' });
    const { second, first } = await twice(() => {}, { ...withMemory(), force: true });
    expect(second.snapshot.tree).toBe(first.snapshot.tree);
    expect(second.snapshot.summary).toMatchObject({ filesUnmodified: 0, filesNew: 2 });
  });

  it('reads a file again whose blob is missing in the index', async () => {
    folder.make({ a: 'first', b: 'second' });
    const { repository, second } = await twice(
      (repository) => dropFromIndex(repository, blobIdOf(Buffer.from('second'))),
      withMemory(),
    );
    expect(await contentsOf(repository, second.snapshot.tree)).toEqual(expectedContents({ a: 'first', b: 'second' }));
    expect(second.snapshot.summary).toMatchObject({ dataBlobs: 1 });
  });

  it('saves everything again when the whole index is lost', async () => {
    folder.make({ a: '1', 'd/b': '2' });
    const { repository, second } = await twice(async (repository) => {
      for await (const { id } of repository.listIds('index')) await repository.removeFile('index', id);
    }, withMemory());
    await expectHolds(repository, second, { a: '1', 'd/b': '2' });
  });
});

function swap(): void {
  fs.renameSync(join(folder.path, 'd/b'), join(folder.path, 'd/t'));
  fs.renameSync(join(folder.path, 'd/c'), join(folder.path, 'd/b'));
  fs.renameSync(join(folder.path, 'd/t'), join(folder.path, 'd/c'));
}

/** Another content of the same size; the mtime is put back. */
function rewriteSilently(name: string, content: string): void {
  const path = join(folder.path, name);
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
  const { atime, mtime } = fs.statSync(join(folder.path, 'a'));
  fs.writeFileSync(join(folder.path, 'a-new'), 'B');
  fs.utimesSync(join(folder.path, 'a-new'), atime, mtime);
  fs.renameSync(join(folder.path, 'a-new'), join(folder.path, 'a'));
}

describe('change detection', () => {
  beforeEach(() => {
    folder.make({ a: 'A' });
    // Whole milliseconds, so that `utimes` puts back what was there.
    fs.utimesSync(join(folder.path, 'a'), 1_600_000_000, 1_600_000_000);
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

describe('a run over an unchanged source', () => {
  it('saves no snapshot of an unchanged source when told so', async () => {
    folder.make({ a: '1' });
    const { repository, second } = await twice(() => {}, { skipIfUnchanged: true });
    expect(second).toMatchObject({ status: 'skipped', id: undefined });
    expect(await listSnapshots(repository)).toHaveLength(1);
  });
});
