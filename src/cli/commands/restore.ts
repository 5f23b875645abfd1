import { Option } from 'commander';
import { CairnError } from '../../base/errors.ts';
import type { OverwriteMode } from '../../restorer/restore-options.ts';
import { isOfTarget, type RestoreProblem } from '../../restorer/restore-problem.ts';
import type { RestorePlan, VaultRestoreOptions, VaultRestoreResult } from '../../vault/actions/restore-action.ts';
import { addArchiveKeyOptions, type ArchiveKeyFlags, archiveKeys } from '../archive-key-options.ts';
import { beginLean } from '../begin-lean.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { singleFilter, type SingleFilterFlags, addSingleFilterOptions } from '../filter-options.ts';
import { collect } from '../global-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { addValuePasswordOptions, findValuePassword, type ValuePasswordFlags } from '../kv/value-secrets.ts';
import { startRestoreWorkers } from '../../restorer/restore.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { formatBytes, formatDuration, plural } from '../output/format.ts';
import { printable } from '../output/printable.ts';
import { shortReference } from '../output/short-reference.ts';
import {
  addRetrievalOptions,
  describeRetrieval,
  followRetrieval,
  type RetrievalFlags,
  retrievalOptions,
} from '../retrieval-flags.ts';

interface RestoreFlags extends SingleFilterFlags, RetrievalFlags, ArchiveKeyFlags, ValuePasswordFlags {
  readonly to: string;
  readonly at?: string;
  readonly path?: string;
  readonly absolute: boolean;
  readonly include?: readonly string[];
  readonly iinclude?: readonly string[];
  readonly exclude?: readonly string[];
  readonly iexclude?: readonly string[];
  readonly overwrite?: OverwriteMode;
  readonly delete: boolean;
  readonly verify: boolean;
  readonly sparse: boolean;
  readonly dryRun: boolean;
}

export const restoreCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        'Brings a backup back. A backup of one path becomes DIR/<its last part>. What exists is not touched\n' +
          'without a confirmation, --yes or --overwrite.',
      )
      .argument('<ref>', 'an id or its beginning, `latest`, a name, name@time, or the stored name of an archive')
      .option('-t, --to <dir>', 'the folder to restore into; it is made if it is missing', '.')
      .option('--at <time>', 'the newest backup that is not later than this')
      .option('--path <path>', 'restore only this file or folder of the backup, as DIR/<its name>')
      .option('--absolute', 'rebuild the full paths below DIR', false)
      .option('-i, --include <pattern>', 'restore only what matches; may be given again', collect)
      .option('--iinclude <pattern>', 'the same, without regard to case', collect)
      .option('-e, --exclude <pattern>', 'do not restore what matches; may be given again', collect)
      .option('--iexclude <pattern>', 'the same, without regard to case', collect)
      .addOption(
        new Option('--overwrite <mode>', 'what happens to files that exist').choices([
          'always',
          'if-changed',
          'if-newer',
          'never',
        ]),
      )
      .option('--delete', 'remove what is there and not in the backup', false)
      .option('--verify', 'read every restored file again and compare it', false)
      .option('--sparse', 'make holes of all long runs of zeros', false)
      .option('-n, --dry-run', 'change nothing, and estimate from sizes and times what would be restored', false);
    addSingleFilterOptions(command);
    addRetrievalOptions(command);
    addArchiveKeyOptions(command);
    addValuePasswordOptions(command);
    command.action((reference: string, flags: RestoreFlags) => start((cli) => restore(cli, reference, flags)));
    addExamples(command, [
      ['cairn restore documents --to /tmp/out', 'the newest backup of that name, as /tmp/out/documents'],
      ['cairn restore documents@2026-11-19 --to /tmp/out', 'as it was at the end of that day'],
      ["cairn restore latest --to /tmp/out --include '*.pdf'", 'some of its files'],
      ['cairn restore documents --to ~ --overwrite if-changed --delete --dry-run', 'what making it equal would do'],
    ]);
    addExitCodes(command, [
      'partial',
      ...vaultExits,
      'full',
      'unknownRef',
      'ambiguousRef',
      'confirmation',
      'target',
      'targetInsideVault',
      'cold',
      'pending',
    ]);
  },
};

