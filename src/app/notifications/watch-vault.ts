import { systemClock } from '../../base/clock.ts';
import type { ActionName } from '../../vault/vault-events.ts';
import type { Vault } from '../../vault/vault.ts';
import { type NotificationOptions, type Notifications, openNotifications } from './notifications.ts';
import type { NotifierSettings } from './notifier-settings.ts';
import type { OutcomeSubject } from './outcome.ts';
import {
  type ActionOrigin,
  describeBackup,
  describePrune,
  describeRemoval,
  describeRestore,
  describeRetention,
  doneOutcome,
  failedOutcome,
  type OutcomeDetails,
  subjectOf,
} from './outcome-of-event.ts';

/** Whose work it is; by default what is told says only what was done in which vault. */
export type WatchOptions = Omit<ActionOrigin, 'vault'>;

/** Tells `notifications` of what happens in a vault, until the result is disposed. No listener waits for a delivery. */
export function watchVault(
  notifications: Notifications,
  vault: Pick<Vault, 'on' | 'url'>,
  options: WatchOptions = {},
): Disposable {
  const origin: ActionOrigin = { ...options, vault: vault.url };
  const running = new Map<string, OutcomeSubject>();
  using listeners = new DisposableStack();

  const watch = <R>(
    action: ActionName,
    onDone: (listener: (event: { readonly sessionId: string; readonly result: R }) => void) => Disposable,
    describe: (result: R) => OutcomeDetails,
  ): void => {
    // Where it was not seen to begin, it is told as of now.
    const subject = (sessionId: string): OutcomeSubject => {
      const known = running.get(sessionId);
      running.delete(sessionId);
      return known ?? subjectOf(action, sessionId, origin, now());
    };
    listeners.use(
      vault.on(`${action}.before`, ({ sessionId }) => {
        const begun = subjectOf(action, sessionId, origin, now());
        running.set(sessionId, begun);
        notifications.tellStart(begun);
      }),
    );
    listeners.use(
      vault.on(`${action}.failed`, ({ sessionId, error }) => {
        notifications.tellOutcome(failedOutcome(subject(sessionId), error, now()));
      }),
    );
    listeners.use(
      onDone(({ sessionId, result }) => {
        notifications.tellOutcome(doneOutcome(subject(sessionId), describe(result), now()));
      }),
    );
  };

  watch('backup', (listener) => vault.on('backup.done', listener), describeBackup);
  watch('restore', (listener) => vault.on('restore.done', listener), describeRestore);
  watch('forget', (listener) => vault.on('forget.done', listener), describeRemoval);
  watch('delete', (listener) => vault.on('delete.done', listener), describeRemoval);
  watch('rotate', (listener) => vault.on('rotate.done', listener), describeRetention);
  watch('deleteOlderThan', (listener) => vault.on('deleteOlderThan.done', listener), describeRetention);
  watch('prune', (listener) => vault.on('prune.done', listener), describePrune);
  return listeners.move();
}

function now(): Date {
  return new Date(Number(systemClock.nowNs() / 1_000_000n));
}

/** Notifiers that watch one vault. Dispose it before the vault: then what is under way is waited for, within its limits. */
export interface AttachedNotifications extends AsyncDisposable {
  readonly notifications: Notifications;
}

/**
 * Opens notifiers and lets them watch a vault. Throws `CONFIG_INVALID` for settings that cannot work; what cannot be
 * delivered is told to `onWarning` and changes nothing.
 *
 * ```ts
 * await using attached = attachNotifications(vault, [{ type: 'slack', name: 'ops', webhook }], { plan: 'nightly' });
 * await vault.backup('/srv/data');
 * ```
 */
export function attachNotifications(
  vault: Pick<Vault, 'on' | 'url'>,
  notifiers: readonly NotifierSettings[],
  options: WatchOptions & NotificationOptions = {},
): AttachedNotifications {
  const notifications = openNotifications(notifiers, options);
  const watching = watchVault(notifications, vault, options);
  return {
    notifications,
    [Symbol.asyncDispose]: async () => {
      watching[Symbol.dispose]();
      await notifications[Symbol.asyncDispose]();
    },
  };
}
