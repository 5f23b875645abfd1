import { randomUUID } from 'node:crypto';
import type { ActionContext } from '../actions/backup-action.ts';
import { outcomeOfError, type RunOutcome } from './run-outcome.ts';
import type { VaultRecorder } from './vault-recorder.ts';

export interface RecordRunOptions<R> {
  /** `undefined`: the vault has no catalog. */
  readonly recorder: VaultRecorder | undefined;
  readonly action: string;
  readonly outcomeOf: (result: R) => RunOutcome;
}

/** Runs an action under a new session id, as a run of the catalog: what it records is its own, and how it ended has a row. */
export async function recordRun<R>(
  { recorder, action, outcomeOf }: RecordRunOptions<R>,
  context: ActionContext,
  run: (context: ActionContext, session: string) => Promise<R>,
): Promise<R> {
  const session = randomUUID();
  if (recorder === undefined) return run(context, session);
  const recorded = recorder.startRun(session, action);
  try {
    const result = await run({ ...context, settings: { ...context.settings, catalog: recorded } }, session);
    recorded.end(outcomeOf(result));
    return result;
  } catch (error) {
    recorded.end(outcomeOfError(error, context.signal));
    throw error;
  }
}
