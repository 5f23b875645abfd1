// A backup before a risky change: held, so that retention leaves it alone, and put back in place if the change fails.
import { CairnArgumentError, CairnError, isCairnError, messageOf } from '../../base/errors.ts';
import { isId, shortId, type SnapshotId } from '../../base/ids.ts';
import type { Job, Progress } from '../../base/job.ts';
import { holdTag } from '../../retention/hold.ts';
import type { Source } from '../../archiver/source.ts';
import type { ActionContext, BackupOptions, BackupResult } from '../actions/backup-action.ts';
import { BackupAhead } from '../actions/backup-ahead.ts';
import type { BackupSource } from '../actions/backup-source.ts';
import type { TagResult } from '../care/tag-backups.ts';
import type { VaultRestoreOptions, VaultRestoreResult } from '../actions/restore-action.ts';
import { rollBack, type RollbackResult } from './roll-back.ts';

export interface GuardOptions extends Pick<BackupOptions, 'name' | 'tags' | 'host' | 'onProblem' | 'signal'> {
  /** What the backup is held with; `guard` by default. */
  readonly label?: string | undefined;
  /** When the change throws: bring the source back as it was. For files only, unless `to` says where to. */
  readonly rollback?: boolean | undefined;
  /** With `rollback`: restore into this folder, and leave the source as the change left it. */
  readonly to?: string | undefined;
  /**
   * Before a rollback in place, back up what the change left, as `NAME.failed`, so that nothing is lost by it; on by
   * default.
   */
  readonly keepFailed?: boolean | undefined;
  /** `on-success`: release the hold once the change is done. By default the backup stays held until somebody releases it. */
  readonly release?: 'on-success' | 'never' | undefined;
}

/** What a change is told. */
export interface GuardedChange {
  /** The backup that was made before it. */
  readonly backup: BackupResult;
  readonly signal: AbortSignal;
}

/** How a guard ended. */
export interface GuardSummary {
  readonly backup: BackupResult;
  /** Whether the hold is released. */
  readonly released: boolean;
}

export interface GuardResult<T> extends GuardSummary {
  /** What the change returned. */
  readonly value: T;
}

/** What a guard needs of a vault. */
export interface GuardingVault {
  backup(source: BackupSource, options: BackupOptions): Job<BackupResult>;
  restore(reference: string, options: VaultRestoreOptions): Job<VaultRestoreResult>;
  release(reference: string, options: { readonly label: string }): Job<Pick<TagResult, 'changed'>>;
}

const DEFAULT_LABEL = 'guard';

/**
 * Backs up `source`, held, then runs `change`. When that throws: without `rollback`, this is the error; with it,
 * `GUARD_ROLLED_BACK` whose cause it is, or `GUARD_ROLLBACK_FAILED`. Throws before the change is begun where the backup
 * cannot be made or is not whole.
 */
export async function guardSource<T>(
  vault: GuardingVault,
  context: ActionContext,
  source: BackupSource,
  change: (guard: GuardedChange) => T | Promise<T>,
  options: GuardOptions,
): Promise<GuardResult<T>> {
  const label = options.label ?? DEFAULT_LABEL;
  holdTag(label);
  const { signal } = context;
  await using opened = await openGuarded(context, source, options);
  const backup = await follow(
    context,
    vault.backup(source, { ...backupOptions(options, signal), hold: label, ahead: opened }),
  );
  if (backup.status === 'partial') {
    // The change was never begun, so nothing needs this backup; held, each try would leave one more for good.
    throw notWhole((await release(vault, context, backup, label)) ?? backup);
  }
  signal.throwIfAborted();
  let value: T;
  try {
    value = await change({ backup, signal });
  } catch (error) {
    if (options.rollback !== true) throw error;
    throw await rolledBack({ vault, context, backup, source: opened.source, label, options }, error);
  }
  const released = options.release === 'on-success' ? await release(vault, context, backup, label) : undefined;
  return { value, backup: released ?? backup, released: released !== undefined };
}

/** Throws, before anything is done, where the wanted rollback would not be possible. */
async function openGuarded(context: ActionContext, source: BackupSource, options: GuardOptions): Promise<BackupAhead> {
  const ahead = await BackupAhead.begin(source, { ...aheadOptions(context), streamName: options.name ?? 'stdin' });
  const { root, paths } = ahead.source;
  const inPlace = options.rollback === true && options.to === undefined;
  if (!inPlace || (root.path !== undefined && paths.every((path) => path !== '/' && !path.includes('\uFFFD'))))
    return ahead;
  await ahead[Symbol.asyncDispose]();
  throw new CairnArgumentError('this source cannot be rolled back in place', {
    hint: 'Only files and folders with names in UTF-8 can, and not all of /. Say with `to` where to restore to, or guard without `rollback`.',
  });
}

function aheadOptions({
  repository,
  settings,
}: ActionContext): Omit<Parameters<typeof BackupAhead.begin>[1], 'streamName'> {
  const { jobs, memoryFolder } = settings;
  return { vaultPath: repository.storage.features.localPath, jobs, memoryFolder, force: false };
}

function backupOptions({ name, tags, host, onProblem }: GuardOptions, signal: AbortSignal): BackupOptions {
  return { name, tags, host, onProblem, signal };
}

interface FailedChange {
  readonly vault: GuardingVault;
  readonly context: ActionContext;
  readonly backup: BackupResult;
  readonly source: Source;
  readonly label: string;
  readonly options: GuardOptions;
}

