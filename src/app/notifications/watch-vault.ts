import { systemClock } from '../../base/clock.ts';
import type { ActionName } from '../../vault/vault-events.ts';
import type { Vault } from '../../vault/vault.ts';
import { type NotificationOptions, type Notifications, openNotifications } from './notifications.ts';
import type { NotifierSettings } from './notifier-settings.ts';
import type { Outcome, OutcomeSubject } from './outcome.ts';
import {
  type ActionOrigin,
  describeArchive,
  describeBackup,
  describeCheck,
  describeCopy,
  describeGuard,
  describePrune,
  describeRemoval,
  describeRestore,
  describeRetention,
  describeTag,
  doneOutcome,
  failedOutcome,
  type OutcomeDetails,
  subjectOf,
} from './outcome-of-event.ts';

/** The origin that messages name; without one, a backup goes by its own name. */
export interface WatchOptions extends Omit<ActionOrigin, 'vault'> {
  /** Only backups with these names: others may be made in the same vault meanwhile. */
  readonly names?: readonly string[] | undefined;
}

interface BegunAction {
  readonly subject: OutcomeSubject;
  /** Of a copy: where to. */
  readonly target: string;
}

/** Tells `notifications` of what happens in a vault, until the result is disposed. No listener waits for a delivery. */
export function watchVault(
  notifications: Notifications,
  vault: Pick<Vault, 'on' | 'url'>,
  { names, ...rest }: WatchOptions = {},
): Disposable {
  const origin: ActionOrigin = { ...rest, vault: vault.url };
  const running = new Map<string, BegunAction>();
  using listeners = new DisposableStack();

  const end = (sessionId: string, outcomeOf: (begun: BegunAction) => Outcome): void => {
    const begun = running.get(sessionId);
    // What began before anybody watched, or is not ours.
    if (begun === undefined) return;
    running.delete(sessionId);
    notifications.tellOutcome(outcomeOf(begun));
  };

  const watch = <R>(
    action: ActionName,
    onDone: (listener: (event: { readonly sessionId: string; readonly result: R }) => void) => Disposable,
    describe: (result: R, target: string) => OutcomeDetails,
  ): void => {
    listeners.use(
      vault.on(`${action}.before`, ({ sessionId, options: request }) => {
        const name = 'name' in request && typeof request.name === 'string' ? request.name : undefined;
        const target = 'target' in request && typeof request.target === 'string' ? request.target : '';
        const makesBackup = action === 'backup' || action === 'archive' || action === 'guard';
        if (makesBackup && names !== undefined && (name === undefined || !names.includes(name))) return;
        const source = origin.source ?? (makesBackup ? name : undefined);
        const subject = subjectOf(action, sessionId, { ...origin, source }, now());
        running.set(sessionId, { subject, target });
        notifications.tellStart(subject);
      }),
    );
    listeners.use(
      vault.on(`${action}.failed`, ({ sessionId, error }) => {
        end(sessionId, ({ subject }) => failedOutcome(subject, error, now()));
      }),
    );
    listeners.use(
      onDone(({ sessionId, result }) => {
        end(sessionId, ({ subject, target }) => doneOutcome(subject, describe(result, target), now()));
      }),
    );
  };

  watch('backup', (listener) => vault.on('backup.done', listener), describeBackup);
  watch('archive', (listener) => vault.on('archive.done', listener), describeArchive);
  watch('restore', (listener) => vault.on('restore.done', listener), describeRestore);
  watch('forget', (listener) => vault.on('forget.done', listener), describeRemoval);
  watch('delete', (listener) => vault.on('delete.done', listener), describeRemoval);
  watch('rotate', (listener) => vault.on('rotate.done', listener), describeRetention);
  watch('deleteOlderThan', (listener) => vault.on('deleteOlderThan.done', listener), describeRetention);
  watch('prune', (listener) => vault.on('prune.done', listener), describePrune);
  watch('check', (listener) => vault.on('check.done', listener), describeCheck);
  watch('copy', (listener) => vault.on('copy.done', listener), describeCopy);
  watch('guard', (listener) => vault.on('guard.done', listener), describeGuard);
  watch('tag', (listener) => vault.on('tag.done', listener), describeTag);
  return listeners.move();
}

function now(): Date {
  return new Date(Number(systemClock.nowNs() / 1_000_000n));
}

/**
 * Notifiers that watch one vault. Dispose it before the vault; that waits for deliveries under way, within their
 * limits.
 */
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
