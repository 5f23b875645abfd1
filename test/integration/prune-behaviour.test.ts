// What a prune does beside others, and when it does nothing.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { encodeTree } from '../../src/formats/tree/tree-encoder.ts';
import { loadIndex } from '../../src/repository/index/load-index.ts';
import { BLOB_DATA } from '../../src/repository/index/blob-index.ts';
import { idToBytes } from '../../src/base/ids.ts';
import { objectName } from '../../src/repository/layout.ts';
import { lockRepository } from '../../src/repository/lock/repository-lock.ts';
import { CairnError } from '../../src/base/errors.ts';
import { appendOnly } from '../../src/storage/layers/append-only.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { StorageOptions } from '../../src/storage/storage.ts';
import { planPrune } from '../../src/repository/prune/plan-prune.ts';
import { repack } from '../../src/repository/prune/repack.ts';
import { faulty } from '../../src/storage/layers/faulty.ts';
import { saveSnapshot } from '../../src/repository/snapshots.ts';
import { type PruneOptions, type PruneResult, pruneVault } from '../../src/vault/care/prune-vault.ts';
import { backUpPath, contentsOf, errorsIn, readAllSnapshots, recordOf } from '../support/archive-fixture.ts';
import { badSector } from '../support/bad-sector.ts';
import { contextOf } from '../support/fault-sweep.ts';
import { dead, makePrunableVault, needed, packIds, type PrunableVault } from '../support/prunable-vaults.ts';
import {
  aSnapshot,
  blobIdOf,
  fileNode,
  flipBit,
  makeRepository,
  storeIndex,
  storePack,
  withOrigin,
} from '../support/repository-fixture.ts';

const prune = (vault: Pick<PrunableVault, 'repository'>, options: PruneOptions = {}): Promise<PruneResult> =>
  pruneVault(contextOf(vault.repository), { maxUnused: { bytes: 0 }, waitMs: 0, ...options });

async function objectsOf({ storage }: Pick<PrunableVault, 'storage'>): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of storage.list('')) names.push(name);
  return names.sort();
}

