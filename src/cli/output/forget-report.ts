import type { GroupKey } from '../../retention/group-snapshots.ts';
import type { BackupRecord } from '../../vault/reference/backup-record.ts';
import type { ForgetGroup, ForgetPlan } from '../../vault/care/plan-forget.ts';
import { formatTime, plural } from './format.ts';
import { printable } from './printable.ts';
import { shortReference } from './short-reference.ts';
import type { Style } from './style.ts';
import { renderTable } from './table.ts';

export interface ForgetReportOptions {
  readonly style: Style;
  /** Without paths, reasons and the list of what stays. */
  readonly compact: boolean;
}

/** A plan for people: for each group what stays and why, and what goes. */
export function describeForgetPlan({ groups }: ForgetPlan, options: ForgetReportOptions): string {
  return groups.map((group) => describeGroup(group, options)).join('\n');
}

function describeGroup({ key, keep, forget }: ForgetGroup, { style, compact }: ForgetReportOptions): string {
  const head = describeKey(key);
  const kept = keep.map(({ backup, reasons }) => [...cells(backup, compact), reasons.join(', ')]);
  const gone = forget.map((backup) => cells(backup, compact));
  const columns = [
    { title: 'ID' },
    { title: 'TIME' },
    { title: 'HOST' },
    { title: 'TAGS' },
    ...(compact ? [] : [{ title: 'PATHS' }]),
  ];
  const parts = [
    ...(head === '' ? [] : [style('bold', `${head}\n`)]),
    ...(kept.length === 0
      ? []
      : [`keep ${plural(kept.length, 'backup')}:\n${renderTable([...columns, { title: 'REASONS' }], kept)}`]),
    ...(gone.length === 0 ? [] : [`remove ${plural(gone.length, 'backup')}:\n${renderTable(columns, gone)}`]),
  ];
  return parts.join('\n');
}

function cells({ id, form, time, host, tags, paths }: BackupRecord, compact: boolean): string[] {
  const shown = [shortReference({ id, form }), formatTime(time), printable(host), printable(tags.join(','))];
  return compact ? shown : [...shown, printable(paths.join(', '))];
}

function describeKey({ name, form, host, paths, tags }: GroupKey): string {
  const parts = [
    ...(name === undefined ? [] : [name]),
    ...(form === undefined || form === 'snapshot' ? [] : [`${form}s`]),
    ...(host === undefined ? [] : [`host ${host}`]),
    ...(paths === undefined ? [] : [`paths ${paths.join(', ')}`]),
    ...(tags === undefined ? [] : [`tags ${tags.length === 0 ? 'none' : tags.join(', ')}`]),
  ];
  return printable(parts.join(', '));
}
