import { messageOf } from '../base/errors.ts';
import type { Progress } from '../base/job.ts';
import type { Logger } from '../base/logger.ts';

/** Tells a logger of one action: that it began, its phases as they come, and how it ended. */
export class ActionLog {
  readonly #logger: Logger | undefined;
  readonly #action: string;
  readonly #sessionId: string;

  constructor(logger: Logger | undefined, action: string, sessionId: string) {
    this.#logger = logger;
    this.#action = action;
    this.#sessionId = sessionId;
  }

  async around<R>(signal: AbortSignal, run: () => Promise<R>): Promise<R> {
    const action = this.#action;
    const sessionId = this.#sessionId;
    const started = performance.now();
    const durationMs = (): number => Math.round(performance.now() - started);
    this.#logger?.info(`${action} begins`, { sessionId });
    try {
      const result = await run();
      this.#logger?.info(`${action} is done`, { sessionId, durationMs: durationMs() });
      return result;
    } catch (error) {
      const facts = { sessionId, durationMs: durationMs() };
      if (signal.aborted) this.#logger?.info(`${action} was stopped`, facts);
      else this.#logger?.error(`${action} failed: ${messageOf(error)}`, facts);
      throw error;
    }
  }

  /** Passes progress on, and logs each new phase. */
  reportTo(report: (progress: Progress) => void): (progress: Progress) => void {
    const logger = this.#logger;
    if (logger === undefined) return report;
    let phase: string | undefined;
    return (progress) => {
      if (progress.phase !== phase) {
        phase = progress.phase;
        logger.debug(`${this.#action}: ${phase}`, { sessionId: this.#sessionId });
      }
      report(progress);
    };
  }
}
