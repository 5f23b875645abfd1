// Locks that ended programs left in one storage of a mirror only, such as one that could not be reached when they were removed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { localGoTime } from '../../src/formats/go-time.ts';
import { encodeLock, type LockFile } from '../../src/formats/lock/lock-file.ts';
import { type ProcessIdentity, ownProcess } from '../../src/repository/lock/process-identity.ts';
import { openRepository } from '../../src/repository/open-repository.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { initVault, openVault, type VaultPlace } from '../../src/vault/open-vault.ts';
import type { StorageSettings } from '../../src/vault/storage-settings.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { requirePeer } from '../support/peers.ts';
import { RESTIC_PASSWORD, runRestic } from '../support/restic.ts';
import { endChild } from '../support/server-process.ts';

const MINUTE_MS = 60_000;

let scratch: string;
let source: string;
let notices: string[];
let self: ProcessIdentity;

const first = (): string => join(scratch, 'first');
const second = (): string => join(scratch, 'second');

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-mirror-locks-'));
  source = join(scratch, 'documents');
  notices = [];
  self = ownProcess();
  await mkdir(source);
  await writeFile(join(source, 'a.txt'), 'a text');
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
    cache: false,
    catalog: false,
    storage,
    onNotice: ({ message }) => notices.push(message),
  };
}

const open = (place: VaultPlace = [first(), second()], storage?: StorageSettings): Promise<Vault> =>
  openVault(place, options(storage));

/** The id of a process that has ended. */
async function endedProcess(): Promise<number> {
  const child = spawn('true');
  await once(child, 'close');
  return child.pid ?? 0;
}

/** Writes a lock into one storage by itself, by default that of a backup of this machine. */
async function lockIn(folder: string, change: Partial<LockFile>, ageMinutes = 0): Promise<string> {
  const { hostname, username, uid, gid, pidSpace } = self;
  const time = localGoTime(BigInt(Date.now() - ageMinutes * MINUTE_MS) * 1_000_000n);
  const owner = { hostname, username, pid: 0, uid, gid, pidSpace };
  await using storage = openLocalStorage(folder);
  await using repository = await openRepository(storage, { password: new Secret(RESTIC_PASSWORD) });
  return repository.saveUnpacked('lock', encodeLock({ time, exclusive: false, ...owner, ...change }));
}

const elsewhere = { hostname: 'elsewhere', pidSpace: undefined, pid: 1 } as const;

/** Lets the storage say that it got the lock so long ago. */
async function received(folder: string, id: string, minutesAgo: number): Promise<void> {
  const time = new Date(Date.now() - minutesAgo * MINUTE_MS);
  await utimes(join(folder, 'locks', id), time, time);
}

const locksOf = (folder: string): Promise<string[]> => readdir(join(folder, 'locks'));

async function backUp(): Promise<void> {
  await using vault = await open();
  await vault.backup(source);
}

async function check(): Promise<void> {
  await using vault = await open();
  await vault.check();
}

describe('a lock of an ended program in the second storage alone', () => {
  it('is gone after the next run on the mirror, so that restic can check that storage', async () => {
    requirePeer('restic');
    await lockIn(second(), { pid: await endedProcess() });
    expect(() => runRestic('restic', second(), ['check'])).toThrow(/already locked/);
    await backUp();
    expect(runRestic('restic', second(), ['check'])).toContain('no errors were found');
  });

  it('is named, with its storage, when it is removed', async () => {
    const pid = await endedProcess();
    await lockIn(second(), { pid });
    await backUp();
    expect(notices).toEqual([
      expect.stringMatching(new RegExp(`removed the stale lock .* process ${pid} .* in ${second()} \\(.*has ended\\)`)),
    ]);
  });

  it('is gone after a reading run too', async () => {
    await lockIn(second(), { pid: await endedProcess() });
    await using vault = await open();
    await vault.restore('documents', { to: join(scratch, 'out') });
    expect(await locksOf(second())).toEqual([]);
  });

  it('stays where nothing may be written', async () => {
    const id = await lockIn(second(), { pid: await endedProcess() });
    await using vault = await open(undefined, { readOnly: true });
    await vault.restore('documents', { to: join(scratch, 'out') });
    await vault.unlock();
    expect(await locksOf(second())).toEqual([id]);
  });
});

describe('a lock in the second storage alone stays', () => {
  it('where its program runs', async () => {
    const child = spawn('sleep', ['600']);
    try {
      const id = await lockIn(second(), { pid: child.pid ?? 0, exclusive: true }, 0);
      await check();
      expect(await locksOf(second())).toEqual([id]);
    } finally {
      await endChild(child);
    }
  });

  it('where another machine may hold it', async () => {
    const id = await lockIn(second(), elsewhere, 29);
    await check();
    expect(await locksOf(second())).toEqual([id]);
  });

  it('where it is old by the clock of its machine, and the storage got it a moment ago', async () => {
    const id = await lockIn(second(), elsewhere, 60);
    await check();
    expect(await locksOf(second())).toEqual([id]);
  });

  it('where its program holds a lock in the first storage', async () => {
    const id = await lockIn(second(), elsewhere, 60);
    await received(second(), id, 60);
    await lockIn(first(), elsewhere);
    await backUp();
    await using vault = await open();
    await vault.unlock();
    expect(await locksOf(second())).toEqual([id]);
  });

  it('where it belongs to another vault', async () => {
    const foreign = join(scratch, 'foreign');
    await using other = await initVault(foreign, { ...options(), generatedKey: true });
    await other.backup(source);
    const id = await lockIn(foreign, { pid: await endedProcess() });
    await using vault = await open([first(), foreign]);
    await vault.restore('documents', { to: join(scratch, 'out') });
    await vault.unlock({ all: true });
    expect(await locksOf(foreign)).toEqual([id]);
  });
});

describe('a lock that was given up, in the second storage alone', () => {
  it('is gone after a run that wants to be alone', async () => {
    const id = await lockIn(second(), elsewhere, 60);
    await received(second(), id, 60);
    await check();
    expect(await locksOf(second())).toEqual([]);
  });

  it('stays beside a run that others may run beside, as in the first', async () => {
    const ids = await Promise.all([first(), second()].map((folder) => lockIn(folder, elsewhere, 60)));
    await received(second(), ids[1] ?? '', 60);
    await backUp();
    expect(await locksOf(second())).toEqual([ids[1]]);
  });
});

describe('unlock of a mirror', () => {
  it('removes stale locks from each storage, and says which stay', async () => {
    const pid = await endedProcess();
    const stale = [await lockIn(first(), { pid }), await lockIn(second(), { pid })];
    const kept = await lockIn(second(), elsewhere);
    await using vault = await open();
    expect(await vault.unlock()).toEqual({ removed: stale, kept: [kept], unreadable: [], unreached: [] });
    expect([await locksOf(first()), await locksOf(second())]).toEqual([[], [kept]]);
  });

  it('removes all locks from each, when told so', async () => {
    await lockIn(second(), elsewhere);
    await using vault = await open();
    await vault.unlock({ all: true });
    expect(await locksOf(second())).toEqual([]);
  });

  it('names a storage of another vault, and leaves it alone', async () => {
    const foreign = join(scratch, 'foreign');
    await using _ = await initVault(foreign, { ...options(), generatedKey: true });
    await using vault = await open([first(), foreign]);
    expect((await vault.unlock({ all: true })).unreached).toMatchObject([
      { url: foreign, error: { code: 'MIRROR_MISMATCH' } },
    ]);
  });
});
