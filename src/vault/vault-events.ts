import { EventEmitter } from 'node:events';
import type { BackupResult } from './actions/backup-action.ts';
import type { ArchiveResult } from './archives/archive-action.ts';
import type { ForgetResult } from './care/apply-forget.ts';
import type { RetentionResult } from './care/rotate-backups.ts';
import type { PruneResult } from './care/prune-vault.ts';
import type { VaultRestoreResult } from './actions/restore-action.ts';

/** What each action of a vault ends with. */
export interface ActionResults {
  readonly backup: BackupResult;
  readonly restore: VaultRestoreResult;
  readonly forget: ForgetResult;
  readonly delete: ForgetResult;
  readonly prune: PruneResult;
  readonly rotate: RetentionResult;
  readonly deleteOlderThan: RetentionResult;
  readonly archive: ArchiveResult;
}

export type ActionName = keyof ActionResults;

/** The events of a vault: `<action>.before`, then `<action>.done` or `<action>.failed` with the same session id. */
export type VaultEvents = {
  readonly [A in ActionName as `${A}.before`]: { readonly sessionId: string };
} & {
  readonly [A in ActionName as `${A}.done`]: { readonly sessionId: string; readonly result: ActionResults[A] };
} & {
  readonly [A in ActionName as `${A}.failed`]: { readonly sessionId: string; readonly error: unknown };
};

export type VaultEventName = keyof VaultEvents;
export type VaultListener<N extends VaultEventName> = (event: VaultEvents[N]) => void;

/**
 * A typed view of Node's emitter. A listener of `before` that throws stops the action before it starts; one of
 * `done` or `failed` that throws is told of and changes nothing: what happened has happened.
 */
export class VaultEmitter {
  readonly #emitter = new EventEmitter();
  readonly #onListenerError: (error: unknown) => void;

  constructor(onListenerError: (error: unknown) => void) {
    this.#onListenerError = onListenerError;
  }

  on<N extends VaultEventName>(name: N, listener: VaultListener<N>): Disposable {
    this.#emitter.on(name, listener);
    return { [Symbol.dispose]: () => void this.#emitter.off(name, listener) };
  }

  /** Runs an action between its events. */
  async around<A extends ActionName>(
    action: A,
    sessionId: string,
    run: () => Promise<ActionResults[A]>,
  ): Promise<ActionResults[A]> {
    this.#emitter.emit(`${action}.before`, { sessionId });
    let result: ActionResults[A];
    try {
      result = await run();
    } catch (error) {
      this.#tell(`${action}.failed`, { sessionId, error });
      throw error;
    }
    this.#tell(`${action}.done`, { sessionId, result });
    return result;
  }

  #tell(name: VaultEventName, event: object): void {
    try {
      this.#emitter.emit(name, event);
    } catch (error) {
      this.#onListenerError(error);
    }
  }
}
