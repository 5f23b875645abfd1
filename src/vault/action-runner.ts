import { Job } from '../base/job.ts';
import { ActionLog } from './action-log.ts';
import type { ActionContext } from './actions/backup-action.ts';
import { recordRun } from './catalog/record-run.ts';
import {
  actionOutcome,
  type CareAction,
  careOutcome,
  type CareResults,
  type RunOutcome,
} from './catalog/run-outcome.ts';
import type { VaultRecorder } from './catalog/vault-recorder.ts';
import type { VaultEmitter } from './vault-emitter.ts';
import type { ActionName, ActionRequest, ActionResults } from './vault-events.ts';

interface SignalOptions {
  readonly signal?: AbortSignal | undefined;
}

interface RecordedOptions extends SignalOptions {
  readonly dryRun?: boolean | undefined;
}

/** Starts the actions of a vault as jobs, with what goes with each: events, lines in the log, a row in the catalog. */
export class ActionRunner {
  readonly #vault: Pick<ActionContext, 'repository' | 'settings'>;
  readonly #emitter: VaultEmitter;
  readonly #recorder: VaultRecorder | undefined;

  constructor(
    vault: Pick<ActionContext, 'repository' | 'settings'>,
    emitter: VaultEmitter,
    recorder: VaultRecorder | undefined,
  ) {
    this.#vault = vault;
    this.#emitter = emitter;
    this.#recorder = recorder;
  }

  /** Only looks, or plans. */
  job<R>({ signal }: SignalOptions, run: (context: ActionContext) => Promise<R>): Job<R> {
    return new Job<R>(
      (job) => run({ ...this.#vault, signal: job.signal, report: (progress) => job.report(progress) }),
      signal === undefined ? {} : { signal },
    );
  }

  /**
   * With events, and a row in the catalog. `told` is what listeners and the catalog learn of the result. A dry run is no
   * action: it asks and tells nobody.
   */
  action<A extends ActionName, R extends ActionResults[A]>(
    name: A,
    options: ActionRequest<A> & RecordedOptions,
    run: (context: ActionContext, session: string) => Promise<R>,
    told: (result: R) => ActionResults[A] = (result) => result,
  ): Job<R> {
    const recorder = this.#recorderOf(options);
    const outcomeOf = (result: R): RunOutcome => actionOutcome(name, told(result));
    return this.job(options, (context) =>
      recordRun({ recorder, action: name, outcomeOf }, context, (recorded, sessionId) => {
        if (options.dryRun === true) return run(recorded, sessionId);
        const log = new ActionLog(this.#vault.settings.logger, name, sessionId);
        const start = { sessionId, options, signal: context.signal, told };
        return log.around(context.signal, () =>
          this.#emitter.around(name, start, () =>
            run({ ...recorded, report: log.reportTo(context.report) }, sessionId),
          ),
        );
      }),
    );
  }

  /** With a row in the catalog. */
  care<A extends CareAction>(
    action: A,
    options: RecordedOptions,
    run: (context: ActionContext, session: string) => Promise<CareResults[A]>,
  ): Job<CareResults[A]> {
    const recorder = this.#recorderOf(options);
    const outcomeOf = (result: CareResults[A]): RunOutcome => careOutcome(action, result);
    return this.job(options, (context) => recordRun({ recorder, action, outcomeOf }, context, run));
  }

  /** A dry run is no run. */
  #recorderOf({ dryRun }: RecordedOptions): VaultRecorder | undefined {
    return dryRun === true ? undefined : this.#recorder;
  }
}
