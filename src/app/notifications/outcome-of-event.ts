import { hostname } from 'node:os';
import { isCairnError, messageOf } from '../../base/errors.ts';
import { isId } from '../../base/ids.ts';
import type { ActionResults } from '../../vault/vault-events.ts';
import type { Outcome, OutcomeSubject } from './outcome.ts';

/** Problems that an outcome carries; the count tells of the rest. */
const KEPT_PROBLEMS = 50;

/** What an action is about, as far as is known when it begins. */
export interface ActionOrigin {
  readonly plan?: string | undefined;
  readonly source?: string | undefined;
  readonly vault: string;
  readonly host?: string | undefined;
}

export function subjectOf(action: string, sessionId: string, origin: ActionOrigin, started: Date): OutcomeSubject {
  const { plan, source, vault, host = hostname() } = origin;
  return {
    action,
    sessionId,
    vault,
    host,
    started,
    ...(plan === undefined ? {} : { plan }),
    ...(source === undefined ? {} : { source }),
  };
}

export function failedOutcome(subject: OutcomeSubject, error: unknown, ended: Date): Outcome {
  const hint = isCairnError(error) ? error.hint : undefined;
  return {
    ...subject,
    ended,
    status: 'failed',
    summary: messageOf(error),
    bytes: null,
    storedBytes: null,
    problems: [],
    problemCount: 0,
    error: {
      code: isCairnError(error) ? error.code : 'INTERNAL',
      message: messageOf(error),
      ...(hint === undefined ? {} : { hint }),
    },
  };
}

/** What a result adds to its outcome. */
export type OutcomeDetails = Pick<
  Outcome,
  'status' | 'summary' | 'bytes' | 'storedBytes' | 'backup' | 'problems' | 'error'
> & {
  /** The count, where only some problems are named. */
  readonly problemCount?: number;
};

/** The outcome of an action that ended without an error; its result may still be partial. */
export function doneOutcome(subject: OutcomeSubject, details: OutcomeDetails, ended: Date): Outcome {
  const { problems, problemCount = problems.length } = details;
  return {
    ...subject,
    ended,
    ...details,
    problems: problems.slice(0, KEPT_PROBLEMS).map(({ path, code, message }) => ({ path, code, message })),
    problemCount,
  };
}

const backupWords = {
  complete: 'all was saved',
  partial: 'something could not be read',
  unchanged: 'nothing had changed',
} as const;

export function describeBackup(result: ActionResults['backup']): OutcomeDetails {
  const { status, problems, counts, mirrors = [], id, name } = result;
  const behind = mirrors.filter(({ state }) => state === 'behind');
  const words = behind.length === 0 ? '' : `; ${count(behind.length, 'mirror')} behind`;
  return {
    status: status === 'partial' || behind.length > 0 ? 'partial' : 'ok',
    summary: `${backupWords[status]}, ${count(counts.totalFiles, 'file')}${words}`,
    bytes: counts.totalBytes,
    storedBytes: counts.addedStoredBytes,
    backup: { id, name },
    problems,
  };
}

export function describeArchive(result: ActionResults['archive']): OutcomeDetails {
  const { status, problems, fileCount, bytes, storedBytes, id, name } = result;
  return {
    status: status === 'partial' ? 'partial' : 'ok',
    summary: `${backupWords[status]}, ${count(fileCount, 'file')} in one archive`,
    bytes,
    storedBytes,
    backup: { id, name },
    problems,
  };
}

export function describeRestore(result: ActionResults['restore']): OutcomeDetails {
  const { status, backup, problems, problemCount, destination, filesRestored, bytesRestored } = result;
  return {
    status: status === 'partial' ? 'partial' : 'ok',
    summary: `${count(filesRestored, 'file')} restored to ${destination}`,
    bytes: bytesRestored,
    storedBytes: null,
    backup: { id: backup.id, name: backup.name },
    problems,
    problemCount,
  };
}

