import { Option } from 'commander';
import { CairnError } from '../../base/errors.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addSingleFilterOptions, singleFilter, type SingleFilterFlags } from '../filter-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { addRetrievalOptions, followItems, type RetrievalFlags, retrievalOptions } from '../retrieval-flags.ts';

interface DumpFlags extends SingleFilterFlags, RetrievalFlags {
  readonly at?: string;
  readonly format: 'tar' | 'zip';
}

export const dumpCommand: CommandModule = {
  configure(command, start) {
    command
      .description('Writes a file or folder of a backup to stdout as a tar or zip archive.')
      .argument('<ref>', 'an id or its beginning, `latest`, a name, or name@time')
      .argument('[path]', 'the file or folder (default: all of the backup)', '/')
      .addOption(
        new Option('--format <format>', 'tar keeps everything; zip opens everywhere')
          .choices(['tar', 'zip'])
          .default('tar'),
      )
      .option('--at <time>', 'the newest backup that is not later than this');
    addSingleFilterOptions(command);
    addRetrievalOptions(command);
    command.action((reference: string, path: string, flags: DumpFlags) =>
      start((cli) => dump(cli, reference, path, flags)),
    );
    addExamples(command, [
      ['cairn dump documents > documents.tar', 'all of it'],
      ['cairn dump documents /home/me/documents/taxes --format zip > taxes.zip', 'one folder'],
    ]);
    addExitCodes(command, [...vaultExits, 'unknownRef', 'ambiguousRef', 'cold', 'pending']);
  },
};

async function dump(cli: CliContext, reference: string, path: string, flags: DumpFlags): Promise<void> {
  if (process.stdout.isTTY) {
    throw new CairnError('USAGE', 'an archive is not printed on a terminal', {
      hint: `Send it into a file: cairn dump ${reference} > ${reference}.${flags.format}`,
    });
  }
  await using vault = await openCliVault(cli);
  const retrieval = retrievalOptions(cli, flags);
  const options = { format: flags.format, at: flags.at, filter: singleFilter(flags), retrieval, signal: cli.signal };
  const parts = followItems(cli, (onProgress) => vault.dump(reference, path, { ...options, onProgress }));
  for await (const part of parts) {
    cli.signal.throwIfAborted();
    await cli.out.write(part);
  }
}
