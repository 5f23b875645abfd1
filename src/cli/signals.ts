import { CairnError } from '../base/errors.ts';
import { exitMeanings } from './exit-codes.ts';

/**
 * Turns signals into an abort. The first SIGINT or SIGTERM stops the work cleanly, the second ends the
 * process at once. SIGUSR1 asks for a status line (it would start Node's debugger otherwise).
 */
export class Interrupts {
  readonly #controller = new AbortController();
  readonly #statusListeners = new Set<() => void>();
  /** Called before the process is ended at once; restores the terminal. */
  beforeExit: () => void = () => {};

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  listen(notify: (text: string) => void): void {
    const stop = (name: NodeJS.Signals): void => {
      if (this.#controller.signal.aborted) {
        this.beforeExit();
        process.exit(exitMeanings.interrupted.code);
      }
      notify(`stopping cleanly after ${name}; once more to stop at once`);
      this.#controller.abort(
        new CairnError('ABORTED', `interrupted by ${name}`, {
          hint: 'Nothing that was finished is lost: run the same command again, and it goes on from what is saved.',
        }),
      );
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
    process.on('SIGUSR1', () => this.#statusListeners.forEach((listener) => listener()));
  }

  /** Stops the work for another reason than a signal, such as a reader of stdout that went away. */
  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  onStatusRequest(listener: () => void): Disposable {
    this.#statusListeners.add(listener);
    return { [Symbol.dispose]: () => void this.#statusListeners.delete(listener) };
  }
}
