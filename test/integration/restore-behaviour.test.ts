import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  aSnapshot,
  blobIdOf,
  dirNode,
  fileNode,
  flipBit,
  makeRepository,
  storeIndex,
  storePack,
  type StoredPack,
  symlinkNode,
} from '../support/repository-fixture.ts';
import { utf8 } from '../../src/base/bytes.ts';
import type { BlobId } from '../../src/base/ids.ts';
import type { Node } from '../../src/formats/tree/node.ts';
import { assembleTree, encodeNode, encodeTree } from '../../src/formats/tree/tree-encoder.ts';
import { objectName } from '../../src/repository/layout.ts';
import type { Repository } from '../../src/repository/repository.ts';
import type { RestoreOptions, RestoreResult } from '../../src/restorer/restore-options.ts';
import { restore } from '../../src/restorer/restore.ts';

let scratch: string;
let target: string;
let repository: Repository;
let packs: StoredPack[];

beforeEach(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'cairn-restorer-'));
  target = join(scratch, 'target');
  ({ repository } = await makeRepository());
  packs = [];
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const file = (name: string, content: readonly BlobId[], more: Partial<Node> = {}): Node =>
  fileNode(name, content, 0, { ...owner, ...more });
const symlink = (name: string, to: string): Node => ({ ...symlinkNode(name, to), ...owner });
const directory = (name: string, subtree: BlobId): Node => ({ ...dirNode(name, subtree), ...owner });
const named = (name: string, blob: BlobId, inode: bigint): Node => file(name, [blob], { links: 2n, inode });

/** Stores texts in one pack of their own; returns their ids. */
async function storeTexts(...texts: readonly (string | Uint8Array)[]): Promise<BlobId[]> {
  const plains = texts.map((text) => (typeof text === 'string' ? utf8(text) : text));
  packs.push(
    await storePack(
      repository,
      plains.map((plain) => ({ type: 'data', plain })),
    ),
  );
  return plains.map(blobIdOf);
}

async function storeTree(bytes: Uint8Array): Promise<BlobId> {
  packs.push(await storePack(repository, [{ type: 'tree', plain: bytes }]));
  return blobIdOf(bytes);
}

const treeOf = (...nodes: readonly Node[]): Promise<BlobId> => storeTree(encodeTree(nodes));

async function restoreTree(tree: BlobId, more: Partial<RestoreOptions> = {}): Promise<RestoreResult> {
  await storeIndex(repository, packs);
  packs = [];
  return await restore(repository, { snapshot: aSnapshot(tree), target, overwrite: 'always', jobs: 1, ...more });
}

const read = (name: string): string => readFileSync(join(target, name), 'utf8');
const put = (name: string, text: string): void => fs.writeFileSync(join(target, name), text);

describe('hostile trees', () => {
  it.each(['..', '.', '', 'a/b', '../escape', '/absolute', 'nul\0byte'])('restore nothing named %j', async (name) => {
    const [blob] = await storeTexts('hostile');
    const tree = await storeTree(assembleTree([file('good', [blob!]), file(name, [blob!])].map(encodeNode)));
    const result = await restoreTree(tree);
    expect(result.status).toBe('partial');
    expect(result.problems).toMatchObject([{ path: '/', code: 'NAME_HOSTILE' }]);
    expect(readdirSync(target)).toEqual(['good']);
    expect(readdirSync(scratch)).toEqual(['target']);
  });

  it('are refused when two entries have one name', async () => {
    const [one, two] = await storeTexts('one', 'two');
    const tree = await storeTree(assembleTree([file('same', [one!]), file('same', [two!])].map(encodeNode)));
    const result = await restoreTree(tree);
    expect(result.problems).toMatchObject([{ code: 'TREE_CORRUPT' }]);
    expect(readdirSync(target)).toEqual([]);
  });

  it('cannot write through a symlink they brought', async () => {
    const [blob] = await storeTexts('escaped');
    const inner = await treeOf(file('file', [blob!]));
    const outside = join(scratch, 'outside');
    fs.mkdirSync(outside);
    const link = symlink('door', outside);
    const tree = await storeTree(assembleTree([link, directory('door', inner)].map(encodeNode)));
    const result = await restoreTree(tree);
    expect(result.status).toBe('partial');
    expect(readdirSync(outside)).toEqual([]);
  });

  it('cannot write through a symlink that is in the target', async () => {
    const [blob] = await storeTexts('inside');
    const tree = await treeOf(directory('sub', await treeOf(file('file', [blob!]))));
    const outside = join(scratch, 'outside');
    fs.mkdirSync(outside);
    fs.mkdirSync(target);
    fs.symlinkSync(outside, join(target, 'sub'));
    const result = await restoreTree(tree);
    expect(result.status).toBe('complete');
    expect(readdirSync(outside)).toEqual([]);
    expect(read('sub/file')).toBe('inside');
  });
});

