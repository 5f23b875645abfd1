import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TEST_KDF, TEST_PASSWORD } from '../../../test/support/repository-fixture.ts';
import { contextOf } from '../../../test/support/fault-sweep.ts';
import { initRepository } from '../../repository/init-repository.ts';
import { openLocalStorage } from '../../storage/drivers/local.ts';
import type { Repository } from '../../repository/repository.ts';
import { openExclusiveSession } from './exclusive-session.ts';
import { pruneVault, type PruneResult } from './prune-vault.ts';
import { unlockVault } from './unlock-vault.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cairn-session-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function writeOld(name: string): Promise<void> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, 'x');
  await utimes(path, 1_600_000_000, 1_600_000_000);
}

const leftover = `data/ab/${'ab'.repeat(32)}-tmp-123`;
const ours = [leftover, 'archives/db/db.20261125T233000Z.tar.zst.age-tmp-7', 'config-tmp-4'].sort();

async function temporaries(): Promise<string[]> {
  const found = await readdir(folder, { recursive: true });
  return found.filter((name) => name.includes('-tmp-')).sort();
}

const newRepository = (): Promise<Repository> =>
  initRepository(openLocalStorage(folder), { password: TEST_PASSWORD, kdf: TEST_KDF });

describe('what interrupted writes left', () => {
  it('is removed in the repository, its config included, and nothing beside it on the same disk', async () => {
    const repository = await newRepository();
    const foreign = ['archives/holiday-tmp-3', 'configs-tmp-5', 'notes-tmp-2', 'photos/config-tmp-8'];
    for (const name of [...ours, ...foreign]) await writeOld(name);
    await using _session = await openExclusiveSession(contextOf(repository));
    expect(await temporaries()).toEqual(foreign);
  });

  it('stays in a dry run, which tells of it', async () => {
    const repository = await newRepository();
    for (const name of ours) await writeOld(name);
    const context = contextOf(repository);
    const told: string[] = [];
    const settings = { ...context.settings, notify: ({ message }: { message: string }) => void told.push(message) };
    await using _session = await openExclusiveSession({ ...context, settings }, { dryRun: true });
    expect(await temporaries()).toEqual(ours);
    expect(told).toEqual(['3 files that interrupted writes left would be removed']);
  });

  it('is counted by the plan of a prune, and by the prune that removes it', async () => {
    const repository = await newRepository();
    for (const name of ours) await writeOld(name);
    const prune = (dryRun: boolean): Promise<PruneResult> => pruneVault(contextOf(repository), { dryRun });
    expect([(await prune(true)).interruptedWrites, await temporaries()]).toEqual([3, ours]);
    expect([(await prune(false)).interruptedWrites, await temporaries()]).toEqual([3, []]);
  });

  it('is removed by unlock', async () => {
    const repository = await newRepository();
    for (const name of ours) await writeOld(name);
    await unlockVault(repository, contextOf(repository).settings, {});
    expect(await temporaries()).toEqual([]);
  });

  it('stays where it may be under way', async () => {
    const repository = await newRepository();
    await writeFile(join(folder, 'config-tmp-4'), 'x');
    await using _session = await openExclusiveSession(contextOf(repository));
    expect(await temporaries()).toEqual(['config-tmp-4']);
  });
});
