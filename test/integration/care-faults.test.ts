// Every storage operation of the care commands, gone wrong in every way: no backup that stays may suffer, and the
// next run ends what this one began.
import { describe, expect, it } from 'vitest';
import { parseGoTime } from '../../src/formats/go-time.ts';
import { listSnapshots, saveSnapshot } from '../../src/repository/snapshots.ts';
import { applyForget } from '../../src/vault/care/apply-forget.ts';
import { planForget } from '../../src/vault/care/plan-forget.ts';
import { tagBackups } from '../../src/vault/care/tag-backups.ts';
import type { BlobId } from '../../src/base/ids.ts';
import { hasCode } from '../../src/base/errors.ts';
import { Secret } from '../../src/base/secret.ts';
import { readBlob, readTree } from '../../src/repository/blob-reader.ts';
import { loadIndex } from '../../src/repository/index/load-index.ts';
import { changePassword } from '../../src/repository/change-password.ts';
import { addKey, listKeys, removeKey } from '../../src/repository/keys.ts';
import { openRepository } from '../../src/repository/open-repository.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { StorageFeatures } from '../../src/storage/storage.ts';
import { migrateVault } from '../../src/vault/care/migrate-vault.ts';
import { recoverBackups } from '../../src/vault/care/recover-backups.ts';
import { repairIndex } from '../../src/vault/care/repair-index-action.ts';
import { repairPacks } from '../../src/vault/care/repair-packs-action.ts';
import { repairSnapshots } from '../../src/vault/care/repair-snapshots.ts';
import { rewriteBackups } from '../../src/vault/care/rewrite-backups.ts';
import { contentsOf, errorsIn, readAllSnapshots } from '../support/archive-fixture.ts';
import {
  withDamagedIndex,
  withDamagedPack,
  withMissingPack,
  withoutIndex,
  withoutSnapshot,
} from '../support/damaged-vaults.ts';
import { expectSound, newTrial, sweepFaults, type Sweep, type Trial } from '../support/fault-sweep.ts';
import { aSnapshot, makeSampleRepository, TEST_KDF, TEST_PASSWORD, withOrigin } from '../support/repository-fixture.ts';

/** Three backups of one tree, a day apart. */
async function someBackups(): Promise<Sweep['base']> {
  const made = await makeSampleRepository();
  for (const day of [1, 2]) {
    await saveSnapshot(made.repository, aSnapshot(made.tree, { time: parseGoTime(`2024-01-0${day}T10:00:00Z`) }));
  }
  return made;
}

const tagsOf = async ({ repository }: Trial): Promise<readonly (readonly string[])[]> =>
  (await listSnapshots(repository)).map(({ snapshot }) => snapshot.tags);

