// A rotation and a delete over snapshots, archives and values at once, on a storage that fails at any step.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasCode } from '../../src/base/errors.ts';
import { Secret } from '../../src/base/secret.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { ActionContext } from '../../src/vault/actions/backup-action.ts';
import { runCheck } from '../../src/vault/actions/check-action.ts';
import { initRepository } from '../../src/repository/init-repository.ts';
import { removePlanned } from '../../src/vault/care/remove-planned.ts';
import { planDelete } from '../../src/vault/care/plan-forget.ts';
import { planRotation, rotateBackups } from '../../src/vault/care/rotate-backups.ts';
import type { BackupRecord } from '../../src/vault/reference/backup-record.ts';
import { Vault } from '../../src/vault/vault.ts';
import { newTrial, type Sweep, sweepFaults, type Trial } from '../support/fault-sweep.ts';
import { withOrigin } from '../support/repository-fixture.ts';

const NOW = '2024-03-14T12:00:00Z';

let scratch: string;
let base: Sweep['base'];

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'cairn-mixed-'));
  writeFileSync(join(scratch, 'file'), 'content');
  const storage = openMemoryStorage();
  const repository = await initRepository(storage, {
    password: new Secret('correct horse'),
    kdf: { N: 2, r: 8, p: 1 },
  });
  base = { storage, repository };
  const vault = vaultOf(base, {});
  for (const day of [13, 14]) {
    const time = `2024-03-${day}T03:00:00Z`;
    await vault.backup(scratch, { name: 'main', time });
    await vault.archive(scratch, { name: 'main', time, encrypt: false });
  }
  for (const n of [1, 2]) {
    await vault.values.set('setting', { n });
    await vault.values.set('other', { n });
  }
});

afterAll(() => rmSync(scratch, { recursive: true }));

function vaultOf({ storage, repository }: Sweep['base'], settings: Partial<ActionContext['settings']>): Vault {
  return new Vault(storage, repository, {
    retryLockMs: 0,
    lock: true,
    jobs: 1,
    memoryFolder: undefined,
    password: new Secret('correct horse'),
    notify: () => {},
    ...settings,
  });
}

async function removeSome({ storage, repository, context }: Trial): Promise<void> {
  await rotateBackups(context, [{ name: 'main' }, { days: 1 }, { now: NOW }]);
  try {
    await removePlanned(context, await planDelete(context, ['setting'], {}), 'delete');
  } catch (error) {
    if (!hasCode(error, 'REF_UNKNOWN')) throw error;
  }
  const vault = vaultOf({ storage, repository }, context.settings);
  await vault.values.set('touched', 1);
}

const listed = async ({ storage, repository, context }: Trial): Promise<BackupRecord[]> => {
  const vault = vaultOf({ storage, repository }, context.settings);
  return await Array.fromAsync(vault.list());
};

const described = (backups: readonly BackupRecord[]): string[] =>
  backups.map(({ form, name, time }) => `${form} ${name} ${form === 'value' ? '' : time.getUTCDate()}`.trim()).sort();

async function shelfObjects(storage: Storage): Promise<string[]> {
  const names = (await Array.fromAsync(storage.list(''))).map(({ name }) => name);
  return names.filter((name) => /^(?:archives|values)\//.test(name));
}

/** What lies on the shelves and belongs to no backup that is listed. Of a value the older versions belong to it. */
async function orphans(trial: Trial, backups: readonly BackupRecord[]): Promise<string[]> {
  const isOwn = (name: string): boolean =>
    backups.some((backup) => {
      if (backup.form === 'snapshot') return false;
      if (backup.form === 'value') return folderOf(name) === folderOf(backup.object) && !name.endsWith('.deleted');
      return [backup.id, `${backup.id}.json`].some((file) => name === `archives/${backup.name}/${file}`);
    });
  return (await shelfObjects(trial.storage)).filter((name) => !isOwn(name));
}

const folderOf = (object: string): string => object.slice(0, object.lastIndexOf('/'));

async function clearLocks({ storage }: Trial): Promise<void> {
  for await (const { name } of storage.list('locks/')) await storage.remove(name);
}

/** Nothing that was to stay is gone, what is listed is whole, and what is half gone has a name. */
async function expectNamed(trial: Trial): Promise<void> {
  await clearLocks(trial);
  const backups = await listed(trial);
  for (const kept of ['snapshot main 14', 'archive main 14', 'value other']) {
    expect(described(backups)).toContain(kept);
  }
  const { findings } = await runCheck(trial.context, { readData: 'all' });
  const named = findings.map(({ object }) => object ?? '');
  const lost = findings.filter(({ kind }) => !/leftover|unfinished|deleted|value-leftover/.test(kind));
  expect(lost).toEqual([]);
  for (const orphan of await orphans(trial, backups)) {
    const isNamed = named.some((object) =>
      orphan.startsWith('values/')
        ? folderOf(object) === folderOf(orphan)
        : orphan.startsWith(object.replace(/\.(?:writing|deleted)\.json$/, '')),
    );
    expect(isNamed, `${orphan} is named by none of ${named.join(', ')}`).toBe(true);
  }
}

describe('removing backups of all forms', () => {
  it('leaves nothing that `check` does not name and the next run does not settle', async () => {
    const trials = await sweepFaults({
      base,
      run: removeSome,
      after: expectNamed,
      done: async (trial) => {
        const backups = await listed(trial);
        expect([...new Set(described(backups))]).toEqual([
          'archive main 14',
          'snapshot main 14',
          'value other',
          'value touched',
        ]);
        expect(await orphans(trial, backups)).toEqual([]);
      },
    });
    expect(trials).toBeGreaterThan(100);
  });

  it.each([1, 2])('tells the catalog of what is gone also where it is stopped after %d', async (count) => {
    const trial = await newTrial(base);
    const stop = new AbortController();
    const names = (await Array.fromAsync(trial.storage.list(''))).map(({ name }) => name);
    const held = names.filter((name) => /^(?:snapshots|archives)\/.*[^n]$/.test(name));
    const layer = new StopsAfter(trial.storage, { held, count }, () => stop.abort());
    const repository = withOrigin(trial.repository, layer);
    const gone: string[] = [];
    const catalog = {
      recordBackup: () => {},
      recordDeleted: (_: string, ids: readonly string[]) => void gone.push(...ids),
    };
    const context = {
      ...trial.context,
      repository,
      signal: stop.signal,
      settings: { ...trial.context.settings, catalog },
    };
    const before = await listed(trial);
    const plan = await planRotation(context, { name: 'main' }, { days: 1 }, { now: NOW });
    await expect(rotateBackups(context, [plan])).rejects.toThrow();
    await clearLocks(trial);
    const after = (await listed(trial)).map(({ id }) => String(id));
    const missing = before.map(({ id }) => String(id)).filter((id) => !after.includes(id));
    expect(missing.length).toBeGreaterThan(0);
    expect(gone.sort()).toEqual(missing.sort());
  });
});

/** Stops the run once so many of the files that it holds are removed. */
class StopsAfter extends StorageLayer {
  readonly #stop: () => void;
  readonly #held: ReadonlySet<string>;
  #left: number;

  constructor(inner: Storage, { held, count }: { held: readonly string[]; count: number }, stop: () => void) {
    super(inner);
    this.#held = new Set(held);
    this.#left = count;
    this.#stop = stop;
  }

  override async remove(...call: Parameters<Storage['remove']>): Promise<void> {
    await super.remove(...call);
    const [name] = call;
    if (this.#held.has(name) && --this.#left === 0) this.#stop();
  }
}
