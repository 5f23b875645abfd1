import { CairnError } from '../../base/errors.ts';
import { InvalidArgumentError } from 'commander';
import { isId } from '../../base/ids.ts';
import type { BackupForm } from '../../vault/care/backup-shelf.ts';
import type { BackupCopy, CopyResult } from '../../vault/care/copy-backups.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addFilterOptions, type FilterFlags, filtersOf } from '../filter-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { formatBytes, formatTime, plural } from '../output/format.ts';
import { printable } from '../output/printable.ts';
import { addPackOptions, compressionOf, type PackFlags, packSizeOf } from '../pack-options.ts';
import {
  addRetrievalOptions,
  describeRetrieval,
  followRetrieval,
  type RetrievalFlags,
  retrievalOptions,
} from '../retrieval-flags.ts';
import {
  addSecondVaultOptions,
  chooseSecondVault,
  openSecondVault,
  refuseSameVault,
  type SecondVaultFlags,
} from '../second-vault.ts';

interface CopyFlags extends FilterFlags, SecondVaultFlags, PackFlags, RetrievalFlags {
  readonly dryRun: boolean;
  readonly forms?: readonly BackupForm[];
}

export const copyCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        'Copies backups from one vault to another: those that are named, those that match, or all; snapshots, archives and\n' +
          'values. What the other vault has\n' +
          "already, also from an interrupted copy or from restic's, is skipped. Everything is verified on the way and encrypted\n" +
          'again for the other vault; what is compressed stays as it is.',
      )
      .argument('[ref...]', 'ids or their beginnings, `latest`, names, name@time');
    addSecondVaultOptions(command);
    addFilterOptions(command);
    addPackOptions(command)
      .option(
        '--forms <form,…>',
        'only these: snapshot, archive, value (default: all that the other vault can hold)',
        parseForms,
      )
      .option('-n, --dry-run', 'show what would be copied, and copy nothing', false);
    addRetrievalOptions(command);
    command.action((references: readonly string[], flags: CopyFlags) => start((cli) => copy(cli, references, flags)));
    addExamples(command, [
      ['cairn copy --to sftp:me@host:/vault', 'all backups that are not there yet'],
      ['cairn copy latest --to /mnt/disk/vault -n', 'what one would bring'],
      ['cairn copy --from /srv/restic-repo --host web', 'the other way, of one host'],
    ]);
    addExitCodes(command, [
      ...vaultExits,
      'unknownRef',
      'ambiguousRef',
      'partial',
      'full',
      'readOnly',
      'cold',
      'pending',
    ]);
  },
};

async function copy(cli: CliContext, references: readonly string[], flags: CopyFlags): Promise<void> {
  const { dryRun } = flags;
  const compression = compressionOf(cli.env, flags);
  const packSizeBytes = packSizeOf(flags);
  const filter = filtersOf(flags);
  const second = await chooseSecondVault(flags, cli.env);
  await refuseSameVault(cli, second);
  await using ours = await openCliVault(cli);
  await using other = await openSecondVault(cli, second, flags);
  const [source, target] = second.direction === 'to' ? [ours, other] : [other, ours];
  const job = cli.follow(
    source.copyTo(target, {
      references,
      filter,
      forms: flags.forms,
      dryRun,
      compression,
      packSizeBytes,
      verifyWrites: flags.verifyWrites,
      retrieval: retrievalOptions(cli, flags),
      onPlan: async (plan) => {
        if (countOf(plan.copies, 'copied') > 0) cli.info(describePlan(plan));
      },
      onCopy: (copied) => cli.detail(describeCopy(copied)),
      signal: cli.signal,
    }),
  );
  const result = await followRetrieval(cli, job);
  if (cli.options.json) await cli.out.json({ schema: 1, dryRun, ...result });
  else await cli.out.write(describeResult(result, dryRun));
  refuseIfPartial(result);
}

function describePlan({ copies, blobs, bytes }: CopyResult): string {
  const count = countOf(copies, 'copied');
  return `copying ${plural(count, 'backup')}: ${plural(blobs, 'blob')}, ${formatBytes(bytes)}`;
}

function describeResult(result: CopyResult, dryRun: boolean): string {
  const { copies, lostBlobs, blobs, bytes, packs, storedBytes, retrieval } = result;
  const lines = copies.filter(({ outcome }) => outcome !== 'present').map(describeCopy);
  const present = countOf(copies, 'present');
  if (present === copies.length) return `nothing to copy: ${plural(present, 'backup')} there already\n`;
  if (present > 0) lines.push(`${plural(present, 'backup')} ${present === 1 ? 'is' : 'are'} there already`);
  if (lostBlobs > 0)
    lines.push(
      `${plural(lostBlobs, 'blob')} that backups need ${lostBlobs === 1 ? 'is' : 'are'} lost; --json lists them`,
    );
  const count = plural(countOf(copies, 'copied'), 'backup');
  const needed = `${plural(blobs, 'blob')}, ${formatBytes(bytes)}`;
  if (dryRun && retrieval !== undefined && retrieval.coldObjects + retrieval.retrievingObjects > 0)
    lines.push(describeRetrieval(retrieval, new Date()));
  if (dryRun) lines.push(`would copy ${count}: ${needed}`);
  else lines.push(`copied ${count}: ${needed}, stored as ${plural(packs, 'pack')} of ${formatBytes(storedBytes)}`);
  return `${lines.join('\n')}\n`;
}

function describeCopy(copy: BackupCopy): string {
  const { backup } = copy;
  const head = `${shortBackup(backup.id)} ${formatTime(backup.time)} ${printable(backup.name)}`;
  switch (copy.outcome) {
    case 'copied':
      return copy.id === null ? head : `${head} → ${shortBackup(copy.id)}`;
    case 'present':
      return `${head} is ${shortBackup(copy.id)} there`;
    case 'failed':
      return `${head}: not copied: ${printable(copy.message)}`;
    default:
      return copy satisfies never;
  }
}

function countOf(copies: readonly BackupCopy[], outcome: BackupCopy['outcome']): number {
  return copies.filter((copy) => copy.outcome === outcome).length;
}

function refuseIfPartial({ copies, lostBlobs }: CopyResult): void {
  const failed = countOf(copies, 'failed');
  if (failed === 0) return;
  throw new CairnError('COPY_PARTIAL', `${plural(failed, 'backup')} could not be copied`, {
    hint: 'The reason is named with each. Repair the source, then copy again: see COPY_PARTIAL in docs/errors.md.',
    facts: { failed, lostBlobs },
  });
}

/** The first digits of a snapshot's id; the ids of other forms are names, and shown whole. */
function shortBackup(id: string): string {
  return isId(id) ? id.slice(0, 8) : printable(id);
}

const knownForms: readonly BackupForm[] = ['snapshot', 'archive', 'value'];

function parseForms(text: string): readonly BackupForm[] {
  return text.split(',').map((word) => {
    const form = knownForms.find((known) => known === word.trim());
    if (form === undefined) throw new InvalidArgumentError(`They are ${knownForms.join(', ')}.`);
    return form;
  });
}
