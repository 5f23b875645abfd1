import { CairnError } from '../../base/errors.ts';
import type { RewriteResult } from '../../vault/care/rewrite-snapshots.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addFilterOptions, type FilterFlags, filtersOf } from '../filter-options.ts';
import { collect } from '../global-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { plural } from '../output/format.ts';
import { confirmReplacing, printRewrite } from '../rewrite-result.ts';

interface RewriteFlags extends FilterFlags {
  readonly exclude?: readonly string[];
  readonly iexclude?: readonly string[];
  readonly excludeFile?: readonly string[];
  readonly iexcludeFile?: readonly string[];
  readonly newHost?: string;
  readonly newTime?: string;
  readonly forget: boolean;
  readonly dryRun: boolean;
}

export const rewriteCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        'Makes new versions of backups: of those that are named, of those that match, or of all. Without --forget the old\n' +
          'ones stay, and the new ones have the tag `rewrite`. Data that only old versions had goes in a prune.',
      )
      .argument('[ref...]', 'ids or their beginnings, `latest`, names, name@time')
      .option('-e, --exclude <pattern>', 'leave out what matches; may be given again, as all of these', collect)
      .option('--iexclude <pattern>', 'the same, without regard to case', collect)
      .option('--exclude-file <file>', 'read such patterns from a file', collect)
      .option('--iexclude-file <file>', 'the same, without regard to case', collect)
      .option('--new-host <host>', 'another host')
      .option('--new-time <time>', 'another time, such as "2026-11-19 14:30"');
    addFilterOptions(command)
      .option('--forget', 'remove the old versions', false)
      .option('-n, --dry-run', 'show what would be different, and change nothing', false)
      .action((references: readonly string[], flags: RewriteFlags) => start((cli) => rewrite(cli, references, flags)));
    addExamples(command, [
      ["cairn rewrite --exclude '*.iso' -n", 'what would go, from all backups'],
      ['cairn rewrite latest --exclude /home/me/secret --forget', 'from one, and the old version goes'],
      ['cairn rewrite --host old-name --new-host new-name --forget', 'a machine that was renamed'],
    ]);
    addExitCodes(command, [...vaultExits, 'unknownRef', 'ambiguousRef', 'confirmation', 'partial', 'readOnly']);
  },
};

async function rewrite(cli: CliContext, references: readonly string[], flags: RewriteFlags): Promise<void> {
  const change = {
    exclude: flags.exclude,
    iexclude: flags.iexclude,
    excludeFiles: flags.excludeFile,
    iexcludeFiles: flags.iexcludeFile,
    host: flags.newHost,
    time: flags.newTime,
  };
  const { forget, dryRun } = flags;
  await using vault = await openCliVault(cli);
  const onPlan = (plan: RewriteResult): Promise<void> => confirmReplacing(cli, plan, forget);
  const result = await cli.follow(
    vault.rewrite(change, { references, filter: filtersOf(flags), forget, dryRun, onPlan, signal: cli.signal }),
  );
  await printRewrite(cli, result, dryRun);
  const refused = result.changes.filter(({ outcome }) => outcome === 'refused');
  if (refused.length > 0) {
    throw new CairnError('REWRITE_PARTIAL', `${plural(refused.length, 'backup')} could not be written again`, {
      hint: 'The reason is named with each. They stay as they were.',
    });
  }
}
