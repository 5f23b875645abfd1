import { type CheckLists, readCheckLists } from '../../repository/check/check-lists.ts';
import {
  checkLists,
  type CheckProgress,
  type CheckResult,
  listOptions,
} from '../../repository/check/check-repository.ts';
import type { Finding } from '../../repository/check/finding.ts';
import type { ReadData } from '../../repository/check/read-data.ts';
import { CairnArgumentError, messageOf } from '../../base/errors.ts';
import type { Progress } from '../../base/job.ts';
import { readAfresh } from '../../repository/repository-cache.ts';
import type { ActionContext } from './backup-action.ts';
import { CheckMemory } from './check-memory.ts';
import type { ArchiveKeys } from '../archives/archive-access.ts';
import { checkArchiveShelf } from '../archives/check-archive-shelf.ts';
import { checkValueShelf } from '../values/check-value-shelf.ts';
import { RateMeter } from './rate-meter.ts';
import { openReadingSession } from '../reading-session.ts';

export interface VaultCheckOptions extends ArchiveKeys {
  /** Which packs to read completely; none by default. */
  readonly readData?: ReadData | undefined;
  /** Go on where an earlier check of the data stopped, and remember how far this one came. */
  readonly resume?: boolean | undefined;
  readonly onFinding?: ((finding: Finding) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface VaultCheckResult extends CheckResult {
  /** Archives; what they hold was read where all data was. */
  readonly archives: number;
  /** Versions of values; all of them were read where all data was. */
  readonly values: number;
}

/** The most work that a kill can cost. */
const SAVE_EVERY_MS = 10_000;

export async function runCheck(context: ActionContext, options: VaultCheckOptions): Promise<VaultCheckResult> {
  const { repository, settings, signal, report } = context;
  const { readData, onFinding } = options;
  const memory = options.resume === true ? await openMemory(context, readData ?? 'none') : undefined;
  const meter = new RateMeter();
  let saved = performance.now();
  let saving = Promise.resolve();
  const saveNowAndThen = (): void => {
    if (memory === undefined || performance.now() - saved < SAVE_EVERY_MS) return;
    saved = performance.now();
    saving = saving.then(() => saveMemory(context, memory));
  };
  const onProgress = (state: CheckProgress): void => {
    report(progressOf(state, meter));
    saveNowAndThen();
  };
  await using fresh = await readAfresh(repository);
  const load = (during: AbortSignal): Promise<CheckLists> =>
    readCheckLists(fresh.repository, { ...listOptions({ signal: during, onProgress }), trustsOpening: true });
  // As in restic, nobody else may write meanwhile: packs that are not in the index yet would look like orphans.
  const mode = { mode: 'exclusive', purpose: 'read', signal } as const;
  const opened = await openReadingSession(fresh.repository, settings, mode, load);
  await using session = opened.session;
  try {
    // What looks wrong and was read before the lock was held is read once more before anybody is told.
    const lists = opened.isEarly && opened.loaded.findings.hasErrors ? await load(session.signal) : opened.loaded;
    const result = await checkLists(fresh.repository, lists, {
      readData,
      onFinding,
      verified: memory,
      jobs: settings.jobs,
      holdsLock: session.lock !== undefined,
      signal: session.signal,
      onProgress,
    });
    const check = { onFinding, readData: readData === 'all' };
    const beside = { ...context, signal: session.signal };
    const withArchives = await checkArchiveShelf(beside, { ...options, ...check }, result);
    return await checkValueShelf(beside, check, withArchives);
  } finally {
    // Also when it was stopped: that is what another one goes on from.
    await saving;
    if (memory !== undefined) await saveMemory(context, memory);
  }
}

/** Failing to remember only costs time; the findings stand. */
async function saveMemory({ settings }: ActionContext, memory: CheckMemory): Promise<void> {
  try {
    await memory.save();
  } catch (error) {
    settings.notify({ level: 'warning', message: `what was read cannot be remembered: ${messageOf(error)}` });
  }
}

async function openMemory({ repository, settings }: ActionContext, readData: ReadData): Promise<CheckMemory> {
  if (readData === 'none') {
    throw new CairnArgumentError('only a check of the data can go on from an earlier one', {
      hint: 'Give --read-data, or a part of it such as --read-data=5G.',
    });
  }
  const { memoryFolder } = settings;
  if (memoryFolder === undefined) {
    throw new CairnArgumentError('without a cache there is no place to remember what was read');
  }
  return await CheckMemory.open(memoryFolder, repository.config.id, Date.now());
}

function progressOf(state: CheckProgress, meter: RateMeter): Progress {
  const base = {
    phase: state.phase,
    completed: state.completed,
    total: state.total,
    unit: state.unit === 'trees' ? ('steps' as const) : state.unit,
    description: '',
    errors: state.errors,
  };
  if (state.phase !== 'data') return base;
  meter.note(state.bytes);
  const { rate } = meter;
  const etaMs = meter.etaMs(state.bytes, state.totalBytes);
  return {
    ...base,
    bytes: state.bytes,
    totalBytes: state.totalBytes,
    ...(rate === undefined ? {} : { rate }),
    ...(etaMs === undefined ? {} : { etaMs }),
  };
}