describe('a prune', () => {
  let vault: PrunableVault;
  beforeEach(async () => void (vault = await makePrunableVault()));

  it('removes what no backup needs, keeps one copy of the rest, and leaves a whole vault', async () => {
    const result = await prune(vault);
    expect(result).toMatchObject({ status: 'complete', newBackups: 0, rescuedPacks: 0, damagedPacks: [] });
    const index = await loadIndex(vault.repository);
    expect(index.locations(BLOB_DATA, idToBytes(blobIdOf(dead)))).toEqual([]);
    expect(index.locations(BLOB_DATA, idToBytes(blobIdOf(utf8('three'))))).toHaveLength(1);
    expect(await packIds(vault.repository)).not.toContain(vault.orphan);
    expect(await errorsIn(vault.repository)).toEqual([]);
    expect(await readAllSnapshots(vault.repository)).toBe(2);
  });

  it('copies blobs as they are sealed', async () => {
    const { storage, partPack, repository } = vault;
    const { offset, length } = partPack.blobs[0]!;
    const before = await storage.read(objectName('pack', partPack.id), { offset, length });
    await prune(vault);
    const index = await loadIndex(repository);
    const [now] = index.locations(BLOB_DATA, idToBytes(blobIdOf(needed)));
    const after = await storage.read(objectName('pack', index.packId(now!.packNumber)), now);
    expect(index.packId(now!.packNumber)).not.toBe(partPack.id);
    expect(Buffer.from(after).equals(before)).toBe(true);
  });

  it('looks whether its lock is held while it stores the last packs', async () => {
    const asked = Promise.withResolvers<void>();
    const storage = faulty(vault.storage);
    storage.write = async (name, ...rest) => {
      if (name.startsWith('data/')) await asked.promise;
      return vault.storage.write(name, ...rest);
    };
    const repository = withOrigin(vault.repository, storage);
    const planned = await planPrune(repository, { maxUnused: { bytes: 0 } });
    const repacked = repack(repository, planned, { assertHeld: async () => asked.resolve() });
    expect((await repacked).indexFiles).toHaveLength(1);
  });

  it('changes nothing in a dry run', async () => {
    const before = await objectsOf(vault);
    const { status, plan } = await prune(vault, { dryRun: true });
    expect([status, plan.remove.packs, plan.repack.packs > 0]).toEqual(['planned', 2, true]);
    expect(await objectsOf(vault)).toEqual(before);
  });

  it('has nothing to do the second time', async () => {
    await prune(vault);
    const before = await objectsOf(vault);
    expect((await prune(vault)).status).toBe('nothing');
    expect(await objectsOf(vault)).toEqual(before);
  });

  it('writes nothing where files may not be removed', async () => {
    const before = await objectsOf(vault);
    const repository = withOrigin(
      vault.repository,
      appendOnly(vault.storage, { mayChange: (name) => name.startsWith('locks/') }),
    );
    await expect(prune({ repository })).rejects.toMatchObject({ code: 'STORAGE_APPEND_ONLY' });
    expect(await objectsOf(vault)).toEqual(before);
  });

  it('removes all others where one pack may not be removed, and names it', async () => {
    const { orphan, deadPack } = vault;
    const held = objectName('pack', orphan);
    class Holding extends StorageLayer {
      override async remove(name: string, options?: StorageOptions): Promise<void> {
        if (name === held) throw new CairnError('STORAGE_DENIED', `cannot remove ${name}: it is locked`);
        await this.inner.remove(name, options);
      }
      override async removeMany(names: readonly string[], options?: StorageOptions): Promise<void> {
        for (const name of names) await this.remove(name, options);
      }
    }
    const result = await prune({ repository: withOrigin(vault.repository, new Holding(vault.storage)) });
    expect(result).toMatchObject({ status: 'partial', failedPacks: 1, failure: `cannot remove ${held}: it is locked` });
    const left = await packIds(vault.repository);
    expect([left.has(orphan), left.has(deadPack.id)]).toEqual([true, false]);
    expect(await errorsIn(vault.repository)).toEqual([]);
  });

  describe('beside others', () => {
    it('keeps the packs that a backup needs which came meanwhile', async () => {
      const tree = blobIdOf(encodeTree([fileNode('gone', [blobIdOf(dead)], dead.length)]));
      const result = await prune(vault, {
        onPlan: async ({ packsToRemove }) => {
          expect(packsToRemove).toContain(vault.deadPack.id);
          await saveSnapshot(vault.repository, aSnapshot(tree));
        },
      });
      expect(result).toMatchObject({ status: 'complete', newBackups: 1 });
      expect(result.rescuedPacks).toBeGreaterThan(0);
      expect(await packIds(vault.repository)).toContain(vault.deadPack.id);
      expect(await errorsIn(vault.repository)).toEqual([]);
      expect(await readAllSnapshots(vault.repository)).toBe(3);
    });

    it('leaves index files and packs alone that came meanwhile', async () => {
      let later: readonly string[] = [];
      await prune(vault, {
        onPlan: async () => {
          const { repository } = vault;
          const listed = await storePack(repository, [{ type: 'data', plain: utf8('of a backup that goes on') }]);
          const unlisted = await storePack(repository, [
            { type: 'data', plain: utf8('of one that has not listed it') },
          ]);
          const file = await storeIndex(repository, [listed]);
          later = [objectName('pack', listed.id), objectName('pack', unlisted.id), objectName('index', file)];
        },
      });
      expect(later).toHaveLength(3);
      expect(await objectsOf(vault)).toEqual(expect.arrayContaining([...later]));
    });

    it('does not remove a pack that was in no index file and is in one now', async () => {
      const { repository } = vault;
      const pack = await storePack(repository, [{ type: 'data', plain: utf8('slow writer') }]);
      await prune(vault, { onPlan: async () => void (await storeIndex(repository, [pack])) });
      expect(await packIds(repository)).toContain(pack.id);
    });

    it('stops where the index was changed by somebody else, and removes nothing', async () => {
      const { repository } = vault;
      const before = await packIds(repository);
      const result = prune(vault, {
        onPlan: async () => {
          for await (const { id } of repository.listIds('index')) {
            await repository.removeFile('index', id);
            break;
          }
        },
      });
      await expect(result).rejects.toMatchObject({ code: 'PLAN_OUTDATED', retry: 'later' });
      expect([...(await packIds(repository))]).toEqual(expect.arrayContaining([...before]));
    });

    it('removes nothing while a backup runs, and the next prune uses what was repacked', async () => {
      const { repository } = vault;
      const before = await packIds(repository);
      {
        await using _lock = await lockRepository(repository, { mode: 'shared' });
        await expect(prune(vault)).rejects.toMatchObject({ code: 'VAULT_LOCKED', retry: 'later' });
      }
      expect([...(await packIds(repository))]).toEqual(expect.arrayContaining([...before]));
      expect(await errorsIn(repository)).toEqual([]);
      const result = await prune(vault);
      expect([result.status, result.bytesRead]).toEqual(['complete', 0]);
      expect(await readAllSnapshots(repository)).toBe(2);
    });

    it('waits for a backup that ends', async () => {
      const lock = await lockRepository(vault.repository, { mode: 'shared' });
      const context = contextOf(vault.repository);
      const phases: string[] = [];
      const result = await pruneVault(
        {
          ...context,
          settings: {
            ...context.settings,
            notify: ({ message }) => {
              if (message.startsWith('waiting')) void lock[Symbol.asyncDispose]();
            },
          },
          report: ({ phase }) => phases.push(phase),
        },
        { waitMs: 60_000 },
      );
      expect(result.status).toBe('complete');
      expect(phases).toContain('wait');
    });
  });

  describe('of a damaged vault', () => {
    it('leaves a pack with a damaged blob that is needed, and does the rest', async () => {
      await flipBit(vault.storage, objectName('pack', vault.partPack.id), 100);
      const result = await prune(vault);
      expect(result).toMatchObject({ status: 'partial', damagedPacks: [vault.partPack.id] });
      const left = await packIds(vault.repository);
      expect([left.has(vault.partPack.id), left.has(vault.deadPack.id)]).toEqual([true, false]);
    });

    it('leaves a pack that its device cannot read, and does the rest', async () => {
      const name = objectName('pack', vault.partPack.id);
      const result = await prune({ repository: withOrigin(vault.repository, badSector(vault.storage, name)) });
      expect(result).toMatchObject({ status: 'partial', damagedPacks: [vault.partPack.id] });
      const left = await packIds(vault.repository);
      expect([left.has(vault.partPack.id), left.has(vault.deadPack.id)]).toEqual([true, false]);
      expect(await errorsIn(vault.repository)).toEqual([]);
    });

    it.each([
      [
        'a pack that is needed is missing',
        async (one: PrunableVault): Promise<void> => one.repository.removeFile('pack', one.partPack.id),
      ],
      [
        'a pack that is needed was cut short',
        async (one: PrunableVault): Promise<void> => {
          const name = objectName('pack', one.partPack.id);
          await one.storage.write(name, (await one.storage.read(name)).subarray(0, 60));
        },
      ],
      [
        'a backup refers to what no index file lists',
        async (one: PrunableVault): Promise<void> =>
          void (await saveSnapshot(one.repository, aSnapshot(blobIdOf(utf8('nowhere'))))),
      ],
      [
        'there is no backup',
        async (one: PrunableVault): Promise<void> => {
          for await (const { id } of one.repository.listIds('snapshot'))
            await one.repository.removeFile('snapshot', id);
        },
      ],
    ] as const)('removes nothing where %s', async (_, damage) => {
      await damage(vault);
      const before = await objectsOf(vault);
      await expect(prune(vault)).rejects.toMatchObject({ code: 'PRUNE_REFUSED' });
      expect(await objectsOf(vault)).toEqual(before);
    });

    it.each(['snapshots/', 'index/'])('removes nothing where a file in %s cannot be read', async (folder) => {
      for await (const { name } of vault.storage.list(folder)) {
        await flipBit(vault.storage, name, 300);
        break;
      }
      const before = await objectsOf(vault);
      await expect(prune(vault)).rejects.toMatchObject({ code: expect.stringContaining('CORRUPT') });
      expect(await objectsOf(vault)).toEqual(before);
    });

    it('forgets a pack that is missing and not needed, and takes the good one of two copies', async () => {
      await vault.repository.removeFile('pack', vault.deadPack.id);
      await vault.repository.removeFile('pack', vault.copyPack.id);
      expect((await prune(vault)).plan.packs.missing).toBe(2);
      expect(await errorsIn(vault.repository)).toEqual([]);
      expect(await readAllSnapshots(vault.repository)).toBe(2);
    });
  });

  it('empties a vault without backups where that is wanted', async () => {
    for await (const { id } of vault.repository.listIds('snapshot')) await vault.repository.removeFile('snapshot', id);
    expect((await prune(vault, { allowEmpty: true })).status).toBe('complete');
    expect((await packIds(vault.repository)).size).toBe(0);
    expect((await loadIndex(vault.repository)).size).toBe(0);
  });
});

