// The keep rules asked of restic: backups with chosen times in a repository of their own, and `forget --dry-run`.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobId, SnapshotId } from '../../src/base/ids.ts';
import { formatGoTime, parseGoTime } from '../../src/formats/go-time.ts';
import { initRepository } from '../../src/repository/init-repository.ts';
import { saveSnapshot } from '../../src/repository/snapshots.ts';
import type { OffsetAt } from '../../src/retention/calendar-span.ts';
import { parseGroupBy } from '../../src/retention/group-snapshots.ts';
import { countedRules, type KeepRules, parseKeepRules, spanRules } from '../../src/retention/keep-policy.ts';
import { planByPolicy } from '../../src/retention/plan-forget.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { aSnapshot, TEST_KDF, TEST_PASSWORD } from './repository-fixture.ts';

export interface ForgetSnapshot {
  /** RFC 3339. */
  readonly time: string;
  readonly host?: string;
  readonly paths?: readonly string[];
  readonly tags?: readonly string[];
}

export interface ForgetCase {
  readonly name: string;
  /** The local zone of the program. */
  readonly zone: string;
  readonly rules: KeepRules;
  readonly groupBy: string;
  readonly snapshots: readonly ForgetSnapshot[];
}

/** Times with the reasons to keep them, sorted; and of those that go. */
export interface ForgetOutcome {
  readonly groups: readonly { readonly keep: readonly string[]; readonly forget: readonly string[] }[];
}

/** What restic would do; `undefined` where it refuses because a group would lose everything. */
export async function askRestic(program: string, one: ForgetCase): Promise<ForgetOutcome | undefined> {
  const repo = fs.mkdtempSync(join(tmpdir(), 'cairn-forget-'));
  try {
    const storage = openLocalStorage(repo, { durable: false });
    const repository = await initRepository(storage, { password: TEST_PASSWORD, kdf: TEST_KDF, chunker: 'rabin' });
    for (const snapshot of one.snapshots) await saveSnapshot(repository, recordOf(snapshot).snapshot);
    return parseOutcome(runForget(program, repo, one));
  } catch (error) {
    if (String(error).includes('refusing to delete last snapshot')) return undefined;
    throw error;
  } finally {
    fs.rmSync(repo, { recursive: true, force: true });
  }
}

/** What we would do. */
export function askOurs(one: ForgetCase, nowNs: bigint): ForgetOutcome | undefined {
  const records = one.snapshots.map(recordOf).sort((a, b) => Number(a.snapshot.time.ns - b.snapshot.time.ns));
  try {
    const groups = planByPolicy(records, parseKeepRules(one.rules), {
      groupBy: parseGroupBy(one.groupBy),
      nowNs,
      localOffset: offsetOf(one.zone),
    });
    return outcome(
      groups.map(({ keep, forget }) => ({
        keep: keep.map(({ record, reasons }) => `${formatGoTime(record.snapshot.time)}: ${reasons.join('; ')}`),
        forget: forget.map(({ snapshot }) => formatGoTime(snapshot.time)),
      })),
    );
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'FORGET_REFUSED') return undefined;
    throw error;
  }
}

/** The offset of a zone, in minutes east of UTC. */
export function offsetOf(zone: string): OffsetAt {
  const format = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' });
  return (seconds) => {
    const text = format.formatToParts(seconds * 1000).find(({ type }) => type === 'timeZoneName')?.value ?? '';
    const [, sign, hours = '0', minutes = '0'] = /GMT(?:([+-])(\d\d):(\d\d))?/u.exec(text) ?? [];
    return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  };
}

function recordOf({ time, host = 'host', paths = ['/data'], tags = [] }: ForgetSnapshot, at = 0) {
  const snapshot = aSnapshot('0'.repeat(64) as BlobId, { time: parseGoTime(time), hostname: host, paths, tags });
  return { id: String(at).padStart(64, '0') as SnapshotId, snapshot };
}

function runForget(program: string, repo: string, { zone, rules, groupBy }: ForgetCase): string {
  const flags = [...countedRules, ...spanRules].flatMap((rule) => {
    const value = rules[rule];
    const flag = `--keep-${rule.replace(/[A-Z]/gu, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === undefined ? [] : [flag, String(value)];
  });
  const tags = (rules.tags ?? []).flatMap((list) => ['--keep-tag', list.join(',')]);
  const args = ['-r', repo, '--no-cache', 'forget', '--dry-run', '--json', '--group-by', groupBy, ...flags, ...tags];
  return execFileSync(program, args, {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', TZ: zone, RESTIC_PASSWORD: 'correct horse' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

interface ResticGroup {
  readonly keep: readonly { readonly time: string }[] | null;
  readonly remove: readonly { readonly time: string }[] | null;
  readonly reasons:
    | readonly { readonly snapshot: { readonly time: string }; readonly matches: readonly string[] }[]
    | null;
}

function parseOutcome(json: string): ForgetOutcome {
  const line = json.split('\n').find((text) => text.startsWith('['));
  const groups = JSON.parse(line ?? '[]') as ResticGroup[];
  return outcome(
    groups.map(({ remove, reasons }) => ({
      keep: (reasons ?? []).map(({ snapshot, matches }) => `${snapshot.time}: ${matches.join('; ')}`),
      forget: (remove ?? []).map(({ time }) => time),
    })),
  );
}

/** restic gives groups, and backups of the same time, in no order. */
function outcome(groups: readonly { readonly keep: string[]; readonly forget: string[] }[]): ForgetOutcome {
  const sorted = groups.map(({ keep, forget }) => ({ keep: keep.toSorted(), forget: forget.toSorted() }));
  return { groups: sorted.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) };
}
