// Care through the library: what is planned is what happens, and nothing else.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { initVault, openVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';
import type { VaultNotice } from '../../src/vault/vault-options.ts';

const password = new Secret('correct horse');
const HOUR_MS = 3_600_000;

let scratch: string;
let vault: Vault;
let notices: VaultNotice[];

beforeEach(async () => {
  scratch = fs.mkdtempSync(join(tmpdir(), 'cairn-care-'));
  fs.mkdirSync(join(scratch, 'docs'));
  fs.writeFileSync(join(scratch, 'docs', 'a.txt'), 'text');
  fs.writeFileSync(join(scratch, 'docs', 'b.tmp'), 'more text');
  notices = [];
  vault = await initVault(join(scratch, 'vault'), {
    password,
    generatedKey: true,
    jobs: 1,
    cache: false,
    onNotice: (notice) => notices.push(notice),
  });
});
afterEach(async () => {
  await vault.close();
  fs.rmSync(scratch, { recursive: true });
});

async function backUp(...days: readonly number[]): Promise<void> {
  for (const day of days) await vault.backup(join(scratch, 'docs'), { time: `2024-01-0${day}T10:00:00Z` });
}

const idsOf = async (): Promise<string[]> => (await Array.fromAsync(vault.list())).map(({ id }) => id);

const filesOfVault = (): string[] =>
  fs.readdirSync(join(scratch, 'vault'), { recursive: true, encoding: 'utf8' }).sort();

describe('forget', () => {
  it('removes exactly what the plan says, and tells its events', async () => {
    await backUp(1, 2, 3);
    const events: string[] = [];
    vault.on('forget.before', () => events.push('before'));
    vault.on('forget.done', ({ result }) => events.push(`done ${result.removed.length}`));
    const plan = await vault.planForget({ last: 1 });
    const { removed } = await vault.forget(plan);
    expect(removed.toSorted()).toEqual(plan.groups[0]!.forget.map(({ id }) => id).sort());
    expect(await idsOf()).toEqual(plan.groups[0]!.keep.map(({ backup }) => backup.id));
    expect(events).toEqual(['before', 'done 2']);
  });

  it('looks only at backups that match a filter', async () => {
    await backUp(1, 2);
    await vault.backup(join(scratch, 'docs'), { tags: ['keep'], time: '2024-01-03T10:00:00Z' });
    const { groups } = await vault.planForget({ last: 1 }, { filter: [{ tags: { all: ['keep'] } }] });
    expect(groups).toMatchObject([{ keep: [{ backup: { tags: ['keep'] } }], forget: [] }]);
  });

  it('is refused when a backup that the plan keeps is gone meanwhile', async () => {
    await backUp(1, 2, 3);
    const plan = await vault.planForget({ last: 1 });
    await vault.delete('latest');
    await expect(vault.forget(plan)).rejects.toMatchObject({ code: 'PLAN_OUTDATED', retry: 'later' });
    expect(await idsOf()).toHaveLength(2);
  });

  it('goes on when what the plan forgets is gone already', async () => {
    await backUp(1, 2, 3);
    const plan = await vault.planForget({ last: 1 });
    await vault.delete(plan.groups[0]!.forget[0]!.id);
    expect((await vault.forget(plan)).removed).toHaveLength(1);
    expect(await idsOf()).toHaveLength(1);
  });

  it('waits for nobody: a vault in use is locked, and nothing is removed', async () => {
    await backUp(1, 2);
    const plan = await vault.planForget({ last: 1 });
    await using other = await openVault(join(scratch, 'vault'), { password, cache: false });
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    const { promise: started, resolve: start } = Promise.withResolvers<void>();
    const slow = Readable.from(
      (async function* () {
        start();
        await mayEnd;
        yield Buffer.from('slow');
      })(),
    );
    const backup = other.backup(slow, { name: 'slow' });
    await started;
    await new Promise((resolve) => setTimeout(resolve, 500));
    await expect(vault.forget(plan)).rejects.toMatchObject({ code: 'VAULT_LOCKED' });
    end();
    await backup;
    expect(await idsOf()).toHaveLength(3);
  }, 30_000);
});

const no = (): Promise<void> => Promise.reject(new Error('no'));

