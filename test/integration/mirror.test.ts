import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CairnError } from '../../src/base/errors.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { faulty, type FaultyStorage } from '../../src/storage/layers/faulty.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { StorageFeatures } from '../../src/storage/storage.ts';
import { initVault, openVault, type VaultPlace } from '../../src/vault/open-vault.ts';
import type { StorageSettings } from '../../src/vault/storage-settings.ts';
import type { Vault } from '../../src/vault/vault.ts';
import type { VaultNotice } from '../../src/vault/vault-options.ts';
import { requirePeer } from '../support/peers.ts';
import { RESTIC_PASSWORD, runRestic } from '../support/restic.ts';

let scratch: string;
let source: string;
let notices: VaultNotice[];

const first = (): string => join(scratch, 'first');
const second = (): string => join(scratch, 'second');
const out = (): string => join(scratch, 'out');
const broken = new CairnError('STORAGE_IO', 'the disk is gone');

/** Read over a line, as it were: without the way past the storage that local vaults have. */
class Distant extends StorageLayer {
  override get features(): StorageFeatures {
    return { ...super.features, localPath: undefined };
  }
}

const distant = (path: string): FaultyStorage => faulty(new Distant(openLocalStorage(path)));

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-mirror-'));
  source = join(scratch, 'documents');
  notices = [];
  await mkdir(source);
  await writeFile(join(source, 'a.bin'), randomBytes(300_000));
  await using vault = await initVault([first(), second()], { ...options(), generatedKey: true });
  await vault.backup(source);
});

afterEach(async () => {
  await rm(scratch, { recursive: true });
});

function options(storage: StorageSettings = {}): Parameters<typeof openVault>[1] {
  return {
    password: RESTIC_PASSWORD,
    jobs: 1,
    cache: { folder: join(scratch, 'cache') },
    storage,
    onNotice: (notice) => notices.push(notice),
  };
}

const open = (place: VaultPlace = [first(), second()], storage?: StorageSettings): Promise<Vault> =>
  openVault(place, options(storage));

function expectSame(): void {
  execFileSync('diff', ['-r', first(), second()]);
}

/** Adds a file and backs up. */
async function backupMore(vault: Vault): Promise<ReturnType<Vault['backup']> extends PromiseLike<infer R> ? R : never> {
  await writeFile(join(source, randomBytes(4).toString('hex')), randomBytes(50_000));
  return vault.backup(source);
}

/** A backup of which the second storage misses everything. */
async function fallBehind(): Promise<void> {
  const other = distant(second());
  other.inject({ how: 'fail', when: ({ kind }) => kind === 'write', error: broken });
  await using vault = await open([first(), other]);
  await backupMore(vault);
}

