import { describe, expect, it } from 'vitest';
import {
  aSnapshot,
  blobIdOf,
  dirNode,
  fileNode,
  makeRepository,
  makeSampleRepository,
  type MadeRepository,
  storeIndex,
  storePack,
} from '../../../test/support/repository-fixture.ts';
import { contentsOf } from '../../../test/support/archive-fixture.ts';
import { utf8, utf8Lossy } from '../../base/bytes.ts';
import type { BlobId } from '../../base/ids.ts';
import { encodeTree } from '../../formats/tree/tree-encoder.ts';
import { BlobStore } from '../blob-store.ts';
import { loadIndex } from '../index/load-index.ts';
import { saveSnapshot } from '../snapshots.ts';
import { TreeRewriter, type TreeRules } from './tree-rewriter.ts';

const without = (name: string): TreeRules => ({
  mayLoseFields: false,
  node: (node) => (utf8Lossy(node.name) === name ? undefined : node),
});

async function rewrite({ repository }: MadeRepository, root: BlobId, rules: TreeRules) {
  const index = await loadIndex(repository);
  const store = new BlobStore(repository, index);
  const result = await new TreeRewriter(repository, index, store, rules).rewrite(root);
  await store.flush();
  return result;
}

/** A tree whose JSON has a field that we do not know, with a file beside it in a folder. */
async function withForeignField(): Promise<MadeRepository & { readonly root: BlobId }> {
  const made = await makeRepository();
  const usual = Buffer.from(encodeTree([fileNode('drop', []), fileNode('keep', [])])).toString();
  const foreign = utf8(usual.replace('"uid"', '"colour":"green","uid"'));
  const rootBytes = encodeTree([dirNode('foreign', blobIdOf(foreign)), fileNode('other', [])]);
  const pack = await storePack(
    made.repository,
    [foreign, rootBytes].map((plain) => ({ type: 'tree', plain })),
  );
  await storeIndex(made.repository, [pack]);
  return { ...made, root: blobIdOf(rootBytes) };
}

describe('a tree that is written again', () => {
  it('is the same blob where the rules change nothing', async () => {
    const made = await makeSampleRepository();
    expect(await rewrite(made, made.tree, without('nothing'))).toEqual({ id: made.tree, files: 3, bytes: 26_005 });
  });

  it('lacks what was left out, and counts what is left', async () => {
    const made = await makeSampleRepository();
    const result = await rewrite(made, made.tree, without('a'));
    expect(result).toMatchObject({ files: 2, bytes: 3005 });
    expect(Object.keys(await contentsOf(made.repository, result!.id))).toEqual(['/c', '/sub', '/sub/b']);
  });

  it('has the same id in a dry run, and nothing is stored', async () => {
    const made = await makeSampleRepository();
    const index = await loadIndex(made.repository);
    const before = await Array.fromAsync(made.storage.list(''));
    const dry = await new TreeRewriter(made.repository, index, undefined, without('a')).rewrite(made.tree);
    expect(await Array.fromAsync(made.storage.list(''))).toEqual(before);
    expect(dry).toEqual(await rewrite(made, made.tree, without('a')));
  });

  it('tells the rules of what it leaves out again when another snapshot shares it', async () => {
    const { repository, tree } = await makeSampleRepository();
    const asked: string[] = [];
    const rules: TreeRules = {
      ...without('a'),
      node: (node, path) => {
        asked.push(utf8Lossy(node.name));
        return without('a').node(node, path);
      },
    };
    const rewriter = new TreeRewriter(repository, await loadIndex(repository), undefined, rules);
    const first = await rewriter.rewrite(tree);
    const askedFirst = asked.splice(0);
    expect(await rewriter.rewrite(tree)).toEqual(first);
    expect([askedFirst, asked]).toEqual([
      ['c', 'sub', 'a', 'b'],
      ['c', 'sub', 'a', 'b'],
    ]);
  });

  it('is refused where that would lose what another program put into it', async () => {
    const made = await withForeignField();
    await expect(rewrite(made, made.root, without('drop'))).rejects.toMatchObject({
      code: 'REWRITE_REFUSED',
      facts: { path: '/foreign' },
    });
  });

  it('keeps folders of other programs that do not change', async () => {
    const made = await withForeignField();
    const result = await rewrite(made, made.root, without('other'));
    expect(result!.id).not.toBe(made.root);
    expect(Object.keys(await contentsOf(made.repository, result!.id))).toEqual([
      '/foreign',
      '/foreign/drop',
      '/foreign/keep',
    ]);
  });

  it('throws for a folder that cannot be read, unless the rules know what to do', async () => {
    const made = await makeRepository();
    const gone = 'ab'.repeat(32) as BlobId;
    const bytes = encodeTree([dirNode('gone', gone), fileNode('here', [])]);
    await storeIndex(made.repository, [await storePack(made.repository, [{ type: 'tree', plain: bytes }])]);
    await saveSnapshot(made.repository, aSnapshot(blobIdOf(bytes)));
    await expect(rewrite(made, blobIdOf(bytes), without('x'))).rejects.toMatchObject({ code: 'BLOB_MISSING' });
    const tolerant = { ...without('x'), onUnreadable: () => true };
    const result = await rewrite(made, blobIdOf(bytes), tolerant);
    expect(Object.keys(await contentsOf(made.repository, result!.id))).toEqual(['/gone', '/here']);
    expect(await rewrite(made, gone, tolerant)).toBeUndefined();
  });
});
