// Several sources into one vault, in their order.
import type { ErrorCode } from '../base/error-codes.ts';
import { CairnArgumentError, hasCode, isCairnError } from '../base/errors.ts';
import { Job, type JobContext, type Progress } from '../base/job.ts';
import type { HookOptions } from '../plugins/attach-hooks.ts';
import type { HookTable } from '../plugins/hook-entry.ts';
import type { RotationConfig } from '../config/rotation-config.ts';
import type { BackupOptions, BackupResult } from '../vault/actions/backup-action.ts';
import type { Vault } from '../vault/vault.ts';
import type { ConfiguredSource } from './configured-source.ts';
import { type KeepResult, keepBackups } from './keep-backups.ts';

/** How one source did. */
export type SourceOutcome =
  | {
      readonly outcome: 'saved';
      readonly source: string;
      readonly backup: BackupResult;
      /** What the plan's retention removed of this source; absent where the plan has no rules. */
      readonly kept?: KeepResult;
    }
  | { readonly outcome: 'failed'; readonly source: string; readonly error: unknown }
  /** The vault failed before its turn came. */
  | { readonly outcome: 'skipped'; readonly source: string };

export interface RunSourcesResult {
  /** `partial`: something could not be read, or not every source was saved. `failed`: none was. */
  readonly status: 'complete' | 'partial' | 'failed';
  readonly sources: readonly SourceOutcome[];
}

export interface RunHooks extends HookOptions {
  readonly table: HookTable;
}

export interface RunSourcesOptions {
  readonly backup?: Omit<BackupOptions, 'signal' | 'ahead'> | undefined;
  /** Retention, applied to the backups of each source that was saved whole. */
  readonly keep?: RotationConfig | undefined;
  /** Commands at the events of the vault, from the first source to the last. */
  readonly hooks?: RunHooks | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** These errors are about one source and say nothing about the next; any other is about the vault. */
const OF_SOURCE: ReadonlySet<ErrorCode> = new Set([
  'SOURCE_MISSING',
  'SOURCE_UNREADABLE',
  'SOURCE_CHANGED',
  'SOURCE_EMPTY',
  'COMMAND_FAILED',
  'EXCLUDE_INVALID',
]);

/**
 * Backs up one source after the other. One that fails does not stop the others, unless it is the vault that fails. Rejects
 * with `ABORTED`, or where the vault cannot be opened; what failed is in the result.
 */
export function runSources(
  opened: Vault | (() => Promise<Vault>),
  sources: readonly ConfiguredSource[],
  options: RunSourcesOptions = {},
): Job<RunSourcesResult> {
  if (sources.length === 0) throw new CairnArgumentError('there is no source to back up');
  if (options.keep !== undefined) refuseSameNames(sources, options);
  const { signal } = options;
  return new Job<RunSourcesResult>(
    async (job) => {
      const vault = typeof opened === 'function' ? await opened() : opened;
      using _hooks = await attach(vault, options.hooks);
      const outcomes: SourceOutcome[] = [];
      let isVaultBroken = false;
      for (const one of sources) {
        const outcome: SourceOutcome = isVaultBroken
          ? { outcome: 'skipped', source: one.name }
          : await runOne(vault, one, options, job);
        isVaultBroken ||= outcome.outcome === 'failed' && !isOfSource(outcome.error);
        outcomes.push(outcome);
      }
      return { status: statusOf(outcomes), sources: outcomes };
    },
    signal === undefined ? {} : { signal },
  );
}

/**
 * Backups of one name are one history: rotation would count those of two sources as one, and remove some for the
 * others.
 */
function refuseSameNames(sources: readonly ConfiguredSource[], { backup }: RunSourcesOptions): void {
  const names = sources.map(({ options }) => backup?.name ?? options.name);
  const twice = names.find((name, at) => name !== undefined && names.indexOf(name) !== at);
  if (twice === undefined) return;
  throw new CairnArgumentError(`two sources would have the name ${JSON.stringify(twice)}, and be thinned out as one`, {
    hint: 'Give each source a name of its own, or run them without `keep`.',
  });
}

async function attach(vault: Vault, hooks: RunHooks | undefined): Promise<Disposable | undefined> {
  if (hooks === undefined || Object.keys(hooks.table).length === 0) return undefined;
  const { attachHooks } = await import('../plugins/attach-hooks.ts');
  return attachHooks(hooks.table, vault, hooks);
}

async function runOne(
  vault: Vault,
  { name, source, options: own }: ConfiguredSource,
  { backup = {}, keep }: RunSourcesOptions,
  job: JobContext<Progress>,
): Promise<SourceOutcome> {
  const tags = [...new Set([...(own.tags ?? []), ...(backup.tags ?? [])])];
  try {
    const named = backup.name ?? own.name;
    const running = vault.backup(source, { ...backup, name: named, tags, signal: job.signal });
    for await (const progress of running) job.report(progress);
    const result = await running;
    // A partial backup must not push out a whole one.
    if (keep === undefined || result.status === 'partial') return { outcome: 'saved', source: name, backup: result };
    const kept = await keepBackups(vault, result, keep, job.signal);
    return { outcome: 'saved', source: name, backup: result, kept };
  } catch (error) {
    if (job.signal.aborted || hasCode(error, 'ABORTED')) throw error;
    return { outcome: 'failed', source: name, error };
  }
}

function isOfSource(error: unknown): boolean {
  return isCairnError(error) && OF_SOURCE.has(error.code);
}

function statusOf(outcomes: readonly SourceOutcome[]): RunSourcesResult['status'] {
  const saved = outcomes.filter((outcome) => outcome.outcome === 'saved');
  if (saved.length === 0) return 'failed';
  if (saved.length < outcomes.length) return 'partial';
  return saved.every(({ backup, kept }) => backup.status !== 'partial' && isKept(kept)) ? 'complete' : 'partial';
}

function isKept(kept: KeepResult | undefined): boolean {
  return kept === undefined || (kept.outcome === 'applied' && kept.failed === 0);
}
