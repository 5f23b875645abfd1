import { EventEmitter } from 'node:events';
import type { VaultEventName, VaultEvents, VaultListener } from './vault-events.ts';

/** Who listens to the events of one vault, or of all vaults that are opened with it. */
export class VaultListeners {
  // Node's emitter only keeps the lists: it would not wait for a listener, and take a rejection for unhandled.
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  /** Dispose the result to stop listening. */
  on<N extends VaultEventName>(name: N, listener: VaultListener<N>): Disposable {
    // A function of its own, so that each registration ends alone, also where one listener is given twice.
    const own = (event: VaultEvents[N]): unknown => listener(event);
    this.#emitter.on(name, own);
    return { [Symbol.dispose]: () => void this.#emitter.off(name, own) };
  }

  /** Listens to the next such event only. */
  once<N extends VaultEventName>(name: N, listener: VaultListener<N>): Disposable {
    const registration = this.on(name, (event) => {
      registration[Symbol.dispose]();
      return listener(event);
    });
    return registration;
  }

  /** Calls for one event, in the order of registration. `event` is what `VaultEvents` has under that name. */
  callsOf(name: VaultEventName, event: object): readonly (() => Promise<unknown>)[] {
    return this.#emitter.listeners(name).map((listener) => async () => {
      // One of those before may have ended this one.
      if (!this.#emitter.listeners(name).includes(listener)) return undefined;
      const given: unknown = Reflect.apply(listener, undefined, [event]);
      return given;
    });
  }
}
