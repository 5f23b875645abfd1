// A backup to a vault that has lost packs: the index still lists what was in them.
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { openRepository } from '../../src/repository/open-repository.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { loadIndex } from '../../src/repository/index/load-index.ts';
import { objectName } from '../../src/repository/layout.ts';
import type { BackupOptions } from '../../src/vault/actions/backup-action.ts';
import type { VaultCheckResult } from '../../src/vault/actions/check-action.ts';
import { initVault, openVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';
import type { InitVaultOptions, VaultNotice } from '../../src/vault/vault-options.ts';
import { requirePeer } from '../support/peers.ts';
import { RESTIC_PASSWORD, runRestic } from '../support/restic.ts';

let scratch: string;
let source: string;
let folder: string;
let notices: VaultNotice[];

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-lost-'));
  source = join(scratch, 'documents');
  folder = join(scratch, 'vault');
  notices = [];
  await mkdir(join(source, 'deep'), { recursive: true });
  await writeFile(join(source, 'a.bin'), randomBytes(300_000));
  await writeFile(join(source, 'deep', 'b.bin'), randomBytes(200_000));
  await using vault = await initVault(folder, { ...options(), generatedKey: true });
  await vault.backup(source);
});
afterEach(() => rm(scratch, { recursive: true }));

const options = (): InitVaultOptions => ({
  password: RESTIC_PASSWORD,
  jobs: 1,
  catalog: false,
  cache: { folder: join(scratch, 'cache') },
  onNotice: (notice: VaultNotice) => notices.push(notice),
});
const open = (): Promise<Vault> => openVault(folder, options());

/** The paths of the packs that hold trees, or of those that hold data. */
async function packs(kind: 'trees' | 'data'): Promise<string[]> {
  const password = new Secret(RESTIC_PASSWORD);
  await using repository = await openRepository(openLocalStorage(folder), { password });
  const index = await loadIndex(repository);
  const names = [...index.treePacks()].flatMap((isTree, number) =>
    (isTree === 1) === (kind === 'trees') ? [objectName('pack', index.packId(number))] : [],
  );
  return names.map((name) => join(folder, name));
}

/** Backs up, and repairs the index as the notice says. */
async function backUpAndRepair(options: BackupOptions = {}): Promise<void> {
  await using vault = await open();
  const [before] = await Array.fromAsync(vault.list());
  await vault.backup(source, options);
  await vault.repairIndex();
  // Folders above the source are in its trees too, and others change them: what older ones lost of that is lost.
  if (before !== undefined) await vault.delete([before.id]);
}

async function check(): Promise<VaultCheckResult> {
  await using vault = await open();
  return await vault.check({ readData: 'all' });
}

const codes = (): unknown[] => notices.flatMap(({ code }) => code ?? []);

describe.each(['trees', 'data'] as const)('a pack of %s that is gone', (kind) => {
  beforeEach(async () => {
    for (const path of await packs(kind)) await rm(path);
  });

  it.each([{}, { force: true }])('is named, and what the backup needs of it is saved again (%j)', async (options) => {
    await backUpAndRepair(options);
    expect(codes()).toEqual(['BLOB_MISSING']);
    expect(await check()).toMatchObject({ isGood: true, snapshots: 1 });
  });
});

it('heals older backups where the files are still there', async () => {
  for (const path of await packs('data')) await rm(path);
  {
    await using vault = await open();
    await vault.backup(source);
    await vault.repairIndex();
  }
  expect(await check()).toMatchObject({ isGood: true, snapshots: 2 });
});

it('saves again what a pack lost that was cut short', async () => {
  const [path = ''] = await packs('data');
  await truncate(path, (await stat(path)).size - 100_000);
  await using vault = await open();
  const { lostPacks } = await vault.backup(source);
  expect(codes()).toEqual(['BLOB_MISSING']);
  await vault.repairPacks(lostPacks);
  expect(await check()).toMatchObject({ isGood: true, snapshots: 2 });
});

it('tells it once: the next backup finds all it needs', async () => {
  for (const path of await packs('data')) await rm(path);
  await backUpAndRepair();
  notices = [];
  await using vault = await open();
  expect(await vault.backup(source)).toMatchObject({ lostPacks: [], counts: { filesChanged: 0, filesNew: 0 } });
  expect(codes()).toEqual([]);
});

it('says nothing where all is there', async () => {
  await using vault = await open();
  expect((await vault.backup(source)).lostPacks).toEqual([]);
  expect((await vault.backup(source, { force: true })).lostPacks).toEqual([]);
  expect(codes()).toEqual([]);
});

it('refuses where not one pack is there, as behind a mount that is missing, and writes nothing', async () => {
  await rm(join(folder, 'data'), { recursive: true });
  await mkdir(join(folder, 'data'));
  await using vault = await open();
  await expect(vault.backup(source)).rejects.toMatchObject({ code: 'BLOB_MISSING' });
  await expect(vault.backup(source, { force: true })).rejects.toMatchObject({ code: 'BLOB_MISSING' });
  expect(await readdir(join(folder, 'data'))).toEqual([]);
});

describe.each(['restic', 'restic-newest'] as const)('%s', (peer) => {
  it('finds no error after the backup and the repair', async () => {
    requirePeer(peer);
    for (const path of await packs('data')) await rm(path);
    await backUpAndRepair();
    expect(runRestic(peer, folder, ['check', '--read-data'])).toContain('no errors were found');
  });
});
