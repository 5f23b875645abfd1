import { CairnError } from '../../base/errors.ts';
import type { MaxUnused } from '../../repository/prune/prune-rules.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { parseDurationMs, parseSizeArgument } from '../global-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { assertPruned, runPrune } from '../run-prune.ts';

interface PruneFlags {
  readonly maxUnused: string;
  readonly maxRepackSize?: number;
  /** Without either option the vault decides. */
  readonly repackCacheableOnly?: boolean;
  readonly repackSmall: boolean;
  readonly repackUncompressed: boolean;
  readonly packSize?: number;
  readonly wait?: number;
  readonly allowEmpty: boolean;
  readonly dryRun: boolean;
}

export const pruneCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        'Removes data that no backup needs, as `forget` and `delete` leave it. Backups may run meanwhile: the vault is locked\n' +
          'only for the last step, which waits until they end. A run that is stopped harms nothing, and the next one goes on.',
      )
      .option('--max-unused <part>', 'unneeded data that may stay: 5%, a size, unlimited, or 0 for none', '5%')
      .option('--max-repack-size <size>', 'stop repacking after reading so much; 0 repacks nothing', parseSizeArgument)
      .option(
        '--repack-cacheable-only',
        'repack only what a local cache has (default where the vault has a cold class)',
      )
      .option('--no-repack-cacheable-only', 'repack data also where the vault has a cold class')
      .option('--repack-small', 'repack packs that are smaller than four fifths of --pack-size', false)
      .option('--repack-uncompressed', 'compress data that is stored as it is', false)
      .option('--pack-size <size>', 'size of new packs, 4M to 128M (default: 16M)', parseSizeArgument)
      .option('--wait <duration>', 'wait so long for running backups to end (default: 10m)', parseDurationMs)
      .option('--allow-empty', 'go on where there is no backup at all, and everything is removed', false)
      .option('-n, --dry-run', 'show what would be done, and change nothing', false)
      .action((flags: PruneFlags) => start((cli) => prune(cli, flags)));
    addExamples(command, [
      ['cairn prune -n', 'what would go'],
      ['cairn prune --max-unused 10%', 'less work, and a vault that is a tenth larger than it has to be'],
      ['cairn prune --max-repack-size 0', 'remove whole packs only: no room needed, nothing read'],
    ]);
    addExitCodes(command, [...vaultExits, 'confirmation', 'damaged', 'partial', 'readOnly']);
  },
};

async function prune(cli: CliContext, flags: PruneFlags): Promise<void> {
  const { dryRun } = flags;
  const maxUnused = parseMaxUnused(flags.maxUnused);
  await using vault = await openCliVault(cli);
  if (flags.allowEmpty && !dryRun) {
    const consequence = `if there is no backup in ${vault.url}, everything in it would be removed`;
    await cli.confirm(`${consequence}. Go on?`, consequence);
  }
  const result = await runPrune(cli, vault, {
    maxUnused,
    maxRepackBytes: flags.maxRepackSize,
    repackCacheableOnly: flags.repackCacheableOnly,
    repackSmall: flags.repackSmall,
    repackUncompressed: flags.repackUncompressed,
    packSizeBytes: flags.packSize,
    waitMs: flags.wait,
    allowEmpty: flags.allowEmpty,
    dryRun,
  });
  if (cli.options.json) await cli.out.json({ schema: 1, dryRun, ...result });
  assertPruned(cli, result);
}

/** `5%`, `unlimited`, or a size. */
export function parseMaxUnused(text: string): MaxUnused {
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
