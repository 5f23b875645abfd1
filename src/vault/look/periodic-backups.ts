import {
  type ExpectedBackup,
  type PeriodicBackup,
  type PeriodicStatus,
  periodicStatus,
} from '../../retention/periodic-status.ts';
import { isPartial } from '../../formats/snapshot/partial-tag.ts';
import type { BackupRecord } from '../reference/backup-record.ts';
import { momentStart } from '../reference/moment.ts';
import { listBackups } from './list-backups.ts';
import type { LookContext } from './look-inside.ts';

export interface PeriodicOptions {
  /** The time to look from; that of the call by default. */
  readonly now?: Date | string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Which backups that are made regularly are overdue. Throws `ARGUMENT_INVALID` before anything is read. */
export async function periodicBackups(
  { repository, settings, signal }: LookContext,
  expected: readonly ExpectedBackup[],
  options: PeriodicOptions,
): Promise<PeriodicStatus<BackupRecord>[]> {
  const now = options.now === undefined ? new Date() : new Date(Number(momentStart(options.now) / 1_000_000n));
  periodicStatus([], expected, now);
  const backups = await listBackups({ repository, settings, signal }, {});
  return periodicStatus(backups.map(candidate), expected, now).map((one) => ({
    ...one,
    latest: one.latest?.backup ?? null,
  }));
}

function candidate(backup: BackupRecord): PeriodicBackup & { readonly backup: BackupRecord } {
  const { name, host, time, storedBytes, tags } = backup;
  return { name, host, time, storedBytes, isPartial: isPartial(tags), backup };
}
