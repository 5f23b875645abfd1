// Runs restic, of Debian or the newest, on a repository of ours.
import { execFileSync } from 'node:child_process';
import { findPeer, type PeerName } from './peer-catalog.ts';

export const RESTIC_PASSWORD = 'interop';

/** Runs restic without a cache and returns its standard output. Throws, with what it said, when it fails. */
export function runRestic(peer: PeerName, repo: string, args: readonly string[]): string {
  const program = findPeer(peer);
  if (program === undefined) throw new Error(`${peer} is not installed`);
  return execFileSync(program.path, ['--no-cache', '-r', repo, ...args], {
    encoding: 'utf8',
    env: { ...process.env, RESTIC_PASSWORD },
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  });
}

export interface ResticSummary {
  readonly snapshot_id: string;
  readonly files_new: number;
  readonly files_changed: number;
  readonly files_unmodified: number;
  /** Plain bytes of new blobs. */
  readonly data_added: number;
  readonly data_blobs: number;
  readonly tree_blobs: number;
}

/** Backs up with restic; returns its summary. */
export function resticBackup(peer: PeerName, repo: string, args: readonly string[]): ResticSummary {
  const lines = runRestic(peer, repo, ['backup', '--json', ...args]).split('\n');
  const summary = lines.find((line) => line.includes('"message_type":"summary"'));
  if (summary === undefined) throw new Error('restic backup gave no summary');
  return JSON.parse(summary) as ResticSummary;
}

/** Root tree of each snapshot, by its id. */
export function resticTrees(peer: PeerName, repo: string): Map<string, string> {
  const snapshots = JSON.parse(runRestic(peer, repo, ['snapshots', '--json'])) as { id: string; tree: string }[];
  return new Map(snapshots.map(({ id, tree }) => [id, tree]));
}
