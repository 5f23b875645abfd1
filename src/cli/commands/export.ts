import { isatty } from 'node:tty';
import { CairnError } from '../../base/errors.ts';
import { addSealOptions, type SealFlags, sealOptions } from '../archive-key-options.ts';
import { addCodecOptions, type CodecFlags, codecFrom } from '../codec-options.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addSingleFilterOptions, singleFilter, type SingleFilterFlags } from '../filter-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { formatBytes } from '../output/format.ts';
import { printable } from '../output/printable.ts';
import { addRetrievalOptions, followRetrieval, type RetrievalFlags, retrievalOptions } from '../retrieval-flags.ts';

interface ExportFlags extends SingleFilterFlags, SealFlags, CodecFlags, RetrievalFlags {
  readonly output?: string;
  readonly at?: string;
  readonly force: boolean;
}

export const exportCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        'Writes a backup as an archive file: an archive as it is, a snapshot as an archive made of it. Without -o it\n' +
          'goes into the working directory, under the name that says what it is.',
      )
      .argument('<ref>', 'an id or its beginning, `latest`, a name, name@time, or the stored name of an archive')
      .option('-o, --output <file>', 'where to; `-` is stdout')
      .option('--at <time>', 'the newest backup that is not later than this')
      .option('-f, --force', 'replace a file that exists', false);
    addSingleFilterOptions(command);
    addCodecOptions(command.optionsGroup('Of a snapshot:'));
    addSealOptions(command);
    addRetrievalOptions(command);
    command.action((reference: string, flags: ExportFlags) => start((cli) => exportRef(cli, reference, flags)));
    addExamples(command, [
      ['cairn export documents', 'the newest, as documents.20261125T233000Z.tar.zst.age'],
      ['cairn export documents -r age1ql3z… -o for-ann.tar.zst.age', 'a snapshot, for the owner of that key'],
      ['cairn export documents --no-encrypt -o - | zstd -d | tar t', 'into a pipe'],
    ]);
    addExitCodes(command, [...vaultExits, 'full', 'unknownRef', 'ambiguousRef', 'target', 'cold', 'pending']);
  },
};

async function exportRef(cli: CliContext, reference: string, flags: ExportFlags): Promise<void> {
  const toStdout = flags.output === '-';
  if (toStdout && isatty(1)) {
    throw new CairnError('USAGE', 'an archive is no text for a terminal', { hint: 'Give -o FILE, or a pipe.' });
  }
  if (toStdout && cli.options.json) throw new CairnError('USAGE', '--json and an archive cannot both be on stdout');
  const seal = await sealOptions(cli, flags);
  await using vault = await openCliVault(cli);
  const job = cli.follow(
    vault.exportArchive(reference, {
      ...seal,
      at: flags.at,
      filter: singleFilter(flags),
      codec: codecFrom(flags),
      replace: flags.force,
      retrieval: retrievalOptions(cli, flags),
      to: (storedName) =>
        !toStdout
          ? (flags.output ?? storedName)
          : async (chunks) => {
              for await (const chunk of chunks) await cli.out.write(chunk);
            },
      signal: cli.signal,
    }),
  );
  const result = await followRetrieval(cli, job);
  if (toStdout) return;
  const file = flags.output ?? result.storedName;
  if (cli.options.json) await cli.out.json({ schema: 1, file, ...result });
  else await cli.out.write(`${printable(file)}: ${formatBytes(result.sizeBytes)}, SHA-256 ${result.sha256}\n`);
}
