import { type Command, InvalidArgumentError } from 'commander';
import { parseNameGroups } from '../retention/group-by-name.ts';
import { type RotationRules, rotationUnits } from '../retention/rotation-policy.ts';
import { parseWeekday } from '../retention/weekday.ts';
import type { ByNameOptions } from '../vault/care/plan-by-name.ts';
import type { RetentionResult } from '../vault/care/rotate-backups.ts';
import type { ForgetResult } from '../vault/care/apply-forget.ts';
import { addFilterOptions, type FilterFlags } from './filter-options.ts';

export interface RotationFlags extends RotationRules {
  readonly zone?: string;
}

/** What `rotate` and `delete-older-than` share. */
export interface ByNameFlags extends FilterFlags {
  readonly groupBy: string;
  readonly now?: string;
  readonly dryRun: boolean;
  readonly compact: boolean;
  readonly prune: boolean;
}

export function addRotationOptions(command: Command): Command {
  for (const unit of rotationUnits.toReversed()) {
    command.option(
      `--${unit} <n>`,
      `keep the oldest of each of the last n ${unit}, this one included`,
      parseWholeNumber,
    );
  }
  return command
    .option('--last <n>', 'keep the newest n; the newest one is always kept', parseWholeNumber)
    .option('--first-weekday <day>', 'the day that weeks start with (default: saturday)')
    .option('--zone <zone>', 'count days on the clock of this zone, such as Europe/Berlin, or `local` (default: UTC)');
}

export function addByNameOptions(command: Command): Command {
  return addFilterOptions(command)
    .option('--now <time>', 'count from this time (default: now)')
    .option('-g, --group-by <fields>', "host, paths; '' for one history of all backups of a name", 'host,paths')
    .option('-n, --dry-run', 'show what would be removed and which rule keeps the others, and change nothing', false)
    .option('-c, --compact', 'show less of each backup', false)
    .option('--prune', 'afterwards, remove the data that no backup needs any more, as `cairn prune`', false);
}

/** Throws `ARGUMENT_INVALID` for a weekday that there is not. */
export function rotationRules(flags: RotationFlags): RotationRules {
  return {
    ...Object.fromEntries(rotationUnits.map((unit) => [unit, flags[unit]])),
    last: flags.last,
    firstWeekday: flags.firstWeekday === undefined ? undefined : parseWeekday(flags.firstWeekday),
  };
}

export function byNameOptions({ groupBy, now }: ByNameFlags): Required<Pick<ByNameOptions, 'groupBy'>> & ByNameOptions {
  return { groupBy: parseNameGroups(groupBy), now: now === 'now' ? undefined : now };
}

/** For the report that all removing commands share. */
export function forgetResult({ removed, failed }: RetentionResult): ForgetResult {
  return {
    removed: removed.map(({ id }) => id),
    failed: failed.map(({ backup, message }) => ({ id: backup.id, message })),
  };
}

/** For `argParser`: a whole number. */
export function parseWholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of at least 0.');
}
