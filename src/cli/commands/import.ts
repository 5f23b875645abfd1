import { CairnError } from '../../base/errors.ts';
import { shortId } from '../../base/ids.ts';
import type { Job } from '../../base/job.ts';
import type { ImportedSnapshot } from '../../vault/archives/import-snapshot.ts';
import type { ArchiveDetails } from '../../vault/reference/backup-details.ts';
import { addArchiveKeyOptions, type ArchiveKeyFlags, archiveKeys } from '../archive-key-options.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { collect } from '../global-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { formatBytes, plural } from '../output/format.ts';
import { printable } from '../output/printable.ts';
import { addRetrievalOptions, followRetrieval, type RetrievalFlags, retrievalOptions } from '../retrieval-flags.ts';

interface ImportFlags extends ArchiveKeyFlags, RetrievalFlags {
  readonly asSnapshot: boolean;
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
          'or not, encrypted with age or not. It is read to its end first. With --as-snapshot it becomes a snapshot, as does an\n' +
          'archive that is in the vault already.',
      )
      .argument('<file>', 'the archive file; with --as-snapshot also the name of an archive of the vault')
      .option('--as-snapshot', 'make a snapshot of it, by way of a temporary folder (TMPDIR)', false)
      .option('--name <name>', 'the name to find it by (default: what <file>.json or the name of the file says)')
      .option('--time <time>', 'the time to record (default: as in the name of the file, or the time of the file)')
      .option('--tag <tag,…>', 'set tags; may be given again', collect)
      .option('--host <name>', 'the host to record (default: this one)')
      .option('--cold-class <class>', 'storage class for it, such as GLACIER');
    addArchiveKeyOptions(command);
    addRetrievalOptions(command);
    command.action((file: string, flags: ImportFlags) => start((cli) => importFile(cli, file, flags)));
    addExamples(command, [
      ['cairn import documents.20261125T233000Z.tar.zst.age', 'an archive of cairn'],
      ['cairn import mydir.20130305193615.tgz', 'one of bakthat'],
      ['cairn import site.tar.gz --name site', 'any other'],
      ['cairn import documents@2026-11-25 --as-snapshot', 'an archive of the vault, as a snapshot'],
    ]);
    addExitCodes(command, [
      'partial',
      ...vaultExits,
      'full',
      'readOnly',
      'source',
      'damaged',
      'unsupported',
      'cold',
      'pending',
    ]);
  },
};

async function importFile(cli: CliContext, file: string, flags: ImportFlags): Promise<void> {
  const options = {
    ...(await archiveKeys(cli, flags)),
    name: flags.name,
    time: flags.time,
    host: flags.host,
    tags: flags.tag?.flatMap((tags) => tags.split(',')).filter((tag) => tag !== ''),
    coldClass: flags.coldClass,
    retrieval: retrievalOptions(cli, flags),
    signal: cli.signal,
  };
  await using vault = await openCliVault(cli);
  if (flags.asSnapshot) await importSnapshot(cli, vault.importArchive(file, { ...options, as: 'snapshot' }));
  else await importArchive(cli, vault.importArchive(file, options));
}

async function importArchive(cli: CliContext, job: Job<ArchiveDetails>): Promise<void> {
  const archive = await cli.follow(job);
  if (cli.options.json) await cli.out.json({ schema: 1, ...archive });
  else {
    const { id, fileCount, storedBytes } = archive;
    await cli.out.write(
      `archive ${printable(id)} imported: ${plural(fileCount, 'file')}, stored as ${formatBytes(storedBytes ?? 0)}\n`,
    );
  }
}

async function importSnapshot(cli: CliContext, job: Job<ImportedSnapshot>): Promise<void> {
  const snapshot = await followRetrieval(cli, cli.follow(job));
  const { id, name, counts, problems } = snapshot;
  if (cli.options.json) await cli.out.json({ schema: 1, ...snapshot });
  else {
    const size = `${plural(counts.totalFiles, 'file')}, ${formatBytes(counts.totalBytes)}`;
    const added = formatBytes(counts.addedStoredBytes);
    await cli.out.write(`snapshot ${shortId(id)} of ${printable(name)} made: ${size}, ${added} added\n`);
  }
  if (snapshot.status !== 'partial') return;
  throw new CairnError(
    'BACKUP_PARTIAL',
    `${plural(problems.length, 'entry', 'entries')} of the archive could not be taken over`,
    {
      hint: 'What is not in the snapshot is named above. It is in the archive still.',
      facts: { problems: problems.length },
    },
  );
}
