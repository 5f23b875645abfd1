import { CairnArgumentError } from '../../base/errors.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import { displayName } from '../actions/backup-name.ts';
import { momentEnd, momentStart } from './moment.ts';

/** Which backups are meant; what is left out does not narrow the choice. */
export interface BackupFilter {
  readonly name?: string | undefined;
  /** `all`: has every one of these tags. `any`: has at least one of these. */
  readonly tags?: { readonly all?: readonly string[]; readonly any?: readonly string[] } | undefined;
  readonly host?: string | undefined;
  /** Has every one of these absolute paths among its paths. */
  readonly paths?: readonly string[] | undefined;
  /** Made at this time or later. */
  readonly after?: Date | string | undefined;
  /** Made at this time or earlier; a date means its whole day. */
  readonly before?: Date | string | undefined;
}

/** A test of snapshots. Throws `ARGUMENT_INVALID` for a time that cannot be read, before anything is compared. */
export function matcherOf(filter: BackupFilter): (record: SnapshotRecord) => boolean {
  const after = filter.after === undefined ? undefined : momentStart(filter.after);
  const before = filter.before === undefined ? undefined : momentEnd(filter.before);
  if (after !== undefined && before !== undefined && after > before) {
    throw new CairnArgumentError('`after` is later than `before`, so no backup can match');
  }
  const { all = [], any = [] } = filter.tags ?? {};
  return ({ snapshot }) =>
    (filter.name === undefined || displayName(snapshot) === filter.name) &&
    (filter.host === undefined || snapshot.hostname === filter.host) &&
    (filter.paths ?? []).every((path) => snapshot.paths.includes(path)) &&
    all.every((tag) => snapshot.tags.includes(tag)) &&
    (any.length === 0 || any.some((tag) => snapshot.tags.includes(tag))) &&
    (after === undefined || snapshot.time.ns >= after) &&
    (before === undefined || snapshot.time.ns <= before);
}

/** The same for several filters: a backup that matches one of them is meant. */
export function matcherOfAny(filters: BackupFilter | readonly BackupFilter[]): (record: SnapshotRecord) => boolean {
  const matchers = [filters].flat().map(matcherOf);
  return (record) => matchers.some((matches) => matches(record));
}
