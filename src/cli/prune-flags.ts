// What `prune` and `forget --prune` let one say of how much is to be done, in restic's words.
import type { Command } from 'commander';
import { CairnError } from '../base/errors.ts';
import type { MaxUnused } from '../repository/prune/prune-rules.ts';
import type { PruneOptions } from '../vault/care/prune-vault.ts';
import { parseSizeArgument } from './global-options.ts';

export interface PruneRuleFlags {
  readonly maxUnused?: string;
  readonly maxRepackSize?: number;
  /** Neither said: as the vault is. */
  readonly repackCacheableOnly?: boolean;
  readonly repackSmall?: true;
  readonly repackUncompressed?: true;
}

export function addPruneRules(command: Command): Command {
  return command
    .option('--max-unused <part>', 'unneeded data that may stay: 5%, a size, unlimited, or 0 for none (default: 5%)')
    .option('--max-repack-size <size>', 'stop repacking after reading so much; 0 repacks nothing', parseSizeArgument)
    .option('--repack-cacheable-only', 'repack only what a local cache has (default where the vault has a cold class)')
    .option('--no-repack-cacheable-only', 'repack data also where the vault has a cold class')
    .option('--repack-small', 'repack packs that are smaller than four fifths of the size of a pack')
    .option('--repack-uncompressed', 'compress data that is stored as it is');
}

export function pruneRules(flags: PruneRuleFlags): PruneOptions {
  return {
    maxUnused: flags.maxUnused === undefined ? undefined : parseMaxUnused(flags.maxUnused),
    maxRepackBytes: flags.maxRepackSize,
    repackCacheableOnly: flags.repackCacheableOnly,
    repackSmall: flags.repackSmall,
    repackUncompressed: flags.repackUncompressed,
  };
}

/** Throws `USAGE` where they are given to a `forget` that does not prune. */
export function refusePruneRules(flags: PruneRuleFlags): void {
  if (Object.values(pruneRules(flags)).every((value) => value === undefined)) return;
  throw new CairnError('USAGE', 'these rules are of a prune, and none was asked for', {
    hint: 'Give --prune as well, or leave out --max-unused and the --repack-… options.',
  });
}

/** `5%`, `unlimited`, or a size. */
function parseMaxUnused(text: string): MaxUnused {
  if (text === 'unlimited') return 'unlimited';
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent !== undefined && Number(percent) <= 100) return { percent: Number(percent) };
  try {
    return { bytes: parseSizeArgument(text) };
  } catch {
    throw new CairnError('USAGE', `${JSON.stringify(text)} is no part of a vault`, {
      hint: 'Write --max-unused 5%, a size such as 500M, unlimited, or 0.',
    });
  }
}