describe('damage', () => {
  it('of one pack leaves the files that do not need it', async () => {
    const [lost] = await storeTexts('lost');
    const [kept] = await storeTexts('kept');
    const damaged = objectName('pack', packs[0]!.id);
    const tree = await treeOf(file('kept', [kept!]), file('lost', [lost!]), file('lost-too', [kept!, lost!]));
    await flipBit(repository.storage, damaged, 8 * 20);
    const result = await restoreTree(tree);
    expect(result.status).toBe('partial');
    expect(result.problems.map(({ path, code }) => [path, code])).toEqual(
      expect.arrayContaining([
        ['/lost', 'BLOB_CORRUPT'],
        ['/lost-too', 'BLOB_CORRUPT'],
      ]),
    );
    expect(result.problems).toHaveLength(2);
    expect(readdirSync(target)).toEqual(['kept']);
  });

  it('of one copy of a blob is repaired from another pack', async () => {
    const [blob] = await storeTexts('twice');
    await storeTexts('twice', 'other');
    const tree = await treeOf(file('file', [blob!]), file('parts', [blob!, blob!]));
    for (const pack of packs.slice(0, 1)) await flipBit(repository.storage, objectName('pack', pack.id), 8 * 20);
    const result = await restoreTree(tree);
    expect(result.problems).toEqual([]);
    expect(read('file')).toBe('twice');
    expect(read('parts')).toBe('twicetwice');
  });

  it('of a tree loses what is below it only', async () => {
    const [blob] = await storeTexts('text');
    const lost = await treeOf(file('inside', [blob!]));
    const damaged = objectName('pack', packs.at(-1)!.id);
    const tree = await treeOf(file('file', [blob!]), directory('lost', lost));
    await flipBit(repository.storage, damaged, 8 * 20);
    const result = await restoreTree(tree);
    expect(result.problems).toMatchObject([{ path: '/lost', code: 'BLOB_CORRUPT' }]);
    expect(read('file')).toBe('text');
  });

  it('names a file whose blob no index lists', async () => {
    const tree = await treeOf(file('file', ['ab'.repeat(32) as BlobId]));
    expect((await restoreTree(tree)).problems).toMatchObject([{ path: '/file', code: 'BLOB_MISSING' }]);
  });
});

describe('a problem of a part of a backup', () => {
  it('has the path in the backup and the one in the target, where a folder is restored', async () => {
    const inside = await treeOf(file('file', ['ab'.repeat(32) as BlobId]));
    const tree = await treeOf(directory('documents', inside));
    const { problems } = await restoreTree(tree, { root: [utf8('documents')] });
    expect(problems).toMatchObject([{ path: '/documents/file', target: join(target, 'file'), code: 'BLOB_MISSING' }]);
  });

  it('has them where one file is restored', async () => {
    const inside = await treeOf(file('file', ['ab'.repeat(32) as BlobId]));
    const tree = await treeOf(directory('documents', inside));
    const { problems } = await restoreTree(tree, { root: [utf8('documents'), utf8('file')] });
    expect(problems).toMatchObject([{ path: '/documents/file', target: join(target, 'file') }]);
  });

  it('has the path of the folder itself where its tree is lost', async () => {
    const lost = await treeOf();
    const damaged = objectName('pack', packs.at(-1)!.id);
    const tree = await treeOf(directory('documents', lost));
    await flipBit(repository.storage, damaged, 8 * 20);
    const { problems } = await restoreTree(tree, { root: [utf8('documents')] });
    expect(problems).toMatchObject([{ path: '/documents', target }]);
  });
});