/** Brings the source back and returns the error to throw. An abort does not stop this. */
async function rolledBack(failed: FailedChange, cause: unknown): Promise<CairnError> {
  const context = { ...failed.context, signal: new AbortController().signal };
  const { backup, options } = failed;
  let saved: BackupResult | undefined;
  const onSaved = (made: BackupResult): void => {
    saved = made;
  };
  try {
    const result =
      options.to === undefined
        ? await rollBackInPlace({ ...failed, context }, onSaved)
        : await restoreElsewhere({ ...failed, context }, options.to);
    if (result.problems.length > 0) throw incomplete(result);
    const what = `files restored: ${result.filesRestored}, removed: ${result.filesRemoved}`;
    return new CairnError('GUARD_ROLLED_BACK', `the change failed and was rolled back (${what}): ${messageOf(cause)}`, {
      cause,
      facts: {
        backup: backup.id,
        paths: options.to === undefined ? backup.paths : [options.to],
        filesRestored: result.filesRestored,
        filesRemoved: result.filesRemoved,
        ...(result.failedState === undefined ? {} : { failedState: result.failedState }),
      },
    });
  } catch (error) {
    const message = `the change failed (${messageOf(cause)}), and rolling back failed: ${messageOf(error)}`;
    return new CairnError('GUARD_ROLLBACK_FAILED', message, {
      cause: new AggregateError([cause, error], message),
      facts: { backup: backup.id, paths: backup.paths, ...(saved === undefined ? {} : { failedState: saved.id }) },
      hint: `The backup from before the change is whole and held: restore ${shortId(backup.id)} by hand.${describeSaved(saved)}`,
    });
  }
}

/** Where to find what the change left, for the hint of a failed rollback. */
function describeSaved(saved: BackupResult | undefined): string {
  return saved === undefined ? '' : ` What the change left is saved as ${shortId(saved.id)} (${saved.name}).`;
}

interface RolledBack extends RollbackResult {
  /** The backup of what the change left. */
  readonly failedState?: string;
}

/** Nothing is overwritten before it is in a backup itself: the change may have made something that nobody else has. */
async function rollBackInPlace(failed: FailedChange, onSaved: (made: BackupResult) => void): Promise<RolledBack> {
  const { context, backup, source, options } = failed;
  const kept = options.keepFailed === false ? undefined : await keepFailedState(failed);
  if (kept !== undefined) onSaved(kept);
  const result = await rollBack(context, backup.id, source);
  return { ...result, ...(kept === undefined ? {} : { failedState: kept.id }) };
}

async function keepFailedState({
  vault,
  context,
  backup,
  source,
  label,
  options,
}: FailedChange): Promise<BackupResult> {
  const ahead = await BackupAhead.of(source, aheadOptions(context));
  const name = `${backup.name}.failed`.replace(/[@,\p{Cc}]/gu, '_');
  const { tags, host } = options;
  const kept = await follow(
    context,
    vault.backup([...source.paths], { name, tags, host, hold: `${label}-failed`, allowEmpty: true, ahead }),
  );
  // Files that the change removed are no loss; files that cannot be read would be one.
  const unread = kept.problems.filter(({ code }) => code !== 'SOURCE_MISSING');
  if (unread.length === 0) return kept;
  throw new CairnError('BACKUP_PARTIAL', `${unread[0]?.path} cannot be saved as the change left it, so it stays`, {
    hint: 'Nothing was rolled back.',
    facts: { paths: unread.map(({ path }) => path) },
  });
}

async function restoreElsewhere({ vault, context, backup }: FailedChange, to: string): Promise<RolledBack> {
  const result = await follow(context, vault.restore(backup.id, { to, verify: true }));
  return { filesRestored: result.filesRestored, filesRemoved: 0, problems: result.problems };
}

function incomplete({ problems }: RollbackResult): CairnError {
  const [first] = problems;
  const others = problems.length === 1 ? '' : `, and ${problems.length - 1} more`;
  return new CairnError('RESTORE_PARTIAL', `${first?.path}: ${first?.message}${others}`, {
    facts: { paths: problems.map(({ path }) => path) },
  });
}

/** Releases the hold, which gives the backup another id. Where that fails it is reported, and the backup stays held. */
async function release(
  vault: GuardingVault,
  context: ActionContext,
  backup: BackupResult,
  label: string,
): Promise<BackupResult | undefined> {
  try {
    const { changed } = await follow(context, vault.release(backup.id, { label }));
    const id = changed.map(({ id: text }) => text).find(isSnapshotId) ?? backup.id;
    return { ...backup, id, tags: backup.tags.filter((tag) => tag !== holdTag(label)) };
  } catch (error) {
    if (!isCairnError(error)) throw error;
    context.settings.notify({
      level: 'warning',
      message: `the backup ${shortId(backup.id)} stays held (${label}): ${error.message}`,
    });
    return undefined;
  }
}

function notWhole({ id, problems }: BackupResult): CairnError {
  return new CairnError(
    'BACKUP_PARTIAL',
    `the backup ${shortId(id)} lacks ${problems.length} entries, so the change was not begun`,
    {
      hint: 'Run as a user who may read them, or leave them out with `exclude`.',
      facts: { backup: id, paths: problems.map(({ path }) => path) },
    },
  );
}

/** The result of a job, its progress told as that of the guard. */
async function follow<R>({ report }: ActionContext, job: Job<R>): Promise<R> {
  for await (const progress of job) report(progress satisfies Progress);
  return job;
}

function isSnapshotId(text: string | null): text is SnapshotId {
  return text !== null && isId(text);
}
