import { type Command, InvalidArgumentError } from 'commander';
import type { KeepCount, KeepRules } from '../retention/keep-policy.ts';
import { collect } from './global-options.ts';

/** The rules of a policy, as restic spells them. */
export interface KeepFlags {
  readonly keepLast?: KeepCount;
  readonly keepHourly?: KeepCount;
  readonly keepDaily?: KeepCount;
  readonly keepWeekly?: KeepCount;
  readonly keepMonthly?: KeepCount;
  readonly keepYearly?: KeepCount;
  readonly keepWithin?: string;
  readonly keepWithinHourly?: string;
  readonly keepWithinDaily?: string;
  readonly keepWithinWeekly?: string;
  readonly keepWithinMonthly?: string;
  readonly keepWithinYearly?: string;
  readonly keepTag?: readonly string[];
}

const periods = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;

export function addKeepOptions(command: Command): Command {
  command.option('-l, --keep-last <n>', 'keep the newest n', parseKeepCount);
  for (const period of periods) {
    command.option(
      `-${shortOf(period)}, --keep-${period} <n>`,
      `keep the newest of each of the last n ${unitOf(period)}`,
      parseKeepCount,
    );
  }
  command.option('--keep-within <span>', 'keep all within this span before the newest, such as 1y5m7d2h');
  for (const period of periods) {
    command.option(
      `--keep-within-${period} <span>`,
      `keep the newest of each of the ${unitOf(period)} within this span`,
    );
  }
  return command.option(
    '--keep-tag <tag,…>',
    "keep all with these tags; '' keeps those without; may be given again",
    collect,
  );
}

export function keepRules(flags: KeepFlags): KeepRules {
  return {
    last: flags.keepLast,
    hourly: flags.keepHourly,
    daily: flags.keepDaily,
    weekly: flags.keepWeekly,
    monthly: flags.keepMonthly,
    yearly: flags.keepYearly,
    within: flags.keepWithin,
    withinHourly: flags.keepWithinHourly,
    withinDaily: flags.keepWithinDaily,
    withinWeekly: flags.keepWithinWeekly,
    withinMonthly: flags.keepWithinMonthly,
    withinYearly: flags.keepWithinYearly,
    tags: flags.keepTag?.map((list) => list.split(',').map((tag) => tag.trim())),
  };
}

/** Whether any rule was given. */
export function hasKeepRules(flags: KeepFlags): boolean {
  return Object.values(keepRules(flags)).some((value) => value !== undefined);
}

/** For `argParser`: a whole number, or `unlimited`, which restic before 0.16 wrote as -1. */
function parseKeepCount(text: string): KeepCount {
  if (text === 'unlimited' || text === '-1') return 'unlimited';
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number, or `unlimited`.');
}

function shortOf(period: (typeof periods)[number]): string {
  // `-h` is for help, so restic has `-H` for hours.
  return period === 'hourly' ? 'H' : period.slice(0, 1);
}

function unitOf(period: (typeof periods)[number]): string {
  return period === 'daily' ? 'days' : `${period.slice(0, -2)}s`;
}
