// `cairn backup` with names of the configuration.
import type { SourceOutcome } from '../app/run-sources.ts';
import { CairnError, isCairnError, messageOf } from '../base/errors.ts';
import type { BackupOptions } from '../vault/actions/backup-action.ts';
import type { BackupRun } from './backup-targets.ts';
import { cliNotifications, openNotifiedVault } from './cli-notifications.ts';
import type { CliContext } from './context.ts';
import { openCliVault } from './open-cli-vault.ts';
import { describeBackup, describeBackupCounts } from './output/backup-report.ts';
import { plural } from './output/format.ts';
import { printable } from './output/printable.ts';

export interface RunOptions {
  readonly backup: BackupOptions;
  readonly coldClass: string | undefined;
  readonly dryRun: boolean;
}

interface Ran {
  readonly run: BackupRun;
  readonly vault: string;
  readonly outcomes: readonly SourceOutcome[];
}

/** Carries out the runs in their order. Throws `BACKUP_PARTIAL` at the end where not everything was saved. */
export async function backupRuns(cli: CliContext, runs: readonly BackupRun[], options: RunOptions): Promise<void> {
  if (options.dryRun) return previewRuns(cli, runs, options);
  const ran: Ran[] = [];
  for (const run of runs) ran.push(await carryOut(cli, run, options));
  if (cli.options.json) await cli.out.json({ schema: 1, runs: ran.map(document) });
  assertSaved(ran.flatMap(({ outcomes }) => outcomes));
}

async function carryOut(cli: CliContext, run: BackupRun, { backup, coldClass }: RunOptions): Promise<Ran> {
  const { runSources } = await import('../app/run-sources.ts');
  const sources = run.sources.map(({ name, options }) => options.name ?? name);
  await using notifications = await cliNotifications(cli, { plan: run.plan, sources, vault: run.vault });
  await using vault = await openNotifiedVault(cli, notifications, {
    createDefault: true,
    planned: run.vault,
    coldClass,
  });
  const options = { ...backup, tags: [...run.tags, ...(backup.tags ?? [])] };
  const job = runSources(vault, run.sources, { backup: options, keep: run.keep, hooks: run.hooks, signal: cli.signal });
  const { sources: outcomes } = await cli.follow(job);
  for (const outcome of outcomes) await report(cli, outcome);
  return { run, vault: vault.url, outcomes };
}

async function report(cli: CliContext, outcome: SourceOutcome): Promise<void> {
  switch (outcome.outcome) {
    case 'saved': {
      const { source, backup, kept } = outcome;
      if (!cli.options.json) await cli.out.write(`${printable(source)}:\n${describeBackup(backup)}`);
      if (kept?.outcome === 'applied' && kept.removed > 0) {
        cli.info(`${source}: ${plural(kept.removed, 'older backup')} removed by the rules of keeping`);
      }
      if (kept?.outcome === 'failed') cli.warn(`${source}: its older backups stay: ${messageOf(kept.error)}`);
      break;
    }
    case 'failed':
      cli.warn(`${outcome.source}: not saved: ${messageOf(outcome.error)}`);
      break;
    case 'skipped':
      cli.warn(`${outcome.source}: not saved, since the vault failed before`);
      break;
    default:
      outcome satisfies never;
  }
}

function document({ run, vault, outcomes }: Ran): object {
  return {
    plan: run.plan ?? null,
    vault,
    sources: outcomes.map((outcome) => {
      if (outcome.outcome === 'failed') {
        const { error, ...rest } = outcome;
        return { ...rest, error: errorFields(error) };
      }
      if (outcome.outcome !== 'saved' || outcome.kept?.outcome !== 'failed') return outcome;
      return { ...outcome, kept: { outcome: 'failed', error: errorFields(outcome.kept.error) } };
    }),
  };
}

function errorFields(error: unknown): object {
  return { code: isCairnError(error) ? error.code : 'INTERNAL', message: messageOf(error) };
}

function assertSaved(outcomes: readonly SourceOutcome[]): void {
  const saved = outcomes.filter((outcome) => outcome.outcome === 'saved');
  const [first] = outcomes.filter((outcome) => outcome.outcome === 'failed');
  // One reason for all: it has its own code and way out.
  if (saved.length === 0 && first !== undefined) throw first.error;
  const missing = outcomes.length - saved.length;
  const problems = saved.reduce((sum, { backup }) => sum + backup.problems.length, 0);
  const unkept = saved.filter(({ kept }) => kept?.outcome === 'failed' || (kept?.failed ?? 0) > 0).length;
  const faults = [
    ...(missing === 0 ? [] : [`${missing} of ${plural(outcomes.length, 'source')} not saved`]),
    ...(problems === 0 ? [] : [`${plural(problems, 'entry', 'entries')} not read`]),
    ...(unkept === 0 ? [] : [`the older backups of ${plural(unkept, 'source')} not removed`]),
  ];
  if (faults.length === 0) return;
  throw new CairnError('BACKUP_PARTIAL', `not everything was done: ${faults.join(', ')}`, {
    hint: 'Each is named above. What was saved is whole and stays.',
    facts: { missing, problems },
  });
}

async function previewRuns(
  cli: CliContext,
  runs: readonly BackupRun[],
  { backup, coldClass }: RunOptions,
): Promise<void> {
  const previews: object[] = [];
  for (const run of runs) {
    await using vault = await openCliVault(cli, { planned: run.vault, coldClass });
    for (const { name, source, options } of run.sources) {
      const preview = await cli.follow(vault.previewBackup(source, { ...backup, ...options, signal: cli.signal }));
      previews.push({ plan: run.plan ?? null, source: name, ...preview });
      if (!cli.options.json) await cli.out.write(`${printable(name)}:\n${describeBackupCounts(preview)}\n`);
    }
    if (run.keep !== undefined) cli.info(`then the rules of keeping of ${run.plan ?? 'the plan'} would be applied`);
  }
  if (cli.options.json) await cli.out.json({ schema: 1, dryRun: true, sources: previews });
  else await cli.out.write('dry run: nothing was saved\n');
}
