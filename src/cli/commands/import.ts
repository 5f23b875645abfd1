import { addArchiveKeyOptions, type ArchiveKeyFlags, archiveKeys } from '../archive-key-options.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { collect } from '../global-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { formatBytes, plural } from '../output/format.ts';
import { printable } from '../output/printable.ts';

interface ImportFlags extends ArchiveKeyFlags {
  readonly name?: string;
  readonly tag?: readonly string[];
  readonly time?: string;
  readonly host?: string;
  readonly coldClass?: string;
}

export const importCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        'Takes an archive file in among the archives of the vault: one of cairn or bakthat, or any tar file, compressed\n' +
          'or not, encrypted with age or not. It is read to its end first.',
      )
      .argument('<file>', 'the archive file')
      .option('--name <name>', 'the name to find it by (default: what the name of the file says)')
      .option('--time <time>', 'the time to record (default: as in the name of the file, or the time of the file)')
      .option('--tag <tag,…>', 'set tags; may be given again', collect)
      .option('--host <name>', 'the host to record (default: this one)')
      .option('--cold-class <class>', 'storage class for it, such as GLACIER');
    addArchiveKeyOptions(command);
    command.action((file: string, flags: ImportFlags) => start((cli) => importFile(cli, file, flags)));
    addExamples(command, [
      ['cairn import documents.20261125T233000Z.tar.zst.age', 'an archive of cairn'],
      ['cairn import mydir.20130305193615.tgz', 'one of bakthat'],
      ['cairn import site.tar.gz --name site', 'any other'],
    ]);
    addExitCodes(command, [...vaultExits, 'full', 'readOnly', 'source', 'damaged', 'unsupported']);
  },
};

async function importFile(cli: CliContext, file: string, flags: ImportFlags): Promise<void> {
  const keys = await archiveKeys(cli, flags);
  await using vault = await openCliVault(cli);
  const archive = await cli.follow(
    vault.importArchive(file, {
      ...keys,
      name: flags.name,
      time: flags.time,
      host: flags.host,
      tags: (flags.tag ?? []).flatMap((tags) => tags.split(',')).filter((tag) => tag !== ''),
      coldClass: flags.coldClass,
      signal: cli.signal,
    }),
  );
  if (cli.options.json) await cli.out.json({ schema: 1, ...archive });
  else {
    const { id, fileCount, storedBytes } = archive;
    await cli.out.write(
      `archive ${printable(id)} imported: ${plural(fileCount, 'file')}, stored as ${formatBytes(storedBytes ?? 0)}\n`,
    );
  }
}