describe('a prune in threads', () => {
  let scratch: string;
  beforeEach(() => void (scratch = fs.mkdtempSync(join(tmpdir(), 'cairn-prune-'))));
  afterEach(() => fs.rmSync(scratch, { recursive: true, force: true }));

  it.each([1, 2] as const)('repacks in a vault of version %i what is left of a backup', async (version) => {
    const { repository } = await makeRepository({ version });
    for (let file = 0; file < 40; file++) {
      fs.writeFileSync(
        join(scratch, `f${file}`),
        file % 3 === 0 ? utf8(`text ${file} `.repeat(90_000)) : randomBytes(700_000),
      );
    }
    const first = recordOf(await backUpPath(repository, scratch, { packSizeBytes: 4 * 1024 * 1024 }));
    for (let file = 0; file < 40; file += 2) fs.rmSync(join(scratch, `f${file}`));
    const second = recordOf(await backUpPath(repository, scratch));
    const contents = await contentsOf(repository, second.snapshot.tree);
    await repository.removeFile('snapshot', first.id);
    const result = await pruneVault(contextOf(repository), {
      maxUnused: { bytes: 0 },
      packSizeBytes: 4 * 1024 * 1024,
      repackUncompressed: version === 2,
    });
    expect(result.status).toBe('complete');
    expect(result.bytesWritten).toBeGreaterThan(8 * 1024 * 1024);
    expect(await errorsIn(repository)).toEqual([]);
    expect(await contentsOf(repository, second.snapshot.tree)).toEqual(contents);
    expect((await pruneVault(contextOf(repository), { repackUncompressed: version === 2 })).status).toBe('nothing');
  });
});