export function describeRemoval({ removed, failed }: ActionResults['forget']): OutcomeDetails {
  return {
    status: failed.length > 0 ? 'partial' : 'ok',
    summary: `${count(removed.length, 'backup')} removed`,
    bytes: null,
    storedBytes: null,
    problems: failed.map(({ id, message }) => ({ path: id, code: 'FORGET_PARTIAL', message })),
  };
}

export function describeRetention({ removed, failed }: ActionResults['rotate']): OutcomeDetails {
  return describeRemoval({
    removed: removed.map(({ id }) => id),
    failed: failed.map(({ backup, message }) => ({ id: backup.id, message })),
  });
}

export function describePrune(result: ActionResults['prune']): OutcomeDetails {
  const { status, freedBytes, failure, damagedPacks } = result;
  return {
    status: status === 'partial' ? 'partial' : 'ok',
    summary: failure ?? pruneSummary(result),
    bytes: null,
    storedBytes: -freedBytes,
    problems: damagedPacks.map((id) => ({ path: id, code: 'PACK_CORRUPT', message: 'a blob in this pack is damaged' })),
  };
}

/** Damage is a failure for whoever is told, though the check itself was done: it is what they have to hear of. */
export function describeCheck(result: ActionResults['check']): OutcomeDetails {
  const { isGood, findings, omittedFindings, snapshots, packs, packsRead } = result;
  const errors = findings.filter(({ severity }) => severity === 'error');
  const found = errors.length + omittedFindings;
  const read = packsRead === 0 ? '' : `, ${count(packsRead, 'pack')} read whole`;
  const checked = `${count(snapshots, 'snapshot')} and ${count(packs, 'pack')} checked${read}`;
  const details = {
    summary: isGood ? checked : `the check found ${count(found, 'error')}; ${checked}`,
    bytes: null,
    storedBytes: null,
    problems: errors.map(({ object, message }) => ({ path: object, code: 'CHECK_FAILED', message })),
    problemCount: found,
  };
  if (isGood) return { ...details, status: 'ok' };
  const hint =
    'Remove nothing: restore what you need from this vault or a copy first, and see CHECK_FAILED in docs/errors.md.';
  const message = `the check found ${count(found, 'error')}`;
  return { ...details, status: 'failed', error: { code: 'CHECK_FAILED', message, hint } };
}

/** `target`: where to, without secrets. */
export function describeCopy({ copies, bytes, storedBytes }: ActionResults['copy'], target: string): OutcomeDetails {
  const failed = copies.filter((copy) => copy.outcome === 'failed');
  const copied = copies.filter(({ outcome }) => outcome === 'copied').length;
  const present = copies.length - failed.length - copied;
  return {
    status: failed.length > 0 ? 'partial' : 'ok',
    summary: `${count(copied, 'backup')} copied to ${target}${present === 0 ? '' : `, ${present} there already`}`,
    bytes,
    storedBytes,
    problems: failed.map(({ backup, code, message }) => ({
      path: `${backup.name} (${isId(backup.id) ? backup.id.slice(0, 8) : backup.id})`,
      code,
      message,
    })),
  };
}

export function describeGuard({ backup: { id, name }, released }: ActionResults['guard']): OutcomeDetails {
  return {
    status: 'ok',
    summary: `the change was made; the backup before it is ${released ? 'released' : 'held'}`,
    bytes: null,
    storedBytes: null,
    backup: { id, name },
    problems: [],
  };
}

export function describeTag({ changed }: ActionResults['tag']): OutcomeDetails {
  const summary = `tags of ${count(changed.length, 'backup')} changed`;
  return { status: 'ok', summary, bytes: null, storedBytes: null, problems: [] };
}

function pruneSummary({ status, removedPacks }: ActionResults['prune']): string {
  if (status === 'planned') return 'only planned';
  return status === 'nothing' ? 'nothing was to be removed' : `${count(removedPacks, 'pack')} removed`;
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}
