// Two machines that change the archives of one vault at once: what is told to have been done was done, and no history ends.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { openRepository } from '../../src/repository/open-repository.ts';
import { lockRepository } from '../../src/repository/lock/repository-lock.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import { openVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { quickVault } from '../support/quick-vault.ts';

const PASSWORD = 'correct horse';

/** Outlives the vaults that are opened on it. */
class Kept extends StorageLayer {
  override async [Symbol.asyncDispose](): Promise<void> {}
}

let scratch: string;
let storage: Kept;
/** Two machines. */
let one: Vault;
let two: Vault;

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-archive-locks-'));
  await writeFile(join(scratch, 'file'), 'content');
  storage = new Kept(openMemoryStorage());
  await (await quickVault(storage, PASSWORD)).close();
  const options = { password: PASSWORD, cache: false, jobs: 1, retryLockMs: 20_000 } as const;
  [one, two] = [await openVault(storage, options), await openVault(storage, options)];
});
afterEach(async () => {
  await one.close();
  await two.close();
  await rm(scratch, { recursive: true });
});

const archive = async (time: string): Promise<string> =>
  (await one.archive(scratch, { name: 'main', encrypt: false, time })).id;

describe('tags that two change at once', () => {
  it('are all changed: no hold is lost', async () => {
    const id = await archive('2024-03-12T03:00:00Z');
    await Promise.all([
      one.tag({ hold: ['audit'] }, { references: [id] }),
      two.tag({ add: ['nightly'] }, { references: [id] }),
    ]);
    expect([...(await one.get(id)).tags].toSorted()).toEqual(['hold:audit', 'nightly']);
  });
});

describe('archives that two remove at once', () => {
  it('do not all go where each of the two keeps what the other one removes', async () => {
    await archive('2024-03-12T03:00:00Z');
    await archive('2024-03-13T03:00:00Z');
    const plan = await one.planRotation({ name: 'main' }, { days: 1 }, { now: '2024-03-13T12:00:00Z' });
    const groups = plan.groups.map(({ key, keep, forget }) => ({
      key,
      keep: forget.map((backup) => ({ backup, reasons: ['other rules'] })),
      forget: keep.map(({ backup }) => backup),
    }));
    const results = await Promise.allSettled([one.rotate(plan), two.rotate({ ...plan, groups })]);
    const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(reasons).toMatchObject([{ code: 'PLAN_OUTDATED' }]);
    expect(await Array.fromAsync(one.list())).toHaveLength(1);
  });

  it('stay where one was held after the removal was planned', async () => {
    const [old] = [await archive('2024-03-12T03:00:00Z'), await archive('2024-03-13T03:00:00Z')];
    const plan = await one.planRotation({ name: 'main' }, { days: 1 }, { now: '2024-03-13T12:00:00Z' });
    await two.tag({ hold: ['audit'] }, { references: [old] });
    const { status, failed } = await one.rotate(plan);
    expect([status, failed.map(({ backup }) => backup.id)]).toEqual(['partial', [old]]);
    expect((await one.get(old)).tags).toEqual(['hold:audit']);
  });

  it('wait for whoever works in the vault, as snapshots do', async () => {
    const id = await archive('2024-03-12T03:00:00Z');
    const repository = await openRepository(storage, { password: new Secret(PASSWORD) });
    await using hurried = await openVault(storage, { password: PASSWORD, cache: false });
    await using _backup = await lockRepository(repository, { mode: 'shared' });
    await expect(hurried.delete(id)).rejects.toMatchObject({ code: 'VAULT_LOCKED' });
    await expect(hurried.tag({ add: ['x'] }, { references: [id] })).rejects.toMatchObject({ code: 'VAULT_LOCKED' });
    expect(await one.get(id)).toMatchObject({ tags: [] });
  });
});