describe('a plan that is turned down', () => {
  it.each([
    ['rewrite', () => vault.rewrite({ exclude: ['*.tmp'] }, { forget: true, onPlan: no })],
    ['recover', () => vault.recover({ onPlan: no })],
    ['repair index', () => vault.repairIndex({ readAllPacks: true, onPlan: no })],
  ] as const)('%s changes nothing', async (_, act) => {
    await backUp(1, 2);
    await vault.delete('latest');
    fs.writeFileSync(join(scratch, 'docs', 'a.txt'), 'changed');
    await backUp(3);
    await vault.delete('latest');
    const before = filesOfVault();
    await expect(act()).rejects.toThrow('no');
    expect(filesOfVault()).toEqual(before);
  });
});

describe('what interrupted writes left', () => {
  it('goes when it is old, and stays when it may be in the making', async () => {
    await backUp(1, 2);
    const [old, fresh] = ['old', 'fresh'].map((_, at) =>
      join(scratch, 'vault', 'index', `${'ab'.repeat(32)}-tmp-${at}`),
    ) as [string, string];
    for (const path of [old, fresh]) fs.writeFileSync(path, 'half');
    const longAgo = new Date(Date.now() - 25 * HOUR_MS);
    fs.utimesSync(old, longAgo, longAgo);
    await vault.delete('latest');
    expect([fs.existsSync(old), fs.existsSync(fresh)]).toEqual([false, true]);
    expect(notices.map(({ message }) => message).join()).toContain('removed 1 file');
  });
});

/** The data pack of a vault with one small backup, by name and file: the larger of its two. */
function largestPack(): { readonly id: string; readonly file: string } {
  const packs = filesOfVault().filter((name) => /^data\/..\/[0-9a-f]{64}$/.test(name));
  const size = (name: string): number => fs.statSync(join(scratch, 'vault', name)).size;
  const largest = packs.toSorted((a, b) => size(b) - size(a))[0]!;
  return { id: largest.slice(-64), file: join(scratch, 'vault', largest) };
}

const badObjects = async (): Promise<string[]> => (await vault.check({ readData: 'all' })).findings.map((f) => f.kind);

describe('a backup of the same files', () => {
  beforeEach(async () => {
    fs.writeFileSync(join(scratch, 'docs', 'a.txt'), randomBytes(20_000));
    await backUp(1);
  });

  it('after `repair index` stores again what was in a pack that is gone', async () => {
    fs.rmSync(largestPack().file);
    await vault.repairIndex();
    await backUp(2);
    expect(await badObjects()).toEqual([]);
  });

  it('after `repair packs` stores again what was lost in a damaged pack', async () => {
    const { id, file } = largestPack();
    const bytes = fs.readFileSync(file);
    bytes[9_000]! ^= 1;
    fs.chmodSync(file, 0o600);
    fs.writeFileSync(file, bytes);
    await vault.repairPacks([id]);
    await backUp(2);
    expect(await badObjects()).toEqual([]);
  });
});

describe('a vault that is opened for adding only', () => {
  it.each([
    ['forget', async (adding: Vault) => adding.forget(await adding.planForget({ last: 1 }))],
    ['delete', (adding: Vault) => adding.delete('latest')],
    ['tag', (adding: Vault) => adding.tag({ add: ['a'] })],
    ['rewrite', (adding: Vault) => adding.rewrite({ exclude: ['*.tmp'] }, { forget: true })],
    ['repair index', (adding: Vault) => adding.repairIndex({ readAllPacks: true })],
  ] as const)('%s says so and changes nothing', async (_, act) => {
    await backUp(1, 2);
    const before = filesOfVault();
    await using adding = await openVault(join(scratch, 'vault'), {
      password,
      cache: false,
      storage: { appendOnly: true },
    });
    await expect(act(adding)).rejects.toMatchObject({ code: 'STORAGE_APPEND_ONLY' });
    expect(filesOfVault()).toEqual(before);
  });
});

describe('tag', () => {
  it('sets the first id once, also when it is changed again', async () => {
    await backUp(1);
    const [first] = await idsOf();
    await vault.tag({ add: ['a'] });
    await vault.tag({ add: ['b'] });
    expect(await vault.get('latest')).toMatchObject({ original: first, tags: ['a', 'b'] });
  });
});