async function packs(folder: string): Promise<string[]> {
  const entries = await readdir(join(folder, 'data'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

describe('a vault in two storages', () => {
  it('is the same in both', () => {
    expectSame();
  });

  it('is a vault in each of them', async () => {
    for (const place of [first(), second()]) {
      await using vault = await open(place);
      await vault.restore('documents', { to: out(), overwrite: 'always' });
      execFileSync('diff', ['-r', source, join(out(), 'documents')]);
    }
  });

  it('says after a backup that both are in step', async () => {
    await using vault = await open();
    const { mirrors } = await backupMore(vault);
    expect(mirrors?.map(({ state }) => state)).toEqual(['in-step', 'in-step']);
    expectSame();
  });

  it('is one vault when it is named by one address', async () => {
    await using vault = await open(`mirror:${first()},${second()}`);
    await backupMore(vault);
    expectSame();
  });
});

describe('a storage that misses a backup', () => {
  it('is named, and the backup is complete', async () => {
    const other = distant(second());
    other.inject({ how: 'fail', when: ({ kind }) => kind === 'write', error: broken });
    await using vault = await open([first(), other]);
    const { status, mirrors } = await backupMore(vault);
    expect([status, mirrors?.map(({ state }) => state)]).toEqual(['complete', ['in-step', 'behind']]);
    const warnings = notices.filter(({ level }) => level === 'warning').map(({ message }) => message);
    expect(warnings).toEqual([expect.stringMatching(/second is behind: .*the disk is gone.*cairn mirror repair/)]);
  });

  it('stays what it was: whole, and older', async () => {
    requirePeer('restic');
    await fallBehind();
    await using vault = await open();
    await backupMore(vault);
    expect(runRestic('restic', second(), ['check', '--read-data'])).toContain('no errors were found');
    expect(JSON.parse(runRestic('restic', second(), ['snapshots', '--json']))).toHaveLength(1);
  });

  it('ends the backup where two copies are asked for', async () => {
    await fallBehind();
    await using vault = await open([first(), second()], { mirrorCopies: 2 });
    await expect(backupMore(vault)).rejects.toMatchObject({ code: 'MIRROR_BEHIND' });
  });

  it('is named by a comparison', async () => {
    await fallBehind();
    await using vault = await open();
    // Of the backup it misses the index and the snapshot.
    expect(await vault.mirror?.compare()).toMatchObject([
      { state: 'in-step' },
      { state: 'behind', reason: { kind: 'differs', missing: 2, extra: 0 } },
    ]);
  });
});

describe('a repair', () => {
  it('plans what is missing and changes nothing', async () => {
    await fallBehind();
    await using vault = await open();
    const plans = await vault.mirror?.planRepair();
    // A pack of data, one of trees, the index, the snapshot.
    expect(plans).toMatchObject([{ url: second(), copy: { length: 4 }, remove: [] }]);
    expect(await packs(second())).toHaveLength(2);
  });

  it('brings everything, and from then on both are in step', async () => {
    await fallBehind();
    await using vault = await open();
    const plans = (await vault.mirror?.planRepair()) ?? [];
    expect(await vault.mirror?.repair(plans)).toMatchObject([{ copied: 4, removed: 0, problems: [] }]);
    expectSame();
    await backupMore(vault);
    expectSame();
  });

  it('fills an empty place', async () => {
    const third = join(scratch, 'third');
    await using vault = await open([first(), third]);
    await vault.mirror?.repair((await vault.mirror?.planRepair()) ?? []);
    execFileSync('diff', ['-r', '-x', 'locks', first(), third]);
  });

  it('removes what the vault has no more', async () => {
    await backupAndForget();
    await using vault = await open();
    const plans = (await vault.mirror?.planRepair()) ?? [];
    expect(plans).toMatchObject([{ remove: { length: 1 } }]);
    await vault.mirror?.repair(plans);
    expectSame();
  });

  it('removes nothing that was not planned', async () => {
    await fallBehind();
    await using vault = await open();
    const plans = (await vault.mirror?.planRepair()) ?? [];
    await backupAndForget();
    expect(await vault.mirror?.repair(plans)).toMatchObject([{ removed: 0 }]);
  });

  it('spreads no damage', async () => {
    await fallBehind();
    const have = new Set((await packs(second())).map((path) => path.slice(second().length)));
    const fresh = (await packs(first())).find((path) => !have.has(path.slice(first().length))) ?? '';
    const bytes = await readFile(fresh);
    bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
    await writeFile(fresh, bytes);
    await using vault = await open();
    const results = await vault.mirror?.repair((await vault.mirror?.planRepair()) ?? []);
    expect(results).toMatchObject([{ problems: [{ message: expect.stringContaining('does not match its name') }] }]);
    expect(vault.mirror?.report()).toMatchObject([{ state: 'in-step' }, { state: 'behind' }]);
  });

  it('refuses a place that holds another vault, and changes nothing there', async () => {
    const foreign = join(scratch, 'foreign');
    await using other = await initVault(foreign, { ...options(), generatedKey: true });
    await using vault = await open([first(), foreign]);
    await expect(vault.mirror?.planRepair()).rejects.toMatchObject({ code: 'MIRROR_MISMATCH' });
    await expect(backupMore(vault)).rejects.toMatchObject({ code: 'MIRROR_MISMATCH' });
    await other.backup(source);
  });
});

describe('a storage that misses an archive and a value', () => {
  beforeEach(async () => {
    await using vault = await open(first());
    await vault.archive(source, { encrypt: false });
    await vault.values.set('key', { some: 'data' });
  });

  it('is named by a comparison', async () => {
    await using vault = await open();
    expect(await vault.mirror?.compare()).toMatchObject([
      { state: 'in-step' },
      { state: 'behind', reason: { kind: 'differs', missing: 2, extra: 0 } },
    ]);
  });

  it('is brought both by a repair', async () => {
    await using vault = await open();
    const plans = (await vault.mirror?.planRepair()) ?? [];
    // The archive, its sidecar, the value.
    expect(await vault.mirror?.repair(plans)).toMatchObject([{ copied: 3, problems: [] }]);
    expectSame();
    await rm(first(), { recursive: true });
    await using other = await open(second());
    await other.restore('documents', { to: out() });
    expect(await other.values.get('key')).toEqual({ some: 'data' });
  });

  it('is brought no damaged archive, and all the rest', async () => {
    await using vault = await open();
    const archive = (await Array.fromAsync(vault.list())).find(({ form }) => form === 'archive');
    const object = join(first(), 'archives/documents', archive?.id ?? '');
    const bytes = await readFile(object);
    await writeFile(object, bytes.with(1000, (bytes[1000] ?? 0) ^ 1));
    const plans = (await vault.mirror?.planRepair()) ?? [];
    expect(await vault.mirror?.repair(plans)).toMatchObject([{ copied: 1, problems: [{ name: expect.anything() }] }]);
    await using other = await open(second());
    expect(await Array.fromAsync(other.list(), ({ form }) => form)).toEqual(['snapshot', 'value']);
  });

  it('is left alone where the archive is being written', async () => {
    await using vault = await open();
    const archive = (await Array.fromAsync(vault.list())).find(({ form }) => form === 'archive');
    await writeFile(join(first(), 'archives/documents', `${archive?.id}.writing.json`), '{}');
    expect(await vault.mirror?.planRepair()).toMatchObject([{ copy: { length: 1 } }]);
  });
});

/** Saves and forgets a backup while the second storage cannot be changed, but was in step. */
async function backupAndForget(): Promise<void> {
  await using both = await open();
  const { id } = await backupMore(both);
  await using one = await open(first());
  await one.delete(id);
}

async function restoreFrom(place: VaultPlace): Promise<void> {
  await using vault = await open(place);
  const { status } = await vault.restore('documents', { to: out() });
  expect(status).toBe('complete');
  execFileSync('diff', ['-r', source, join(out(), 'documents')]);
}

describe('damage and loss in one storage', () => {
  it.each(['first', 'second'])('of the %s is no loss while the other one is good', async (which) => {
    for (const path of await packs(join(scratch, which))) {
      const bytes = await readFile(path);
      for (let at = 10; at < bytes.length; at += 1000) bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      await writeFile(path, bytes);
    }
    await restoreFrom([first(), second()]);
    await rm(out(), { recursive: true });
    await restoreFrom([distant(first()), distant(second())]);
  });

  it.each(['first', 'second'])('of packs in the %s neither', async (which) => {
    for (const path of await packs(join(scratch, which))) await rm(path);
    await restoreFrom([first(), second()]);
  });

  it('a first storage that cannot be reached is restored past, without a lock', async () => {
    const away = distant(first());
    away.inject({ how: 'fail', error: new CairnError('STORAGE_UNREACHABLE', 'no route', { retry: 'later' }) });
    await restoreFrom([away, distant(second())]);
    expect(notices.map(({ message }) => message)).toContainEqual(expect.stringContaining('cannot be reached'));
  });

  it('and nothing is saved then', async () => {
    const away = distant(first());
    away.inject({ how: 'fail', error: new CairnError('STORAGE_UNREACHABLE', 'no route', { retry: 'later' }) });
    await using vault = await open([away, distant(second())]);
    await expect(backupMore(vault)).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' });
  });
});

describe('every instant of a repair', () => {
  it('leaves a vault that is whole', { timeout: 120_000 }, async () => {
    requirePeer('restic');
    await fallBehind();
    const before = join(scratch, 'before');
    await cp(second(), before, { recursive: true });
    for (let at = 1; ; at++) {
      await rm(second(), { recursive: true });
      await cp(before, second(), { recursive: true });
      const other = distant(second());
      await using vault = await open([first(), other]);
      const plans = (await vault.mirror?.planRepair()) ?? [];
      const writes = { how: 'fail', when: countedWrites(at), error: broken } as const;
      other.inject(writes);
      const results = await vault.mirror?.repair(plans).then(undefined, () => undefined);
      expect(runRestic('restic', second(), ['check', '--no-lock', '--read-data'])).toContain('no errors were found');
      if (results?.every(({ problems }) => problems.length === 0) === true) break;
      expect(at).toBeLessThan(20);
    }
  });
});

/** From the n-th write of an object that is no lock on, all fail. */
function countedWrites(from: number): (operation: { readonly kind: string; readonly name: string }) => boolean {
  let writes = 0;
  return ({ kind, name }) => kind === 'write' && !name.startsWith('locks/') && ++writes >= from;
}