async function restore(cli: CliContext, reference: string, flags: RestoreFlags): Promise<void> {
  const keys = await archiveKeys(cli, flags);
  beginLean();
  await using workers = startRestoreWorkers(cli.options.jobs);
  await using vault = await openCliVault(cli);
  const started = performance.now();
  const job = vault.restore(reference, { ...restoreOptions(cli, reference, flags), ...keys, workers });
  const result = await followRetrieval(cli, cli.follow(job));
  if (cli.options.json) await cli.out.json({ schema: 1, dryRun: flags.dryRun, ...result });
  else await cli.out.write(describe(result, flags, performance.now() - started));
  if (result.status === 'partial') throw partial(result);
}

/** Asks where files would be overwritten without an `--overwrite`, or removed. */
async function confirmOverwriting(cli: CliContext, flags: RestoreFlags, plan: RestorePlan): Promise<void> {
  if (plan.state === 'free' || (flags.overwrite !== undefined && !flags.delete)) return;
  const { destination } = plan;
  const consequence = flags.delete
    ? `${destination} exists, and what is not in the backup would be removed from it`
    : `${destination} exists and is not empty, and files in it would be overwritten`;
  await cli.confirm(`${consequence}. Go on?`, consequence);
}

function restoreOptions(cli: CliContext, reference: string, flags: RestoreFlags): VaultRestoreOptions {
  return {
    to: flags.to,
    valuePassword: () => findValuePassword(cli, reference, flags, 'open'),
    at: flags.at,
    filter: singleFilter(flags),
    path: flags.path,
    absolute: flags.absolute,
    include: flags.include,
    iinclude: flags.iinclude,
    exclude: flags.exclude,
    iexclude: flags.iexclude,
    overwrite: flags.overwrite,
    delete: flags.delete,
    verify: flags.verify,
    sparse: flags.sparse,
    dryRun: flags.dryRun,
    retrieval: retrievalOptions(cli, flags),
    confirm: (plan) => confirmOverwriting(cli, flags, plan),
    onProblem: (problem) => cli.warn(describeProblem(problem)),
    signal: cli.signal,
  };
}

/** What the user can find: the path in the backup, and the one at the target where that is what failed. */
function describeProblem(problem: RestoreProblem): string {
  const { path, target, message } = problem;
  return isOfTarget(problem) && target !== undefined ? `${path}: ${message} (${target})` : `${path}: ${message}`;
}

function describe(result: VaultRestoreResult, flags: RestoreFlags, elapsedMs: number): string {
  const verb = flags.dryRun ? 'would restore' : 'restored';
  const facts = [`${verb} ${plural(result.filesRestored, 'file')}, ${formatBytes(result.bytesRestored)}`];
  if (result.filesSkipped > 0)
    facts.push(`${flags.dryRun ? 'would leave' : 'left'} ${plural(result.filesSkipped, 'file')} as they were`);
  if (result.filesDeleted > 0)
    facts.push(`${flags.dryRun ? 'would remove' : 'removed'} ${plural(result.filesDeleted, 'entry', 'entries')}`);
  if (flags.verify && !flags.dryRun && result.status === 'complete')
    facts.push('every file read again and found equal');
  const { retrieval } = result;
  if (flags.dryRun && retrieval !== undefined && retrieval.coldObjects + retrieval.retrievingObjects > 0)
    facts.push(describeRetrieval(retrieval, new Date()));
  if (flags.dryRun) facts.push('estimated from sizes and times, no content was read');
  const head = `${facts.join('; ')} (${formatDuration(elapsedMs)})`;
  const { backup } = result;
  const name = printable(backup.name);
  return `${head}\n${nounOf[backup.form]} ${printable(shortReference(backup))} of ${name} ${flags.dryRun ? 'would be' : 'is'} in ${printable(result.destination)}\n`;
}

const nounOf = { snapshot: 'backup', archive: 'archive', value: 'value' } as const;

function partial(result: VaultRestoreResult): CairnError {
  const count = plural(result.problemCount, 'problem');
  return new CairnError('RESTORE_PARTIAL', `not everything was restored to ${result.destination}: ${count}`, {
    hint: 'Each one is named above. Run the same command with --overwrite if-changed to try what is missing again; `cairn check` looks for damage in the vault.',
    facts: { problems: result.problemCount },
  });
}
