import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TEST_KDF, TEST_PASSWORD } from '../../../test/support/repository-fixture.ts';
import { contextOf } from '../../../test/support/fault-sweep.ts';
import { initRepository } from '../../repository/init-repository.ts';
import { openLocalStorage } from '../../storage/drivers/local.ts';
import { openExclusiveSession } from './exclusive-session.ts';

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

it('removes what interrupted writes left in the repository, and nothing beside it on the same disk', async () => {
  const repository = await initRepository(openLocalStorage(folder), { password: TEST_PASSWORD, kdf: TEST_KDF });
  const leftover = `data/ab/${'ab'.repeat(32)}-tmp-123`;
  const archive = 'archives/db/db.20261125T233000Z.tar.zst.age-tmp-7';
  const foreign = ['archives/holiday-tmp-3', 'notes-tmp-2', 'photos/trip-tmp-1'];
  for (const name of [leftover, archive, ...foreign]) await writeOld(name);
  await using _session = await openExclusiveSession(contextOf(repository));
  const found = await readdir(folder, { recursive: true });
  expect(found.filter((name) => name.includes('-tmp-')).sort()).toEqual(foreign);
});
