import { shortId, type SnapshotId } from '../../base/ids.ts';
import type { TagResult } from '../../vault/care/tag-backups.ts';
import type { TagChange } from '../../vault/care/tag-change.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addFilterOptions, type FilterFlags, filtersOf } from '../filter-options.ts';
import { collect } from '../global-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { plural } from '../output/format.ts';
import { printable } from '../output/printable.ts';

interface TagFlags extends FilterFlags {
  readonly set?: readonly string[];
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
  readonly hold?: readonly string[];
  readonly releaseHold?: readonly string[];
  readonly dryRun: boolean;
}

export const tagCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        'Changes the tags of backups: of those that are named, of those that match, or of all. A changed snapshot is\n' +
          'stored as a new file, so it gets a new id; `show` tells its first one as `original`. An archive stays what it is.',
      )
      .argument('[ref...]', 'ids or their beginnings, `latest`, names, name@time, stored names of archives')
      .option('--set <tag,…>', "these tags instead of all there are; '' for none", collect)
      .option('--add <tag,…>', 'these tags too; may be given again', collect)
      .option('--remove <tag,…>', 'not these tags; may be given again', collect)
      .option('--hold <label>', 'exempt from retention until it is released; may be given again', collect)
      .option('--release-hold <label>', "release the hold of this label; '*' for all; may be given again", collect);
    addFilterOptions(command)
      .option('-n, --dry-run', 'show what would change, and change nothing', false)
      .action((references: readonly string[], flags: TagFlags) => start((cli) => tag(cli, references, flags)));
    addExamples(command, [
      ['cairn tag latest --add keep', 'one backup'],
      ['cairn tag 1a2b3c4d --release-hold before-migration', 'let retention have it again'],
      ['cairn tag --host web --remove tmp,old', 'all of one host'],
      ["cairn tag 1a2b3c4d --set ''", 'take all tags away'],
    ]);
    addExitCodes(command, [...vaultExits, 'unknownRef', 'ambiguousRef', 'readOnly', 'unsupported']);
  },
};

async function tag(cli: CliContext, references: readonly string[], flags: TagFlags): Promise<void> {
  const change: TagChange = {
    set: tagsOf(flags.set),
    add: tagsOf(flags.add),
    remove: tagsOf(flags.remove),
    hold: flags.hold,
    release: flags.releaseHold?.includes('*') === true ? 'all' : flags.releaseHold,
  };
  await using vault = await openCliVault(cli);
  const { dryRun } = flags;
  const result = await cli.follow(
    vault.tag(change, { references, filter: filtersOf(flags), dryRun, signal: cli.signal }),
  );
  if (cli.options.json) await cli.out.json({ schema: 1, dryRun, ...result });
  else await cli.out.write(describe(result, dryRun));
}

function tagsOf(lists: readonly string[] | undefined): readonly string[] | undefined {
  return lists?.flatMap((list) => list.split(',').map((word) => word.trim())).filter((word) => word !== '');
}

function describe({ changed, unchanged }: TagResult, dryRun: boolean): string {
  const lines = changed.map(({ before, tags, id }) => {
    const [old, now] = [before.tags, tags].map((list) => (list.length === 0 ? 'no tags' : printable(list.join(','))));
    const head = before.form === 'archive' ? before.id : changedId(before.id, id);
    return `${printable(head)}  ${old} → ${now}\n`;
  });
  const rest = unchanged === 0 ? '' : `, ${unchanged} had them so already`;
  return `${lines.join('')}${dryRun ? 'would change' : 'changed'} ${plural(changed.length, 'backup')}${rest}\n`;
}

function changedId(before: SnapshotId, now: string | null): string {
  return now === null ? shortId(before) : `${shortId(before)} → ${now.slice(0, 8)}`;
}