describe('on a storage that fails', () => {
  it('forget removes what it planned and nothing else', async () => {
    const trials = await sweepFaults({
      base: await someBackups(),
      run: async ({ context }) => applyForget(context, await planForget(context, { last: 1 }, {})),
      done: async ({ repository }) => {
        const left = await listSnapshots(repository);
        expect(left.map(({ snapshot }) => snapshot.time)).toEqual([parseGoTime('2024-01-02T10:00:00Z')]);
      },
    });
    expect(trials).toBeGreaterThan(20);
  });

  it('tag leaves every backup once, with the new tags', async () => {
    await sweepFaults({
      base: await someBackups(),
      run: ({ context }) => tagBackups(context, { add: ['new'] }, {}),
      done: async (trial) => expect(await tagsOf(trial)).toEqual([['new'], ['new'], ['new']]),
    });
  });

  it('rewrite --forget leaves every backup once, without what was excluded', async () => {
    await sweepFaults({
      base: await someBackups(),
      run: ({ context }) => rewriteBackups(context, { exclude: ['b'] }, { forget: true }),
      done: async ({ repository }) => {
        const records = await listSnapshots(repository);
        const names = await Promise.all(records.map(async ({ snapshot }) => filesOf(repository, snapshot.tree)));
        expect(names).toEqual([
          ['/c', '/sub/a'],
          ['/c', '/sub/a'],
          ['/c', '/sub/a'],
        ]);
      },
    });
  });

  it('rewrite leaves every backup once, and once as it was', async () => {
    await sweepFaults({
      base: await someBackups(),
      run: ({ context }) => rewriteBackups(context, { exclude: ['b'] }, {}),
      done: async (trial) =>
        expect((await tagsOf(trial)).map(String).sort()).toEqual(['', '', '', 'rewrite', 'rewrite', 'rewrite']),
    });
  });

  it.each([
    ['no index', withoutIndex],
    ['a damaged index file', withDamagedIndex],
  ] as const)('repair index makes a whole vault of one with %s', async (_, make) => {
    await sweepFaults({
      base: await make(),
      run: ({ context }) => repairIndex(context, {}),
      after: async () => {},
      done: expectSound,
    });
  });

  it('repair index --read-all-packs harms nothing', async () => {
    await sweepFaults({
      base: await someBackups(),
      run: ({ context }) => repairIndex(context, { readAllPacks: true }),
      done: expectSound,
    });
  });

  it('repair index forgets a missing pack, and never one that is there', async () => {
    const base = await withMissingPack();
    await sweepFaults({
      base,
      run: ({ context }) => repairIndex(context, {}),
      after: async () => {},
      done: async ({ repository }) => {
        const errors = await errorsIn(repository);
        expect(errors.filter((text) => !text.startsWith('blob-missing'))).toEqual([]);
        expect((await loadIndex(repository)).packCount).toBe(1);
        const [record] = await listSnapshots(repository);
        await readTree(repository, await loadIndex(repository), record!.snapshot.tree);
      },
    });
  });

  it('repair packs keeps every intact blob readable at every instant', async () => {
    const base = await withDamagedPack();
    const [, two, three] = base.dataBlobs;
    const intact = async ({ repository }: Trial): Promise<void> => {
      const index = await loadIndex(repository);
      for (const id of [two!, three!]) await readBlob(repository, index, 'data', id);
    };
    await sweepFaults({
      base,
      run: ({ context }) => repairPacks(context, [base.dataPack.id], {}),
      after: intact,
      done: async (trial) => {
        await intact(trial);
        const errors = await errorsIn(trial.repository);
        expect(errors.map((text) => text.split(':')[0])).toEqual([`blob-missing blob ${base.dataBlobs[0]}`]);
      },
    });
  });

  it('repair snapshots makes whole backups of damaged ones', async () => {
    const base = await withDamagedPack();
    const trial = await newTrial(base);
    await repairPacks(trial.context, [base.dataPack.id], {});
    await sweepFaults({
      base: trial,
      run: ({ context }) => repairSnapshots(context, { forget: true }),
      after: async ({ repository }) => expect(await listSnapshots(repository)).not.toEqual([]),
      done: async (done) => {
        await expectSound(done);
        const [record, ...others] = await listSnapshots(done.repository);
        expect(others).toEqual([]);
        expect(await filesOf(done.repository, record!.snapshot.tree)).toEqual(['/c', '/sub/a', '/sub/b']);
      },
    });
  });

  it('recover brings every file back', async () => {
    const base = await withoutSnapshot();
    await sweepFaults({
      base,
      run: ({ context }) => recoverBackups(context, {}),
      done: async ({ repository }) => {
        const found: string[][] = [];
        for (const { snapshot } of await listSnapshots(repository)) {
          const files = await filesOf(repository, snapshot.tree);
          found.push(
            files.map((path) => path.replace(/^.*\/[0-9a-f]{8}/u, '')).filter((name) => /\/[abc]$/u.test(name)),
          );
        }
        expect(found).toContainEqual(['/c', '/sub/a', '/sub/b']);
      },
    });
  });

  it('migrate leaves a vault that opens', async () => {
    await sweepFaults({
      base: await makeSampleRepository({ version: 1 }),
      run: ({ context }) => migrateVault(context, {}),
      after: async (trial) => void (await opens(trial)),
      done: async (trial) => expect(await opens(trial)).toBe(2),
    });
  });

  it('migrate leaves a vault that opens, or the copy of its config, where a file cannot be replaced at once', async () => {
    const copies = new WeakMap<Trial, Uint8Array>();
    await sweepFaults({
      base: await makeSampleRepository({ version: 1 }),
      run: (trial) => {
        const repository = withOrigin(trial.repository, new ReplacesNothing(trial.storage));
        const keepOldConfig = async (bytes: Uint8Array): Promise<void> => void copies.set(trial, bytes);
        return migrateVault({ ...trial.context, repository }, { keepOldConfig });
      },
      after: async (trial) => {
        const copy = copies.get(trial);
        const isThere = (await trial.storage.stat('config')) !== undefined;
        if (!isThere) await trial.storage.write('config', copy ?? new Uint8Array(0));
        await opens(trial);
      },
      done: async (trial) => expect(await opens(trial)).toBe(2),
    });
  });

  describe('keys', () => {
    const changed = { password: new Secret('changed'), kdf: TEST_KDF };
    it('passwd: one of the two passwords opens the vault at every instant', async () => {
      await sweepFaults({
        base: await makeSampleRepository(),
        run: ({ repository }) => changePassword(repository, changed),
        after: async (trial) => {
          const opens = [await opensWith(trial, TEST_PASSWORD), await opensWith(trial, changed.password)];
          expect(opens).toContain(true);
        },
        done: async (trial) => {
          expect([await opensWith(trial, TEST_PASSWORD), await opensWith(trial, changed.password)]).toEqual([
            false,
            true,
          ]);
          expect(await listKeys(trial.repository)).toHaveLength(1);
        },
      });
    });

    it('add: the password there was opens the vault at every instant', async () => {
      await sweepFaults({
        base: await makeSampleRepository(),
        run: ({ repository }) => addKey(repository, changed),
        after: async (trial) => expect(await opensWith(trial, TEST_PASSWORD)).toBe(true),
        done: async (trial) => expect(await opensWith(trial, changed.password)).toBe(true),
      });
    });

    it('remove: the password in use opens the vault at every instant', async () => {
      const base = await makeSampleRepository();
      const id = await addKey(base.repository, changed);
      await sweepFaults({
        base,
        run: async ({ repository }) => {
          const keys = await listKeys(repository);
          if (keys.some((key) => key.id === id)) await removeKey(repository, id);
        },
        after: async (trial) => expect(await opensWith(trial, TEST_PASSWORD)).toBe(true),
        done: async (trial) => expect(await opensWith(trial, changed.password)).toBe(false),
      });
    });
  });
});

async function filesOf(repository: Trial['repository'], tree: BlobId): Promise<string[]> {
  return Object.keys(await contentsOf(repository, tree))
    .filter((path) => !['/sub'].includes(path))
    .sort();
}

/** The version of the vault, once it was opened and everything in it was read. */
async function opens({ storage }: Trial): Promise<1 | 2> {
  await using repository = await openRepository(storage, { password: TEST_PASSWORD });
  expect(await readAllSnapshots(repository)).toBe(1);
  return repository.config.version;
}

async function opensWith({ storage }: Trial, password: Secret): Promise<boolean> {
  try {
    await using repository = await openRepository(storage, { password });
    return repository.config.version > 0;
  } catch (error) {
    if (hasCode(error, 'PASSWORD_WRONG')) return false;
    throw error;
  }
}

class ReplacesNothing extends StorageLayer {
  override get features(): StorageFeatures {
    return { ...this.inner.features, atomicWrite: false };
  }
}
