// `cairn list --expect NAME=INTERVAL`: whether backups that are made regularly were made.
import { CairnError } from '../base/errors.ts';
import { type ExpectedBackup, type PeriodicStatus, periodicStatus } from '../retention/periodic-status.ts';
import type { BackupRecord } from '../vault/reference/backup-record.ts';
import type { CliContext } from './context.ts';
import type { FilterFlags } from './filter-options.ts';
import { openCliVault } from './open-cli-vault.ts';
import { formatBytes, formatDuration, formatTime, plural } from './output/format.ts';
import { printable } from './output/printable.ts';
import { renderTable } from './output/table.ts';

/** Throws `BACKUP_OVERDUE` where one is overdue or missing. */
export async function listExpected(cli: CliContext, wanted: readonly string[], flags: FilterFlags): Promise<void> {
  const { host } = flags;
  if (Object.entries(flags).some(([flag, value]) => value !== undefined && !['host', 'expect'].includes(flag))) {
    throw new CairnError('USAGE', 'with --expect only --host narrows down which backups are looked at');
  }
  const expected = wanted.map((text) => parseExpected(text, host));
  periodicStatus([], expected, new Date());
  await using vault = await openCliVault(cli);
  const found = await vault.periodic(expected, { signal: cli.signal });
  if (cli.options.json) await cli.out.json({ schema: 1, expected: found });
  else await cli.out.write(render(found));
  assertInTime(found);
}

/** The interval is behind the last `=`: a name may have one, too. */
function parseExpected(text: string, host: string | undefined): ExpectedBackup {
  const split = text.lastIndexOf('=');
  if (split > 0) return { name: text.slice(0, split), every: text.slice(split + 1), host };
  throw new CairnError('USAGE', `--expect takes NAME=INTERVAL, such as main=1D, not ${JSON.stringify(text)}`);
}

function render(found: readonly PeriodicStatus<BackupRecord>[]): string {
  const rows = found.map(({ name, every, status, latest, overdueMs, count, storedBytes }) => [
    printable(name),
    every,
    statusText(status, overdueMs, count),
    latest === null ? '' : formatTime(latest.time),
    latest === null ? '' : printable(latest.host),
    String(count),
    formatBytes(storedBytes),
  ]);
  return renderTable(
    [
      { title: 'NAME' },
      { title: 'EVERY' },
      { title: 'STATUS' },
      { title: 'LATEST' },
      { title: 'HOST' },
      { title: 'BACKUPS', align: 'right' },
      { title: 'ADDED', align: 'right' },
    ],
    rows,
  );
}

/** Backups that lack something, or that are dated later than now, do not count; but they are there. */
function statusText(status: PeriodicStatus<BackupRecord>['status'], overdueMs: number, count: number): string {
  if (status === 'overdue') return `overdue by ${formatDuration(overdueMs)}`;
  return status === 'missing' && count > 0 ? 'none whole by now' : status;
}

function assertInTime(found: readonly PeriodicStatus<BackupRecord>[]): void {
  const late = found.filter(({ status }) => status !== 'ok').map(({ name }) => name);
  if (late.length === 0) return;
  throw new CairnError('BACKUP_OVERDUE', `${plural(late.length, 'backup')} overdue: ${late.join(', ')}`, {
    retry: 'later',
    facts: { names: late },
  });
}
