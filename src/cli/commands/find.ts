import { Option } from 'commander';
import type { FoundFile } from '../../vault/look/find-files.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addFilterOptions, type FilterFlags, filtersOf } from '../filter-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { longEntryLine } from '../output/entry-line.ts';
import { formatTime } from '../output/format.ts';
import { writeJsonList } from '../output/json.ts';
import { printable } from '../output/printable.ts';

interface FindFlags extends FilterFlags {
  readonly ignoreCase: boolean;
  readonly long: boolean;
  readonly newerThan?: string;
  readonly olderThan?: string;
  readonly type?: 'file' | 'dir' | 'symlink';
}

export const findCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        'Finds files in all backups by patterns, with the syntax of --exclude: of the name, or of the path where a pattern\nhas a slash.',
      )
      .argument('<pattern...>', "such as '*.pdf' or '/home/*/notes.txt'")
      .option('-i, --ignore-case', 'without regard to case', false)
      .option('-l, --long', 'show mode, owner, size and time', false)
      .option('--newer-than <time>', 'only what was changed at this time or later')
      .option('--older-than <time>', 'only what was changed at this time or earlier')
      .addOption(new Option('--type <type>', 'only entries of this type').choices(['file', 'dir', 'symlink']));
    addFilterOptions(command).action((patterns: string[], flags: FindFlags) =>
      start((cli) => find(cli, patterns, flags)),
    );
    addExamples(command, [
      ["cairn find '*.pdf'", 'every PDF in every backup'],
      ["cairn find --name documents -i 'contract*'", 'in the backups of one name'],
    ]);
    addExitCodes(command, vaultExits);
  },
};

async function find(cli: CliContext, patterns: readonly string[], flags: FindFlags): Promise<void> {
  await using vault = await openCliVault(cli);
  const { signal, out } = cli;
  const { ignoreCase, newerThan, olderThan, type } = flags;
  async function* matches(): AsyncGenerator<FoundFile> {
    for (const filter of filtersOf(flags)) {
      yield* vault.find(patterns, { ignoreCase, newerThan, olderThan, type, filter, signal });
    }
  }
  if (cli.options.json) await writeJsonList((text) => out.write(text), { schema: 1 }, 'matches', matches());
  else await print(cli, matches(), flags);
}

async function print(cli: CliContext, matches: AsyncIterable<FoundFile>, flags: FindFlags): Promise<void> {
  let current = '';
  for await (const { backup, entry } of matches) {
    cli.signal.throwIfAborted();
    if (backup.id !== current) {
      const head = `${backup.id.slice(0, 8)}  ${formatTime(backup.time)}  ${printable(backup.name)}`;
      await cli.out.write(`${current === '' ? '' : '\n'}${cli.style('bold', head)}\n`);
      current = backup.id;
    }
    await cli.out.write(`${flags.long ? longEntryLine(entry) : printable(entry.path)}\n`);
  }
  if (current === '') cli.info('nothing was found');
}
