import type { BackupEntry } from '../../vault/look/backup-entry.ts';
import { addArchiveKeyOptions, type ArchiveKeyFlags, archiveKeys } from '../archive-key-options.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addSingleFilterOptions, singleFilter, type SingleFilterFlags } from '../filter-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { longEntryLine } from '../output/entry-line.ts';
import { writeJsonList } from '../output/json.ts';
import { printable } from '../output/printable.ts';
import { writeLines } from '../output/write-lines.ts';
import {
  addRetrievalOptions,
  followItems,
  followRetrieval,
  type RetrievalFlags,
  retrievalOptions,
} from '../retrieval-flags.ts';

interface LsFlags extends SingleFilterFlags, ArchiveKeyFlags, RetrievalFlags {
  readonly at?: string;
  readonly long: boolean;
  readonly recursive?: boolean;
}

export const lsCommand: CommandModule = {
  configure(command, start) {
    command
      .description('Lists the files of a backup: all of them, or one folder.')
      .argument('<ref>', 'an id or its beginning, `latest`, a name, name@time, or the stored name of an archive')
      .argument('[path]', 'a folder or file of the backup')
      .option('-l, --long', 'show mode, owner, size and time', false)
      .option('-R, --recursive', 'with a path: also what lies deeper')
      .option('--at <time>', 'the newest backup that is not later than this');
    addSingleFilterOptions(command);
    addArchiveKeyOptions(command);
    addRetrievalOptions(command);
    command.action((reference: string, path: string | undefined, flags: LsFlags) =>
      start((cli) => ls(cli, reference, path, flags)),
    );
    addExamples(command, [
      ['cairn ls documents', 'all its files'],
      ['cairn ls -l documents /home/me/documents', 'one folder, in detail'],
    ]);
    addExitCodes(command, [...vaultExits, 'unknownRef', 'ambiguousRef', 'cold', 'pending']);
  },
};

async function ls(cli: CliContext, reference: string, path: string | undefined, flags: LsFlags): Promise<void> {
  const keys = await archiveKeys(cli, flags);
  await using vault = await openCliVault(cli);
  const filter = singleFilter(flags);
  const { signal, out } = cli;
  const retrieval = retrievalOptions(cli, flags);
  const options = { ...keys, path, recursive: flags.recursive, at: flags.at, filter, retrieval, signal };
  const entries = followItems(cli, (onProgress) => vault.ls(reference, { ...options, onProgress }));
  const line = flags.long ? longEntryLine : ({ path }: BackupEntry): string => printable(path);
  const written = cli.options.json
    ? writeJsonList((text) => out.write(text), { schema: 1 }, 'entries', entries)
    : writeLines(cli, entries, line);
  await followRetrieval(cli, written);
}
