import { checkRepository, type CheckProgress, type CheckResult } from '../../repository/check/check-repository.ts';
import type { Finding } from '../../repository/check/finding.ts';
import type { ReadData } from '../../repository/check/read-data.ts';
import type { Progress } from '../../base/job.ts';
import type { ActionContext } from './backup-action.ts';
import { RateMeter } from './rate-meter.ts';
import { openSession } from '../vault-session.ts';

export interface VaultCheckOptions {
  /** Which packs to read completely; none by default. */
  readonly readData?: ReadData | undefined;
  readonly onFinding?: ((finding: Finding) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export async function runCheck(
  { repository, settings, signal, report }: ActionContext,
  { readData, onFinding }: VaultCheckOptions,
): Promise<CheckResult> {
  // As in restic, nobody else may write meanwhile: packs that are not in the index yet would look like orphans.
  await using session = await openSession(repository, settings, { mode: 'exclusive', purpose: 'read', signal });
  const meter = new RateMeter();
  return await checkRepository(repository, {
    readData,
    onFinding,
    jobs: settings.jobs,
    signal: session.signal,
    onProgress: (state) => report(progressOf(state, meter)),
  });
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