describe('existing files', () => {
  const old = { mtime: { ns: 1_000_000_000n, offsetMinutes: 0 } };

  beforeEach(() => fs.mkdirSync(target));

  it('are left alone with overwrite never', async () => {
    const [blob] = await storeTexts('new');
    put('file', 'old');
    const result = await restoreTree(await treeOf(file('file', [blob!])), { overwrite: 'never' });
    expect(result).toMatchObject({ status: 'complete', filesSkipped: 1, filesRestored: 0 });
    expect(read('file')).toBe('old');
  });

  it('are overwritten by if-newer when they are older than recorded', async () => {
    const [blob] = await storeTexts('new');
    put('file', 'old');
    fs.utimesSync(join(target, 'file'), 1, 1);
    await restoreTree(await treeOf(file('file', [blob!])), { overwrite: 'if-newer' });
    expect(read('file')).toBe('new');
  });

  it('are kept by if-newer when they are newer than recorded', async () => {
    const [blob] = await storeTexts('new');
    put('file', 'old');
    await restoreTree(await treeOf(file('file', [blob!], old)), { overwrite: 'if-newer' });
    expect(read('file')).toBe('old');
  });

  it('are not read by if-changed when size and mtime are the same', async () => {
    const [blob] = await storeTexts('new');
    put('file', 'old');
    fs.utimesSync(join(target, 'file'), 1, 1);
    const node = file('file', [blob!], { ...old, size: 3n });
    await restoreTree(await treeOf(node), { overwrite: 'if-changed' });
    expect(read('file')).toBe('old');
  });

  it('get only the blobs that differ', async () => {
    const parts = ['a', 'b', 'c'].map((letter) => letter.repeat(1000));
    const blobs = await storeTexts(...parts);
    put('file', parts[0]! + 'X'.repeat(1000) + parts[2]! + 'tail');
    const result = await restoreTree(await treeOf(file('file', blobs)));
    expect(result.bytesRestored).toBe(1000);
    expect(read('file')).toBe(parts.join(''));
  });

  it('with other names are replaced, so that the other names keep their content', async () => {
    const [blob] = await storeTexts('new');
    put('file', 'old');
    fs.linkSync(join(target, 'file'), join(target, 'other-name'));
    await restoreTree(await treeOf(file('file', [blob!])));
    expect([read('file'), read('other-name')]).toEqual(['new', 'old']);
  });

  it('give way to a symlink and the other way round', async () => {
    const [blob] = await storeTexts('new');
    fs.symlinkSync('/nowhere', join(target, 'file'));
    put('link', 'old');
    const link = symlink('link', 'file');
    const result = await restoreTree(await treeOf(file('file', [blob!]), link));
    expect(result.problems).toEqual([]);
    expect(fs.readlinkSync(join(target, 'link'))).toBe('file');
    expect(read('link')).toBe('new');
  });

  it('stay when the new content is damaged', async () => {
    const [blob] = await storeTexts('new');
    fs.symlinkSync('/nowhere', join(target, 'file'));
    const damaged = objectName('pack', packs[0]!.id);
    const tree = await treeOf(file('file', [blob!]));
    await flipBit(repository.storage, damaged, 8 * 20);
    expect((await restoreTree(tree)).status).toBe('partial');
    expect(fs.readlinkSync(join(target, 'file'))).toBe('/nowhere');
  });

  it('are deleted when they are not in the snapshot and that is asked for', async () => {
    const [blob] = await storeTexts('text');
    fs.mkdirSync(join(target, 'extra/deep'), { recursive: true });
    put('extra/deep/file', 'x');
    fs.symlinkSync(scratch, join(target, 'link'));
    const result = await restoreTree(await treeOf(file('file', [blob!])), { delete: true });
    expect(result.filesDeleted).toBe(4);
    expect(readdirSync(target)).toEqual(['file']);
    expect(readdirSync(scratch)).toEqual(['target']);
  });

  it('are not deleted after a problem', async () => {
    const tree = await treeOf(file('file', ['ab'.repeat(32) as BlobId]));
    put('extra', 'x');
    const result = await restoreTree(tree, { delete: true });
    expect(result).toMatchObject({ status: 'partial', filesDeleted: 0 });
    expect(readdirSync(target)).toEqual(['extra']);
  });
});

