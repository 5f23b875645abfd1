// What every action on a vault starts with: a lock, the snapshots, the index, in that order. Snapshots are
// listed before the index is loaded, so that every listed snapshot's blobs are in the index.
import { hasCode, messageOf } from '../base/errors.ts';
import { shortId } from '../base/ids.ts';
import type { Logger } from '../base/logger.ts';
import type { Secret } from '../base/secret.ts';
import type { BlobIndex } from '../repository/index/blob-index.ts';
import { loadIndex } from '../repository/index/load-index.ts';
import type { GivenUpLock, LockNotice, LockMode } from '../repository/lock/acquire-lock.ts';
import { lockRepository, type RepositoryLock } from '../repository/lock/repository-lock.ts';
import type { StaleReason } from '../repository/lock/stale-lock.ts';
import type { Repository } from '../repository/repository.ts';
import { listSnapshots, type SnapshotRecord } from '../repository/snapshots.ts';
import type { MirroredStorage } from '../storage/mirror/mirrored-storage.ts';
import type { VaultExtensions } from './vault-extensions.ts';
import type { CatalogRecorder } from './catalog/catalog-recorder.ts';
import type { VaultNotice } from './vault-options.ts';

/** The settings of an open vault that its actions need. */
export interface VaultSettings {
  readonly retryLockMs: number;
  readonly lock: boolean;
  readonly jobs: number | undefined;
  /** What archives are encrypted with, and opened, unless something else is said. */
  readonly password?: Secret | undefined;
  /** Cost of a passphrase of age, as a power of two; tests lower it. */
  readonly ageWorkFactor?: number | undefined;
  /** Where this machine remembers what backups saw of their sources; `undefined` = nowhere. */
  readonly memoryFolder: string | undefined;
  /** Where the vault is in several storages. */
  readonly mirror?: MirroredStorage | undefined;
  readonly notify: (notice: VaultNotice) => void;
  readonly logger?: Logger | undefined;
  readonly extensions?: VaultExtensions | undefined;
  /** Told of what an action did, where the vault has a catalog. */
  readonly catalog?: CatalogRecorder | undefined;
}

export interface SessionOptions {
  readonly mode: LockMode;
  /** `read`: goes on without a lock where the storage cannot be written, or the vault was opened without locks. */
  readonly purpose: 'read' | 'write';
  readonly signal?: AbortSignal | undefined;
  /** Time under another lock, which ends where this begins; see `LockOptions`. */
  readonly instead?: VaultSession | undefined;
  /** See `LockOptions`. */
  readonly onLook?: ((isFree: boolean) => void) | undefined;
  readonly onWritten?: ((afterMs: number) => void) | undefined;
}

/** Time under a lock. Its signal aborts with the caller's, and when the lock is lost. Dispose it to release the lock. */
export interface VaultSession extends AsyncDisposable {
  readonly signal: AbortSignal;
  /** Undefined without a lock. */
  readonly lock?: GivenUpLock | undefined;
  /** Rejects with `LOCK_LOST` unless the lock is surely held; see `RepositoryLock`. */
  assertHeld(seenForMs?: number): Promise<void>;
}

export async function openSession(
  repository: Repository,
  settings: VaultSettings,
  options: SessionOptions,
): Promise<VaultSession> {
  const outer = options.signal ?? new AbortController().signal;
  const wantsLock = options.purpose === 'write' || settings.lock;
  const lock = wantsLock ? await takeLock(repository, settings, options) : undefined;
  return {
    signal: lock === undefined ? outer : AbortSignal.any([outer, lock.signal]),
    assertHeld: async (seenForMs) => lock?.assertHeld(seenForMs),
    lock,
    [Symbol.asyncDispose]: async () => lock?.[Symbol.asyncDispose](),
  };
}

