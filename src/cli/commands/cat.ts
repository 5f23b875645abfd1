import { addArchiveKeyOptions, type ArchiveKeyFlags, archiveKeys } from '../archive-key-options.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addSingleFilterOptions, singleFilter, type SingleFilterFlags } from '../filter-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { addRetrievalOptions, followItems, type RetrievalFlags, retrievalOptions } from '../retrieval-flags.ts';

interface CatFlags extends SingleFilterFlags, ArchiveKeyFlags, RetrievalFlags {
  readonly at?: string;
}

export const catCommand: CommandModule = {
  configure(command, start) {
    command
      .description('Prints a file of a backup.')
      .argument('<ref>', 'an id or its beginning, `latest`, a name, name@time, or the stored name of an archive')
      .argument('<path>', 'the file: from the root, or below the path of the backup')
      .option('--at <time>', 'the newest backup that is not later than this');
    addSingleFilterOptions(command);
    addArchiveKeyOptions(command);
    addRetrievalOptions(command);
    command.action((reference: string, path: string, flags: CatFlags) =>
      start((cli) => cat(cli, reference, path, flags)),
    );
    addExamples(command, [
      ['cairn cat documents notes.txt', 'a file below the path of the backup'],
      ['cairn cat documents@2026-11-18 notes.txt | diff - notes.txt', 'what changed in it since'],
    ]);
    addExitCodes(command, [...vaultExits, 'unknownRef', 'ambiguousRef', 'cold', 'pending']);
  },
};

async function cat(cli: CliContext, reference: string, path: string, flags: CatFlags): Promise<void> {
  const keys = await archiveKeys(cli, flags);
  await using vault = await openCliVault(cli);
  const retrieval = retrievalOptions(cli, flags);
  const options = { ...keys, at: flags.at, filter: singleFilter(flags), retrieval, signal: cli.signal };
  const parts = followItems(cli, (onProgress) => vault.cat(reference, path, { ...options, onProgress }));
  for await (const part of parts) {
    cli.signal.throwIfAborted();
    await cli.out.write(part);
  }
}