describe('a dry run', () => {
  it('tells what would happen and changes nothing', async () => {
    const [blob] = await storeTexts('text');
    const tree = await treeOf(file('file', [blob!]), directory('sub', await treeOf(file('inside', [blob!]))));
    const result = await restoreTree(tree, { dryRun: true });
    expect(result).toMatchObject({ status: 'complete', filesRestored: 2, directories: 1, bytesRestored: 8 });
    expect(readdirSync(scratch)).toEqual([]);
  });

  it.each(['always', 'if-changed', 'if-newer', 'never'] as const)(
    'counts what the restore after it does with overwrite %s',
    async (overwrite) => {
      const [blob, other] = await storeTexts('text', 'other');
      const mtime = { ns: 5_000_000_000n, offsetMinutes: 0 };
      const tree = await treeOf(
        file('changed', [other!], { mtime, size: 5n }),
        file('linked-1', [blob!], { mtime, size: 4n, links: 2n, inode: 7n }),
        file('linked-2', [blob!], { mtime, size: 4n, links: 2n, inode: 7n }),
        file('missing', [blob!], { mtime, size: 4n }),
        file('same', [blob!], { mtime, size: 4n }),
        file('taken', [blob!], { mtime, size: 4n }),
      );
      fs.mkdirSync(join(target, 'taken'), { recursive: true });
      fs.mkdirSync(join(target, 'extra/deep'), { recursive: true });
      put('extra/deep/file', 'x');
      put('changed', 'old');
      fs.utimesSync(join(target, 'changed'), 1, 1);
      for (const name of ['same', 'linked-1']) {
        put(name, 'text');
        fs.utimesSync(join(target, name), 5, 5);
      }
      fs.linkSync(join(target, 'linked-1'), join(target, 'linked-2'));
      const before = readdirSync(target, { recursive: true });
      const { status, ...counts } = await restoreTree(tree, { overwrite, delete: true, dryRun: true });
      expect(readdirSync(target, { recursive: true })).toEqual(before);
      expect({ status, ...counts }).toEqual(await restoreTree(tree, { overwrite, delete: true }));
    },
  );

  it('tells of a directory that is in the way', async () => {
    const [blob] = await storeTexts('text');
    fs.mkdirSync(join(target, 'file/full'), { recursive: true });
    const tree = await treeOf(file('file', [blob!]));
    const dry = await restoreTree(tree, { dryRun: true });
    expect(dry).toMatchObject({ filesRestored: 0, problems: [{ path: '/file', code: 'TARGET_EXISTS' }] });
    expect(dry).toEqual(await restoreTree(tree));
  });
});

describe('arguments', () => {
  it('refuse to delete everything in the root of the file system', async () => {
    const tree = await treeOf();
    await expect(restoreTree(tree, { target: '/', delete: true })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  });

  it('refuse a target that is a file', async () => {
    fs.writeFileSync(target, '');
    await expect(restoreTree(await treeOf())).rejects.toMatchObject({ code: 'TARGET_INVALID' });
  });

  it('name a path that the snapshot does not have', async () => {
    const root = [utf8('no'), utf8('where')];
    await expect(restoreTree(await treeOf(), { root })).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' });
  });

  it('stop before anything is done when aborted already', async () => {
    const signal = AbortSignal.abort('enough');
    await expect(restoreTree(await treeOf(), { signal })).rejects.toBe('enough');
    expect(readdirSync(scratch)).toEqual([]);
  });
});

describe('names of one inode', () => {
  it('are linked, and share the problem when the content is lost', async () => {
    const [kept] = await storeTexts('kept');
    const [lost] = await storeTexts('lost');
    const damaged = objectName('pack', packs[1]!.id);
    const tree = await treeOf(
      named('a', kept!, 1n),
      named('b', kept!, 1n),
      named('c', lost!, 2n),
      named('d', lost!, 2n),
    );
    await flipBit(repository.storage, damaged, 8 * 20);
    const result = await restoreTree(tree);
    expect(fs.statSync(join(target, 'a')).ino).toBe(fs.statSync(join(target, 'b')).ino);
    expect(result.problems.map(({ path }) => path)).toEqual(['/c', '/d']);
    expect(readdirSync(target)).toEqual(['a', 'b']);
  });
});

describe('abort', () => {
  it('leaves no file half written', async () => {
    const parts = Array.from({ length: 40 }, (_, i) => String(i).repeat(100_000));
    const blobs: BlobId[] = [];
    for (const part of parts) blobs.push(...(await storeTexts(part)));
    const controller = new AbortController();
    const tree = await treeOf(file('big', blobs), file('small', [blobs[39]!]));
    const { storage } = repository;
    const read = storage.read.bind(storage);
    let reads = 0;
    storage.read = (name, options) => {
      if (name.startsWith('data/') && ++reads === 20) controller.abort('enough');
      return read(name, options);
    };
    const running = restoreTree(tree, { signal: controller.signal });
    await expect(running).rejects.toBe('enough');
    for (const name of readdirSync(target)) expect(name).toBe('small');
  });
});
