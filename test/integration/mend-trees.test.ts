// Trees that are damaged in the vault and come out of a repair or a rewrite under the same id: they have to be stored
// again, because what refers to them is all that stays.
import { describe, expect, it } from 'vitest';
import { utf8, utf8Lossy } from '../../src/base/bytes.ts';
import { CairnError } from '../../src/base/errors.ts';
import type { BlobId } from '../../src/base/ids.ts';
import { encodeTree } from '../../src/formats/tree/tree-encoder.ts';
import { loadIndex } from '../../src/repository/index/load-index.ts';
import { objectName } from '../../src/repository/layout.ts';
import { listSnapshots, saveSnapshot } from '../../src/repository/snapshots.ts';
import { faulty } from '../../src/storage/layers/faulty.ts';
import { repairIndex } from '../../src/vault/care/repair-index-action.ts';
import { repairSnapshots } from '../../src/vault/care/repair-snapshots.ts';
import { rewriteSnapshots } from '../../src/vault/care/rewrite-snapshots.ts';
import { rewriteBackups } from '../../src/vault/care/rewrite-backups.ts';
import { contentsOf, errorsIn } from '../support/archive-fixture.ts';
import { contextOf } from '../support/fault-sweep.ts';
import {
  aSnapshot,
  blobIdOf,
  dirNode,
  fileNode,
  flipBit,
  type MadeRepository,
  makeRepository,
  storeIndex,
  type StoredPack,
  storePack,
  withOrigin,
} from '../support/repository-fixture.ts';

const EMPTY = encodeTree([]);
const SMALL = encodeTree([fileNode('a', [])]);
const LARGE = encodeTree([fileNode('a', []), fileNode('b', [])]);

/** A backup with a folder of this tree, and the trees `beside`, each in a pack of its own. */
async function backupOf(
  folder: Uint8Array,
  beside: readonly Uint8Array[] = [],
): Promise<MadeRepository & { readonly packs: readonly StoredPack[] }> {
  const made = await makeRepository();
  const root = encodeTree([dirNode('folder', blobIdOf(folder))]);
  const packs: StoredPack[] = [];
  for (const plain of [root, folder, ...beside])
    packs.push(await storePack(made.repository, [{ type: 'tree', plain }]));
  await storeIndex(made.repository, packs);
  await saveSnapshot(made.repository, aSnapshot(blobIdOf(root)));
  return { ...made, packs };
}

const treesOf = async ({ repository }: MadeRepository): Promise<BlobId[]> =>
  (await listSnapshots(repository)).map(({ snapshot }) => snapshot.tree);

describe('repair snapshots', () => {
  it('stores the tree of an empty folder again whose pack is gone', async () => {
    const made = await backupOf(EMPTY);
    const before = await treesOf(made);
    await made.repository.removeFile('pack', made.packs[1]!.id);
    const context = contextOf(made.repository);
    await repairIndex(context, {});
    const { changes } = await repairSnapshots(context, {});
    expect(changes).toMatchObject([{ outcome: 'rewritten', entries: [{ path: '/folder' }] }]);
    expect(await errorsIn(made.repository)).toEqual([]);
    expect(await treesOf(made)).toEqual(before);
  });

  it('stores it again where the index still lists the damaged one', async () => {
    const made = await backupOf(EMPTY);
    await flipBit(made.storage, objectName('pack', made.packs[1]!.id), 20);
    await repairSnapshots(contextOf(made.repository), {});
    const [tree] = await treesOf(made);
    expect(await contentsOf(made.repository, tree!)).toEqual({ '/folder': expect.anything() });
  });

  it('finds nothing to do the second time', async () => {
    const made = await backupOf(EMPTY);
    await made.repository.removeFile('pack', made.packs[1]!.id);
    const context = contextOf(made.repository);
    await repairIndex(context, {});
    await repairSnapshots(context, {});
    expect(await repairSnapshots(context, {})).toEqual({ changes: [], unchanged: 1 });
  });
});

describe('repair snapshots --forget', () => {
  it('stops where a folder cannot be read any more that could be read when it was planned', async () => {
    // Larger than what is kept in memory from one reading to the next.
    const large = encodeTree(Array.from({ length: 50_000 }, (_, at) => fileNode(`file ${String(at).padStart(6)}`, [])));
    const made = await backupOf(large);
    const lost = encodeTree([dirNode('folder', blobIdOf(large)), fileNode('lost', [blobIdOf(utf8('not there'))], 9)]);
    await storeIndex(made.repository, [await storePack(made.repository, [{ type: 'tree', plain: lost }])]);
    const id = await saveSnapshot(made.repository, aSnapshot(blobIdOf(lost)));
    const storage = faulty(made.storage);
    const repair = repairSnapshots(contextOf(withOrigin(made.repository, storage)), {
      references: [id],
      forget: true,
      onPlan: async () =>
        storage.inject({
          how: 'flip-bit',
          when: ({ kind, name }) => kind === 'read' && name === objectName('pack', made.packs[1]!.id),
        }),
    });
    await expect(repair).rejects.toMatchObject({ code: 'STORAGE_IO', retry: 'later' });
    expect((await listSnapshots(made.repository)).map((record) => record.id)).toContain(id);
  });
});

describe('rewrite --forget', () => {
  it('stores a tree that the index lists and that is damaged', async () => {
    const made = await backupOf(LARGE, [SMALL]);
    await flipBit(made.storage, objectName('pack', made.packs[2]!.id), 20);
    await rewriteBackups(contextOf(made.repository), { exclude: ['b'] }, { forget: true });
    const [tree] = await treesOf(made);
    expect(Object.keys(await contentsOf(made.repository, tree!))).toEqual(['/folder', '/folder/a']);
  });
});

describe('a rewrite whose lock is lost while it stores trees', () => {
  it('saves no backup and removes none: a prune may have removed what it stored', async () => {
    const made = await backupOf(LARGE);
    const { repository } = made;
    const context = contextOf(repository);
    const known = await listSnapshots(repository);
    let asked = 0;
    const rewriting = rewriteSnapshots(context, {
      session: {
        signal: context.signal,
        assertHeld: async () => {
          if (++asked > 1) throw new CairnError('LOCK_LOST', 'the lock was lost');
        },
        [Symbol.asyncDispose]: async () => {},
      },
      index: await loadIndex(repository),
      known,
      chosen: known,
      phase: 'rewrite',
      rules: () => ({ mayLoseFields: false, node: (node) => (utf8Lossy(node.name) === 'b' ? undefined : node) }),
      editsOf: () => undefined,
      countsAgain: false,
      tag: 'rewrite',
      forget: true,
    });
    await expect(rewriting).rejects.toMatchObject({ code: 'LOCK_LOST' });
    expect(await listSnapshots(repository)).toEqual(known);
  });
});
