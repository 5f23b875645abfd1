import { shortId } from '../../base/ids.ts';
import type { RewriteResult, SnapshotChange } from '../../vault/care/rewrite-snapshots.ts';
import { formatTime, plural } from './format.ts';
import { printable } from './printable.ts';

/** Entries that are named of one backup; the rest is counted. */
const SHOWN = 20;

/** What a rewrite or a repair of backups does, or did. */
export function describeRewrite({ changes, unchanged }: RewriteResult, all: boolean): string {
  const lines = changes.map((change) => describeChange(change, all));
  const rest = unchanged === 0 ? '' : `${plural(unchanged, 'backup')} would be no different\n`;
  return lines.join('') + rest;
}

function describeChange(change: SnapshotChange, all: boolean): string {
  const { backup } = change;
  const head = `${shortId(backup.id)} ${formatTime(backup.time)} ${printable(backup.name)}`;
  switch (change.outcome) {
    case 'rewritten':
      return `${head}${change.id === null ? '' : ` → ${shortId(change.id)}`}\n${describeEntries(change, all)}`;
    case 'lost':
      return `${head}: nothing of it can be read; it stays, and \`cairn delete\` removes it\n`;
    case 'refused':
      return `${head}: stays as it is: ${printable(change.message)}\n`;
    default:
      return change satisfies never;
  }
}

function describeEntries({ entries }: Extract<SnapshotChange, { readonly entries: unknown }>, all: boolean): string {
  const shown = all ? entries : entries.slice(0, SHOWN);
  const lines = shown.map(({ path, message }) => `  ${printable(path)}: ${printable(message)}\n`);
  const more = entries.length - shown.length;
  return (
    lines.join('') + (more > 0 ? `  and ${plural(more, 'more entry', 'more entries')}; --verbose names them\n` : '')
  );
}
