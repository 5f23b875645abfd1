import type { PrunePlan } from '../../repository/prune/prune-plan.ts';
import type { PruneResult } from '../../vault/care/prune-vault.ts';
import { formatBytes, formatCount, plural } from './format.ts';
import { type Column, renderTable } from './table.ts';

const row = (name: string, { blobs, bytes }: { readonly blobs: number; readonly bytes: number }): string[] => [
  name,
  formatCount(blobs),
  formatBytes(bytes),
];

const list = (what: string, ids: readonly string[]): string => ids.map((id) => `${what} ${id}\n`).join('');

/** A plan for people: what the vault holds, what is done with it, what stays. */
export function describePrunePlan(plan: PrunePlan, { verbose }: { readonly verbose: boolean }): string {
  const { total, used, duplicates, unused, unindexed, repack, repackFrees, remove, freed, remaining } = plan;
  const columns: Column[] = [{ title: '' }, { title: 'BLOBS', align: 'right' }, { title: 'SIZE', align: 'right' }];
  const holds = renderTable(columns, [
    row('used', used),
    row('duplicates', duplicates),
    row('unused', unused),
    ['unindexed', '', formatBytes(unindexed.bytes)],
    row('total', total),
  ]);
  const does = renderTable(columns, [
    row(`to repack (${plural(repack.packs, 'pack')})`, repack),
    row('  which frees', repackFrees),
    row(`to remove (${plural(remove.packs, 'pack')})`, remove),
    [`unindexed (${plural(unindexed.packs, 'pack')})`, '', formatBytes(unindexed.bytes)],
    row('freed in all', freed),
    row('remaining', remaining),
  ]);
  const percent = remaining.bytes === 0 ? 0 : (100 * plan.unusedAfterBytes) / remaining.bytes;
  const after = `unused after it: ${formatBytes(plan.unusedAfterBytes)}, ${percent.toFixed(1)} % of what remains\n`;
  return `${holds}\n${does}\n${after}${verbose ? describePacks(plan) : ''}`;
}

function describePacks({ packs, packsToRepack, packsToRemove, unindexedPacks }: PrunePlan): string {
  return (
    `packs: ${formatCount(packs.used)} in full use, ${formatCount(packs.partlyUsed)} in part, ` +
    `${formatCount(packs.unused)} in none; ${formatCount(packs.kept)} stay as they are\n` +
    (packs.missing > 0
      ? `the index forgets ${plural(packs.missing, 'pack')} that nothing needs and that are gone\n`
      : '') +
    list('repack', packsToRepack) +
    list('remove', packsToRemove) +
    list('remove unindexed', unindexedPacks)
  );
}

/** One paragraph on how it went. */
export function describePruneResult(result: PruneResult): string {
  const { status, removedPacks, newBackups, rescuedPacks, freedBytes } = result;
  if (status === 'planned') return 'nothing was changed\n';
  if (status === 'nothing') return 'nothing to remove\n';
  const met =
    newBackups === 0
      ? ''
      : `${plural(newBackups, 'backup')} came meanwhile; ${plural(rescuedPacks, 'pack')} stay for them\n`;
  return `removed ${plural(removedPacks, 'pack')}, freed ${formatBytes(freedBytes)}\n${met}`;
}
