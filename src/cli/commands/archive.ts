import { CairnError } from '../../base/errors.ts';
import type { ArchiveOptions, ArchiveResult } from '../../vault/archives/archive-action.ts';
import { addSealOptions, type SealFlags, sealOptions } from '../archive-key-options.ts';
import { addCodecOptions, type CodecFlags, codecFrom } from '../codec-options.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { collect, parseSizeArgument } from '../global-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliArchiveShelf, openCliVault } from '../open-cli-vault.ts';
import { formatBytes, plural } from '../output/format.ts';
import { summarizeProblems } from '../output/source-problems.ts';
import { printable } from '../output/printable.ts';
import { keepHeapsSmallest } from '../small-heaps.ts';
import { addSelectionOptions, filesSource, type SelectionFlags } from '../source-options.ts';
import { addStreamOptions, type StreamFlags, streamSource } from '../stream-options.ts';

interface ArchiveFlags extends SelectionFlags, SealFlags, CodecFlags, StreamFlags {
  readonly name?: string;
  readonly tag?: readonly string[];
  readonly time?: string;
  readonly host?: string;
  readonly coldClass?: string;
}

export const archiveCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        'Makes an archive: one object in the vault that age, zstd and tar can open. With --recipient no password is\n' +
          'needed: a machine that has the storage and a public key adds backups that it cannot read.',
      )
      .argument('[paths...]', 'what to save; with --stdin-from-command, behind `--`: the program and its arguments')
      .optionsGroup('The archive:')
      .option('--name <name>', 'the name to find it by (default: the last part of the path)')
      .option('--tag <tag,…>', 'set tags; may be given again', collect)
      .option('--time <time>', 'the time to record, such as "2026-11-19 14:30" (default: now)')
      .option('--host <name>', 'the host to record (env CAIRN_HOST; default: this one)')
      .option('--cold-class <class>', 'storage class for it, such as GLACIER');
    addCodecOptions(command);
    addSealOptions(command);
    addSelectionOptions(command);
    addStreamOptions(command).option(
      '--stdin-size <bytes>',
      'its exact size, such as 1234 or 2G; without, it goes through an encrypted temporary file first',
      parseSizeArgument,
    );
    command.action((paths: string[], flags: ArchiveFlags) => start((cli) => archive(cli, paths, flags)));
    addExamples(command, [
      ['cairn archive ~/documents', 'one object, encrypted with the password of the vault'],
      ['cairn archive /srv -r age1ql3z… --tag nightly', 'that only the owner of that key can read'],
      [
        'cairn archive --stdin-from-command --stdin-filename main.sql -- pg_dump main',
        'nothing is saved if pg_dump fails',
      ],
      ['cairn show --how-to-restore documents', 'how to open it without cairn'],
    ]);
    addExitCodes(command, ['partial', ...vaultExits, 'full', 'readOnly', 'source', 'command', 'target', 'unsupported']);
  },
};

async function archive(cli: CliContext, paths: readonly string[], flags: ArchiveFlags): Promise<void> {
  const source = streamSource('archive', paths, flags) ?? filesSource(cli, paths, flags);
  const options: ArchiveOptions = {
    ...(await sealOptions(cli, flags)),
    name: flags.name,
    tags: (flags.tag ?? []).flatMap((tags) => tags.split(',')).filter((tag) => tag !== ''),
    time: flags.time === 'now' ? undefined : flags.time,
    host: flags.host ?? cli.env['CAIRN_HOST'],
    codec: codecFrom(flags),
    coldClass: flags.coldClass,
    estimate: cli.showsBar,
    onProblem: ({ path, message }) => cli.warn(`${path}: ${message}`),
    signal: cli.signal,
  };
  keepHeapsSmallest();
  // Nothing of the repository is needed where the password of the vault is not.
  const needsPassword = flags.encrypt && options.recipients === undefined && options.password === undefined;
  await using place = needsPassword ? await openCliVault(cli, { createDefault: true }) : await openCliArchiveShelf(cli);
  const result = await cli.follow(place.archive(source, options));
  if (cli.options.json) await cli.out.json({ schema: 1, ...result });
  else await cli.out.write(describe(result));
  if (result.status === 'partial') throw partial(result);
}

function describe(result: ArchiveResult): string {
  const { id, fileCount, bytes, storedBytes, encryption } = result;
  const how = {
    'age-passphrase': 'encrypted with a password',
    'age-recipients': 'encrypted to public keys',
    none: 'not encrypted',
  };
  return (
    `${plural(fileCount, 'file')}, ${formatBytes(bytes ?? 0)}, stored as ${formatBytes(storedBytes ?? 0)}, ${how[encryption]}\n` +
    `archive ${printable(id)} saved${result.status === 'partial' ? ', but it is not whole' : ''}\n`
  );
}

function partial({ id, problems }: ArchiveResult): CairnError {
  const { text, hint } = summarizeProblems(problems);
  return new CairnError('ARCHIVE_PARTIAL', `the archive ${id} was saved, but ${text}`, {
    hint,
    facts: { problems: problems.length },
  });
}