async function takeLock(
  repository: Repository,
  settings: VaultSettings,
  { mode, purpose, signal, instead, onLook, onWritten }: SessionOptions,
): Promise<RepositoryLock | undefined> {
  try {
    return await lockRepository(repository, {
      mode,
      retryMs: settings.retryLockMs,
      signal,
      instead: instead?.lock,
      onLook,
      onWritten,
      onNotice: (notice) => settings.notify(describeLockNotice(notice)),
    });
  } catch (error) {
    const unwritable = hasCode(error, 'STORAGE_READ_ONLY') || hasCode(error, 'STORAGE_DENIED');
    if (purpose === 'write' || !unwritable) throw error;
    settings.notify({
      level: 'info',
      message: `reading without a lock, because the vault cannot be written: ${messageOf(error)}`,
    });
    return undefined;
  }
}

function describeLockNotice(notice: LockNotice): VaultNotice {
  switch (notice.type) {
    case 'stale-lock-removed':
      return {
        level: 'info',
        message: `removed the stale lock ${describeLock(notice)}${notice.url === undefined ? '' : ` in ${notice.url}`} (${staleReasons[notice.reason]})`,
      };
    case 'waiting-for-lock':
      return { level: 'info', message: `waiting for the lock ${describeLock(notice)}` };
    case 'refresh-failed':
      return { level: 'warning', message: `the lock could not be refreshed: ${messageOf(notice.error)}` };
    case 'release-failed':
      return {
        level: 'warning',
        message: `the lock ${shortId(notice.id)} could not be removed: ${messageOf(notice.error)}; the next backup or restore from this machine removes it, and so does \`cairn unlock\``,
      };
    default:
      return notice satisfies never;
  }
}

type LockOfNotice = Extract<LockNotice, { readonly record: unknown }>['record'];

function describeLock({ record }: { readonly record: LockOfNotice }): string {
  return `${shortId(record.id)} of process ${record.lock.pid} on ${record.lock.hostname}`;
}

const staleReasons: Readonly<Record<StaleReason, string>> = {
  'process-ended': 'that process has ended',
  'not-refreshed': 'it was not refreshed for half an hour',
};

export interface LoadedVault {
  readonly snapshots: readonly SnapshotRecord[];
  readonly index: BlobIndex;
}

/** Snapshots, oldest first; those that cannot be read are named as warnings. */
export function loadSnapshots(
  repository: Repository,
  settings: VaultSettings,
  signal?: AbortSignal,
): Promise<SnapshotRecord[]> {
  return listSnapshots(repository, {
    signal,
    onWarning: (warning) => settings.notify({ level: 'warning', message: warning.message }),
  });
}

/** Snapshots first, then the index: the other way round a snapshot could refer to an index file that came later. */
export async function loadVault(
  repository: Repository,
  settings: VaultSettings,
  signal?: AbortSignal,
): Promise<LoadedVault> {
  const snapshots = await loadSnapshots(repository, settings, signal);
  return { snapshots, index: await loadVaultIndex(repository, settings, signal) };
}

/** A damaged index file is named and skipped: what the others list can still be read. */
export function loadVaultIndex(
  repository: Repository,
  settings: VaultSettings,
  signal?: AbortSignal,
): Promise<BlobIndex> {
  return loadIndex(repository, {
    signal,
    onWarning: (message) => settings.notify({ level: 'warning', message }),
    onDamaged: (error) => settings.notify({ level: 'warning', message: error.message }),
  });
}

/**
 * The same for what may remove something: an index file that is damaged is not skipped but thrown, as `INDEX_CORRUPT`.
 * What only it lists would look lost.
 */
export async function loadWholeVault(
  repository: Repository,
  settings: VaultSettings,
  signal?: AbortSignal,
): Promise<LoadedVault> {
  const snapshots = await loadSnapshots(repository, settings, signal);
  return { snapshots, index: await loadWholeIndex(repository, settings, signal) };
}

/** Throws `INDEX_CORRUPT`. */
export function loadWholeIndex(
  repository: Repository,
  settings: VaultSettings,
  signal?: AbortSignal,
): Promise<BlobIndex> {
  return loadIndex(repository, {
    signal,
    onWarning: (message) => settings.notify({ level: 'warning', message }),
  });
}
