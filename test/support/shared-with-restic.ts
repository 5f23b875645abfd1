// A vault that we and restic use through the same storage, one after the other.
import { execFileSync } from 'node:child_process';
import { mkdtempDisposable, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initVault, openVault } from '../../src/vault/open-vault.ts';
import { requirePeer } from './peers.ts';
import { RESTIC_PASSWORD } from './restic.ts';

export interface SharedVault {
  /** Of our backup, restored by restic, and of restic's, restored by us. */
  readonly restored: readonly string[];
  /** What restic says of the whole repository, every byte read. */
  readonly checked: string;
  /** Whether we find it whole, every byte read. */
  readonly isGood: boolean;
}

/** Backs up with us, then with restic, checks with both, and restores each backup with the other one. */
export async function shareVault(
  url: string,
  resticUrl: string,
  environment: Readonly<Record<string, string>>,
): Promise<SharedVault> {
  await using scratch = await mkdtempDisposable(join(tmpdir(), 'cairn-shared-'));
  const [ours, theirs] = [join(scratch.path, 'ours'), join(scratch.path, 'theirs')] as const;
  await writeFile(ours, 'written by us');
  await writeFile(theirs, 'written by restic');
  const restic = (...args: readonly string[]): string =>
    execFileSync(requirePeer('restic-newest').path, ['--no-cache', '-r', resticUrl, ...args], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: scratch.path, ...environment, RESTIC_PASSWORD },
      stdio: 'pipe',
      timeout: 60_000,
    });
  const options = { password: RESTIC_PASSWORD, cache: false, jobs: 1, storage: { env: { ...environment } } } as const;
  {
    await using vault = await initVault(url, options);
    await vault.backup(ours);
  }
  restic('restore', 'latest', '--target', join(scratch.path, 'by-restic'));
  restic('backup', theirs);
  const checked = restic('check', '--read-data');
  await using vault = await openVault(url, options);
  const { isGood } = await vault.check({ readData: 'all' });
  await vault.restore('latest', { to: join(scratch.path, 'by-us') });
  const restored = [join(scratch.path, 'by-restic', ours), join(scratch.path, 'by-us', 'theirs')];
  return { restored: await Promise.all(restored.map((path) => readFile(path, 'utf8'))), checked, isGood };
}
