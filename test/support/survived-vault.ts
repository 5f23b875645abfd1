// What both programs make of a vault that somebody was killed in. They work on a copy: a check removes the locks of the dead.
import fs from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { hasCode } from '../../src/base/errors.ts';
import { Secret } from '../../src/base/secret.ts';
import { openRepository } from '../../src/repository/open-repository.ts';
import { listSnapshots } from '../../src/repository/snapshots.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { openVault } from '../../src/vault/open-vault.ts';
import { type BackupRecord, backupRecord } from '../../src/vault/reference/backup-record.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { contentsOf } from './archive-fixture.ts';
import { type DescribedEntry, describeTree } from './describe-tree.ts';
import { resticJson, resticText } from './interop.ts';

/** What a folder holds, by path. */
export type Described = Readonly<Record<string, DescribedEntry>>;

/** What a restore of a backup may bring; `undefined`: anything, as long as it is complete; `'lost'`: nothing need come. */
export type ExpectedOf = (backup: BackupRecord) => readonly Described[] | 'lost' | undefined;

export interface SurvivedVault {
  readonly backups: readonly BackupRecord[];
  /** Of a check that read every byte, as `kind object`. */
  readonly findings: readonly string[];
  /** What opened it. */
  readonly password: string;
}

/** Opens a vault by the first of these passwords that does. */
async function openBy(
  path: string,
  passwords: readonly string[],
): Promise<{ readonly vault: Vault; readonly password: string }> {
  for (const password of passwords) {
    try {
      return { vault: await openVault(path, { password, cache: false, catalog: false, jobs: 1 }), password };
    } catch (error) {
      if (!hasCode(error, 'PASSWORD_WRONG')) throw error;
    }
  }
  throw new Error(`no password opens ${path}`);
}

/** Checks with every byte read, and reads or restores every backup. Throws unless each has, or brings, what it has to. */
export async function readSurvived(
  path: string,
  passwords: readonly string[],
  expectedOf: ExpectedOf,
  how: 'read' | 'restore',
): Promise<SurvivedVault> {
  const place = copyOf(path);
  const opened = await openBy(place.vault, passwords);
  await using vault = opened.vault;
  const { findings } = await vault.check({ readData: 'all' });
  const backups = await Array.fromAsync(vault.list());
  if (how === 'read') await expectContents(place.vault, opened.password, expectedOf);
  else for (const backup of backups) await expectRestores(vault, backup, expectedOf(backup), place.restored);
  fs.rmSync(place.folder, { recursive: true });
  return { backups, findings: findings.map(({ kind, object }) => `${kind} ${object}`), password: opened.password };
}

async function expectRestores(
  vault: Vault,
  backup: BackupRecord,
  expected: ReturnType<ExpectedOf>,
  folder: string,
): Promise<void> {
  if (expected === 'lost') return;
  const { status, destination } = await vault.restore(backup.id, { to: join(folder, backup.id) });
  expect(status).toBe('complete');
  if (expected !== undefined) expect(expected).toContainEqual(describeTree(destination));
}

/** Reads every blob of every snapshot, which costs less than threads that restore it. */
async function expectContents(path: string, password: string, expectedOf: ExpectedOf): Promise<void> {
  await using repository = await openRepository(openLocalStorage(path), { password: new Secret(password) });
  for (const record of await listSnapshots(repository)) {
    const expected = expectedOf(backupRecord(record));
    if (expected === 'lost') continue;
    const { tree, paths } = record.snapshot;
    const found = Object.entries(await contentsOf(repository, tree))
      .filter(([name]) => name.startsWith(paths[0] ?? ''))
      .map(([name, content]) => [name.slice((paths[0] ?? '').length), content] as const);
    const plain = (one: Described): object =>
      Object.fromEntries(Object.entries(one).map(([name, { hash, type }]) => [name, hash ?? type]));
    if (expected !== undefined) expect(expected.map(plain)).toContainEqual(Object.fromEntries(found));
  }
}

/**
 * restic takes all locks for those of the dead, its check that reads every byte finds no error and has the same hints as ours,
 * and it restores the same.
 */
export async function expectResticReads(
  path: string,
  { backups, password, findings }: SurvivedVault,
  expectedOf: ExpectedOf,
  isDamaged: boolean,
): Promise<void> {
  const { folder, vault, restored } = copyOf(path);
  const env = { RESTIC_PASSWORD: password };
  await resticText('restic-newest', vault, ['unlock'], env);
  expect(locksIn(vault)).toEqual([]);
  if (!isDamaged) {
    const summary = await resticJson('restic-newest', vault, ['check', '--read-data'], env);
    const has = (kind: string): boolean => findings.some((finding) => finding.startsWith(`${kind} `));
    expect(summary).toMatchObject({
      num_errors: 0,
      suggest_repair_index: has('index-repeated'),
      suggest_prune: has('pack-orphan'),
    });
  }
  for (const backup of backups) {
    const expected = expectedOf(backup);
    if (backup.form !== 'snapshot' || expected === 'lost') continue;
    const target = join(restored, backup.id);
    await resticText('restic-newest', vault, ['restore', backup.id, '--target', target], env);
    if (expected !== undefined) expect(expected).toContainEqual(describeTree(join(target, backup.paths[0] ?? '')));
  }
  fs.rmSync(folder, { recursive: true });
}

/** Removes what no backup needs, and what writes left that were interrupted a day ago: now. */
export async function tidy(path: string, passwords: readonly string[]): Promise<void> {
  const twoDaysAgo = Date.now() / 1000 - 2 * 24 * 3600;
  for (const name of leftoversIn(path)) fs.utimesSync(join(path, name), twoDaysAgo, twoDaysAgo);
  const opened = await openBy(path, passwords);
  await using vault = opened.vault;
  await vault.prune({ maxUnused: { bytes: 0 }, waitMs: 0 });
}

/** Names of all files, those of interrupted writes among them. */
export function allFilesIn(path: string): string[] {
  const entries = fs.readdirSync(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(path.length + 1));
}

export function leftoversIn(path: string): string[] {
  return allFilesIn(path).filter((name) => /-tmp-\d+$/u.test(name));
}

interface VaultCopy {
  readonly folder: string;
  readonly vault: string;
  /** Beside it: no program restores into a vault. */
  readonly restored: string;
}

/** Names of the locks, whole ones. */
export function locksIn(path: string): string[] {
  return allFilesIn(path).filter((name) => /^locks\/[0-9a-f]{64}$/u.test(name));
}

function copyOf(path: string): VaultCopy {
  const folder = fs.mkdtempSync(`${path}-copy-`);
  const vault = join(folder, 'vault');
  fs.cpSync(path, vault, { recursive: true });
  return { folder, vault, restored: join(folder, 'restored') };
}
