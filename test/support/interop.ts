// A repository that restic and we both work on: each program run as its users run it, in the same time zone.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { Secret } from '../../src/base/secret.ts';
import { parseGoTime } from '../../src/formats/go-time.ts';
import { BLOB_TREE } from '../../src/repository/index/blob-index.ts';
import { loadIndex } from '../../src/repository/index/load-index.ts';
import { initRepository } from '../../src/repository/init-repository.ts';
import { changePassword } from '../../src/repository/change-password.ts';
import { openRepository } from '../../src/repository/open-repository.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { Home } from '../e2e/cairn-program.ts';
import { type DescribedEntry, describeTree } from './describe-tree.ts';
import { copyMadeOnce } from './made-once.ts';
import { findPeer, type PeerName } from './peer-catalog.ts';
import { RESTIC_PASSWORD } from './restic.ts';

export type ResticName = Extract<PeerName, 'restic' | 'restic-newest'>;
export type ChunkerName = 'gear' | 'rabin';

/** A key derivation that costs both programs next to nothing. */
const KDF = { N: 1024, r: 8, p: 1 } as const;
const password = new Secret(RESTIC_PASSWORD);

export interface ResticEnded {
  readonly exit: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs restic to its end, whatever that is. Without a cache, in UTC unless `env` has another `TZ`. */
export async function startRestic(
  peer: ResticName,
  repo: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ResticEnded> {
  const program = findPeer(peer);
  if (program === undefined) throw new Error(`${peer} is not installed`);
  const child = spawn(program.path, ['--no-cache', '-r', repo, ...args], {
    env: { ...process.env, TZ: 'UTC', RESTIC_PASSWORD, RESTIC_FROM_PASSWORD: RESTIC_PASSWORD, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [exit]] = await Promise.all([
    child.stdout.toArray(),
    child.stderr.toArray(),
    once(child, 'close'),
  ]);
  return { exit: exit as number | null, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
}

/** Runs restic and returns its standard output. Throws, with what it said, when it fails. */
export async function resticBytes(...call: Parameters<typeof startRestic>): Promise<Buffer> {
  const { exit, stdout, stderr } = await startRestic(...call);
  if (exit !== 0) throw new Error(`${call[0]} ${call[2].join(' ')} ended with ${exit}: ${stderr}${stdout.toString()}`);
  return stdout;
}

export async function resticText(...call: Parameters<typeof startRestic>): Promise<string> {
  return (await resticBytes(...call)).toString();
}

/** What restic prints with `--json`: one document, or one a line. */
export async function resticJson<T>(...[peer, repo, args, env]: Parameters<typeof startRestic>): Promise<T> {
  return JSON.parse(await resticText(peer, repo, [...args, '--json'], env)) as T;
}

export async function resticJsonLines<T>(...[peer, repo, args, env]: Parameters<typeof startRestic>): Promise<T[]> {
  const lines = (await resticText(peer, repo, [...args, '--json'], env)).split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as T);
}

/** Runs our program on the repository; returns what it printed. Throws, with what it said, when it fails. */
export async function runCairn(
  home: Home,
  repo: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const run = await home.run(['--vault', repo, ...args], { env: { CAIRN_PASSWORD: RESTIC_PASSWORD, ...env } });
  if (run.exit !== 0) throw new Error(`cairn ${args.join(' ')} ended with ${run.exit}: ${run.stderr}${run.stdout}`);
  return run.stdout;
}

export async function cairnJson<T>(...[home, repo, args, env]: Parameters<typeof runCairn>): Promise<T> {
  return JSON.parse(await runCairn(home, repo, [...args, '--json'], env)) as T;
}

/** Runs our program with its output, which may be no text, in a file. */
export async function cairnToFile(home: Home, repo: string, args: readonly string[], file: string): Promise<void> {
  const stdout = fs.openSync(file, 'w');
  try {
    const run = await home.run(['--vault', repo, ...args], { stdout, env: { CAIRN_PASSWORD: RESTIC_PASSWORD } });
    if (run.exit !== 0) throw new Error(`cairn ${args.join(' ')} ended with ${run.exit}: ${run.stderr}`);
  } finally {
    fs.closeSync(stdout);
  }
}

export interface ListedBackup {
  readonly id: string;
  readonly time: string;
  readonly host: string;
  readonly tags: readonly string[];
  readonly paths: readonly string[];
}

export const listOurs = (home: Home, repo: string): Promise<ListedBackup[]> =>
  cairnJson<ListedBackup[]>(home, repo, ['list']);

export interface ResticSnapshot {
  readonly id: string;
  readonly time: string;
  readonly tree: string;
  readonly hostname: string;
  readonly tags?: readonly string[];
  readonly paths: readonly string[];
}

export const listTheirs = (peer: ResticName, repo: string): Promise<ResticSnapshot[]> =>
  resticJson<ResticSnapshot[]>(peer, repo, ['snapshots']);

export function openShared(repo: string): Promise<Repository> {
  return openRepository(openLocalStorage(repo), { password });
}

export async function makeOurs(repo: string, chunker: ChunkerName, version: 1 | 2 = 2): Promise<void> {
  await using _repository = await initRepository(openLocalStorage(repo), { password, version, chunker, kdf: KDF });
}

/** Type and id of every blob that our index lists, as `restic list blobs` prints them. */
export async function ourBlobs(repo: string): Promise<string[]> {
  await using repository = await openShared(repo);
  const index = await loadIndex(repository);
  const found = new Set<string>();
  for (let record = 0; record < index.size; record++) {
    found.add(`${index.blobType(record) === BLOB_TREE ? 'tree' : 'data'} ${index.blobId(record)}`);
  }
  return [...found].sort();
}

/**
 * A repository that restic made, which takes it three seconds: it is made once for all tests. Where a test has several, `which`
 * tells those apart that must not be the same, with the same id and the same master key.
 */
export async function makeTheirs(
  peer: ResticName,
  repo: string,
  { version = 2, which = 'first' }: { readonly version?: 1 | 2; readonly which?: string } = {},
): Promise<void> {
  await copyMadeOnce(`${peer} ${version} ${which}`, repo, (path) =>
    initTheirs(peer, path, ['--repository-version', String(version)]),
  );
}

/** A new repository of restic; its own key opens it once, and is then replaced by one that costs no time. */
export async function initTheirs(peer: ResticName, repo: string, args: readonly string[]): Promise<void> {
  await resticText(peer, repo, ['init', ...args]);
  await cheapenKey(openLocalStorage(repo));
}

/** What opens the repository from now on costs no time. */
export async function cheapenKey(storage: Storage): Promise<void> {
  await using repository = await openRepository(storage, { password });
  await changePassword(repository, { password, kdf: KDF });
}

/** What our restore of a backup of one folder brings back. `target` must not exist. */
export async function restoreOurs(
  home: Home,
  repo: string,
  ref: string,
  target: string,
): Promise<Record<string, DescribedEntry>> {
  await runCairn(home, repo, ['restore', ref, '--to', target, '--quiet']);
  const [name, ...more] = fs.readdirSync(target);
  if (name === undefined || more.length > 0) throw new Error('this is not the restore of one folder');
  return describeTree(join(target, name));
}

/** What restic's restore of a backup of `source` brings back. */
export async function restoreTheirs(
  peer: ResticName,
  repo: string,
  ref: string,
  source: string,
  target: string,
): Promise<Record<string, DescribedEntry>> {
  await resticText(peer, repo, ['restore', ref, '--target', target]);
  return describeTree(join(target, source));
}

export interface OurFinding {
  readonly kind: string;
  readonly severity: string;
  readonly object: string;
}

/** Our complete check of a repository that may be damaged. */
export async function checkOurs(
  home: Home,
  repo: string,
): Promise<{ exit: number | null; isGood: boolean; findings: OurFinding[] }> {
  const run = await home.run(['--vault', repo, 'check', '--read-data', '--json'], {
    env: { CAIRN_PASSWORD: RESTIC_PASSWORD },
  });
  return { exit: run.exit, ...(JSON.parse(run.stdout) as { isGood: boolean; findings: OurFinding[] }) };
}

/** Names of the complete files of one kind, such as `index`, without their folders. */
export function filesOf(repo: string, kind: 'data' | 'index' | 'keys' | 'locks' | 'snapshots'): string[] {
  return fs
    .readdirSync(join(repo, kind), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /^[0-9a-f]{64}$/u.test(entry.name))
    .map((entry) => entry.name)
    .sort();
}

export interface PrintedEntry {
  readonly type: string;
  readonly path: string;
  readonly size?: number;
  readonly mode: number;
  readonly mtime: string;
  readonly uid?: number;
  readonly gid?: number;
}

/** One entry as `ls --json` of either program has it, in a form that both share. */
export function entryLine({ type, path, size, mode, mtime, uid, gid }: PrintedEntry): string {
  const bytes = type === 'file' ? (size ?? 0) : '-';
  return `${type} ${(mode & 0o777).toString(8)} ${uid ?? 0}:${gid ?? 0} ${bytes} ${parseGoTime(mtime).ns} ${path}`;
}
