import type { DatabaseSync } from 'node:sqlite';
import {
  dateIn,
  dateOrNullIn,
  numberIn,
  numberOrNullIn,
  textIn,
  textOrNullIn,
  wordIn,
  type RawRow,
} from './raw-row.ts';

/** `lost`: its process ended without a word. */
export type RunStatus = (typeof runStatuses)[number];

const runStatuses = ['running', 'ok', 'partial', 'failed', 'aborted', 'lost'] as const;

/** One action of a vault: a backup, a restore, a prune, … */
export interface CatalogRun {
  /** The session id of its events. */
  readonly session: string;
  readonly vault: string;
  readonly action: string;
  readonly host: string;
  readonly pid: number;
  readonly startedAt: Date;
  /** `null` while the run goes on. */
  readonly endedAt: Date | null;
  readonly status: RunStatus;
  readonly errorCode: string | null;
  /** What it counted, such as `files` or `removed`. */
  readonly counts: Readonly<Record<string, number>>;
}

/** The result of really restoring a backup and checking it. */
export interface CatalogProof {
  readonly id: string;
  readonly vault: string;
  readonly form: string;
  /** Id of the backup. */
  readonly backup: string;
  readonly provedAt: Date;
  readonly status: 'passed' | 'failed';
  readonly host: string;
  readonly durationMs: number;
  /** Restored bytes; `null` where nothing was restored. */
  readonly bytes: number | null;
  readonly errorCode: string | null;
  /** Names of what was checked, each with its outcome. */
  readonly checks: Readonly<Record<string, 'passed' | 'failed'>>;
}

/** Adds a run, or brings it up to date. What has ended is not changed any more, unless it was only thought lost. */
export function putRun(database: DatabaseSync, run: CatalogRun): void {
  database
    .prepare(
      `insert into runs (session, vault, action, host, pid, started_at, ended_at, status, error_code, counts)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       on conflict (session) do update set ended_at = excluded.ended_at, status = excluded.status,
         error_code = excluded.error_code, counts = excluded.counts
       where runs.ended_at is null or runs.status = 'lost'`,
    )
    .run(
      run.session,
      run.vault,
      run.action,
      run.host,
      run.pid,
      run.startedAt.toISOString(),
      run.endedAt === null ? null : run.endedAt.toISOString(),
      run.status,
      run.errorCode,
      JSON.stringify(run.counts),
    );
}

/** The runs of a catalog, newest first. */
export function listRuns(database: DatabaseSync): CatalogRun[] {
  return database.prepare('select * from runs order by started_at desc, session').all().map(decodeRun);
}

/** Runs of this host that seem to go on although their process is gone. */
export function settleLostRuns(
  database: DatabaseSync,
  { host, at, isAlive }: { readonly host: string; readonly at: Date; readonly isAlive: (pid: number) => boolean },
): number {
  const running = database.prepare("select session, pid from runs where status = 'running' and host = ?").all(host);
  const lost = running.filter(({ pid }) => !isAlive(Number(pid)));
  if (lost.length === 0) return 0;
  const settle = database.prepare(
    "update runs set status = 'lost', ended_at = ? where session = ? and ended_at is null",
  );
  for (const { session } of lost) settle.run(at.toISOString(), session ?? null);
  return lost.length;
}

/** Adds a proof; one that is there already stays as it is. */
export function putProof(database: DatabaseSync, proof: CatalogProof): void {
  database
    .prepare(
      `insert into proofs (id, vault, form, backup, proved_at, status, host, duration_ms, bytes, error_code, checks)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing`,
    )
    .run(
      proof.id,
      proof.vault,
      proof.form,
      proof.backup,
      proof.provedAt.toISOString(),
      proof.status,
      proof.host,
      // The columns are strict integers; measured durations have fractions.
      Math.round(proof.durationMs),
      proof.bytes,
      proof.errorCode,
      JSON.stringify(proof.checks),
    );
}

/** The proofs of a catalog, newest first. */
export function listProofs(database: DatabaseSync): CatalogProof[] {
  return database.prepare('select * from proofs order by proved_at desc, id').all().map(decodeProof);
}

function decodeRun(raw: RawRow): CatalogRun {
  return {
    session: textIn(raw, 'session'),
    vault: textIn(raw, 'vault'),
    action: textIn(raw, 'action'),
    host: textIn(raw, 'host'),
    pid: numberIn(raw, 'pid'),
    startedAt: dateIn(raw, 'started_at'),
    endedAt: dateOrNullIn(raw, 'ended_at'),
    status: wordIn(raw, 'status', runStatuses),
    errorCode: textOrNullIn(raw, 'error_code'),
    counts: JSON.parse(textIn(raw, 'counts')) as CatalogRun['counts'],
  };
}

function decodeProof(raw: RawRow): CatalogProof {
  return {
    id: textIn(raw, 'id'),
    vault: textIn(raw, 'vault'),
    form: textIn(raw, 'form'),
    backup: textIn(raw, 'backup'),
    provedAt: dateIn(raw, 'proved_at'),
    status: raw['status'] === 'passed' ? 'passed' : 'failed',
    host: textIn(raw, 'host'),
    durationMs: numberIn(raw, 'duration_ms'),
    bytes: numberOrNullIn(raw, 'bytes'),
    errorCode: textOrNullIn(raw, 'error_code'),
    checks: JSON.parse(textIn(raw, 'checks')) as CatalogProof['checks'],
  };
}
