import { describe, expect, it } from 'vitest';
import {
  blobIdOf,
  dirNode,
  fileNode,
  makeSampleRepository,
  storeIndex,
  storePack,
} from '../../../test/support/repository-fixture.ts';
import { utf8 } from '../../base/bytes.ts';
import { encodeTree } from '../../formats/tree/tree-encoder.ts';
import { loadIndex } from '../index/load-index.ts';
import { listSnapshots } from '../snapshots.ts';
import { diffTrees } from './diff-trees.ts';
import { findNode, printPath } from './find-node.ts';
import { repositoryStats } from './repository-stats.ts';
import { walkTree, type WalkOptions } from './walk-tree.ts';

async function setUp() {
  const sample = await makeSampleRepository();
  const index = await loadIndex(sample.repository);
  const walk = async (options: WalkOptions = {}): Promise<string[]> => {
    const paths = [];
    for await (const { path } of walkTree(sample.repository, index, sample.tree, options)) paths.push(printPath(path));
    return paths;
  };
  return { ...sample, index, walk };
}

describe('walkTree', () => {
  it('visits a directory before what is in it, in the order of the tree', async () => {
    const { walk } = await setUp();
    expect(await walk()).toEqual(['/c', '/sub', '/sub/a', '/sub/b']);
  });

  it('does not go where it is not wanted', async () => {
    const { walk } = await setUp();
    expect(await walk({ enter: () => false })).toEqual(['/c', '/sub']);
  });

  it('ends with the error of a tree that is missing', async () => {
    const { repository, treePack, walk } = await setUp();
    await repository.removeFile('pack', treePack.id);
    await expect(walk()).rejects.toMatchObject({ code: 'BLOB_MISSING' });
  });

  it('goes on behind a directory that cannot be read when problems are listened to', async () => {
    const { repository } = await makeSampleRepository();
    const tree = encodeTree([dirNode('gone', blobIdOf(utf8('?'))), fileNode('z', [])]);
    const pack = await storePack(repository, [{ type: 'tree', plain: tree }]);
    await storeIndex(repository, [pack]);
    const index = await loadIndex(repository);
    const problems: string[] = [];
    const paths = [];
    const onProblem: WalkOptions['onProblem'] = (path) => problems.push(printPath(path));
    for await (const { path } of walkTree(repository, index, pack.blobs[0]!.id, { onProblem })) {
      paths.push(printPath(path));
    }
    expect(paths).toEqual(['/gone', '/z']);
    expect(problems).toEqual(['/gone']);
  });
});

describe('findNode', () => {
  it('finds a file in a directory', async () => {
    const { repository, index, tree } = await setUp();
    const node = await findNode(repository, index, tree, [utf8('sub'), utf8('b')]);
    expect(node).toMatchObject({ type: 'file', size: 3000n });
  });

  it.each([[['sub', 'x']], [['c', 'x']], [['x', 'y']], [[]]])('does not find %j', async (parts) => {
    const { repository, index, tree } = await setUp();
    await expect(findNode(repository, index, tree, parts.map(utf8))).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' });
  });
});

describe('diffTrees', () => {
  it('tells nothing of equal trees', async () => {
    const { repository, index, tree } = await setUp();
    const changes: unknown[] = [];
    const statistics = await diffTrees(repository, index, tree, tree, { onChange: (change) => changes.push(change) });
    expect(changes).toEqual([]);
    expect(statistics.added.bytes).toBe(0);
  });

  it('uses the letters of restic', async () => {
    const { repository, tree, dataBlobs } = await makeSampleRepository();
    const [one, two, three] = dataBlobs;
    const subtree = encodeTree([
      fileNode('a', [one!], 23_000),
      fileNode('b', [two!], 3000, { mode: 0o600 }),
      fileNode('new', [three!], 5),
    ]);
    const after = encodeTree([dirNode('c', blobIdOf(subtree)), dirNode('sub', blobIdOf(subtree))]);
    const pack = await storePack(repository, [
      { type: 'tree', plain: subtree },
      { type: 'tree', plain: after },
    ]);
    await storeIndex(repository, [pack]);
    const index = await loadIndex(repository);
    const changes: string[] = [];
    const statistics = await diffTrees(repository, index, tree, blobIdOf(after), {
      metadata: true,
      onChange: ({ modifier, path }) => changes.push(`${modifier} ${printPath(path)}`),
    });
    expect(changes).toEqual(['TU /c', 'U /sub', 'M? /sub/a', 'U /sub/b', '+ /sub/new']);
    expect(statistics.changedFiles).toBe(1);
    expect(statistics.added).toMatchObject({ files: 1, treeBlobs: 2, dataBlobs: 0 });
  });
});

describe('repositoryStats', () => {
  it.each([
    ['restore-size', { bytes: 26_005, files: 4 }],
    ['files-by-contents', { bytes: 26_005, files: 3 }],
    ['blobs-per-file', { bytes: 26_005, files: 3, blobs: 4 }],
    ['raw-data', { blobs: 5 }],
  ] as const)('counts %s', async (mode, expected) => {
    const { repository, index } = await setUp();
    const stats = await repositoryStats(repository, index, await listSnapshots(repository), { mode });
    expect(stats).toMatchObject({ snapshots: 1, ...expected });
  });
});
