import { CairnError, hasCode, messageOf } from '../base/errors.ts';
import { orAbort } from '../base/or-abort.ts';
import type {
  ActionEvent,
  ActionName,
  ActionRequest,
  ActionResults,
  VaultEventName,
  VaultListener,
} from './vault-events.ts';
import { VaultListeners } from './vault-listeners.ts';

export interface VaultEmitterOptions {
  readonly vaultUrl: string;
  /** Listeners to all vaults of a program; they come before those of this vault. */
  readonly shared?: VaultListeners | undefined;
  /** Told of what a listener of `done` or `failed` threw. */
  readonly onListenerError: (error: unknown, event: VaultEventName) => void;
}

/** An action that is about to happen. */
export interface ActionStart<A extends ActionName, R = ActionResults[A]> {
  readonly sessionId: string;
  readonly options: ActionRequest<A>;
  readonly signal: AbortSignal;
  /** What listeners are told of the result; all of it by default. */
  readonly told?: ((result: R) => ActionResults[A]) | undefined;
}

/**
 * Runs actions between their events. Listeners are called one after the other, and each is waited for.
 *
 * A listener of `before` that throws stops the action before it begins; `failed` is told then, so that whoever heard of
 * the beginning hears of the end. What a listener of `done` or `failed` throws changes nothing: what happened has happened.
 */
export class VaultEmitter {
  readonly #options: VaultEmitterOptions;
  readonly #own = new VaultListeners();

  constructor(options: VaultEmitterOptions) {
    this.#options = options;
  }

  on<N extends VaultEventName>(name: N, listener: VaultListener<N>): Disposable {
    return this.#own.on(name, listener);
  }

  once<N extends VaultEventName>(name: N, listener: VaultListener<N>): Disposable {
    return this.#own.once(name, listener);
  }

  async around<A extends ActionName, R extends ActionResults[A]>(
    action: A,
    { sessionId, options, signal, told = (result) => result }: ActionStart<A, R>,
    run: () => Promise<R>,
  ): Promise<R> {
    const about: About = { action, sessionId, vaultUrl: this.#options.vaultUrl };
    const started = performance.now();
    const durationMs = (): number => Math.round(performance.now() - started);
    let result: R;
    try {
      await this.#ask(about, readOnlyCopy(options), signal);
      result = await run();
    } catch (error) {
      await this.#tell(`${action}.failed`, { ...about, error, durationMs: durationMs() });
      throw error;
    }
    await this.#tell(`${action}.done`, { ...about, result: told(result), durationMs: durationMs() });
    return result;
  }

  /** Throws `ACTION_VETOED`, and the reason of an abort: a listener that never answers does not outlive it. */
  async #ask(about: About, options: object, signal: AbortSignal): Promise<void> {
    const veto = (reason: string): never => {
      throw vetoed(about, reason);
    };
    try {
      for (const call of this.#callsOf(`${about.action}.before`, { ...about, options, signal, veto })) {
        await orAbort(call(), signal);
      }
    } catch (error) {
      signal.throwIfAborted();
      throw hasCode(error, 'ACTION_VETOED') ? error : vetoed(about, messageOf(error), error);
    }
  }

  async #tell(name: VaultEventName, event: object): Promise<void> {
    for (const call of this.#callsOf(name, event)) {
      try {
        await call();
      } catch (error) {
        this.#options.onListenerError(error, name);
      }
    }
  }

  #callsOf(name: VaultEventName, event: object): readonly (() => Promise<unknown>)[] {
    Object.freeze(event);
    return [this.#options.shared, this.#own].flatMap((listeners) => listeners?.callsOf(name, event) ?? []);
  }
}

/** Lists are copied as well: what a listener does to one shall not change what is done. */
function readOnlyCopy(options: object): object {
  const entries = Object.entries(options).map(([key, value]: [string, unknown]) => [
    key,
    Array.isArray(value) ? Object.freeze([...value]) : value,
  ]);
  return Object.freeze(Object.fromEntries(entries));
}

type About = Pick<ActionEvent, 'action' | 'sessionId' | 'vaultUrl'>;

function vetoed({ action, sessionId }: About, reason: string, cause?: unknown): CairnError {
  return new CairnError('ACTION_VETOED', `${action} was stopped before it began: ${reason}`, {
    hint: 'A hook, a plugin or a listener of the program refused it. Nothing was changed.',
    facts: { action, sessionId },
    ...(cause === undefined ? {} : { cause }),
  });
}
