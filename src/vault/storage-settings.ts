import type { StorageSchemes } from '../storage/open-storage.ts';
import type { StorageLogEntry } from '../storage/layers/log.ts';

/** How the storage of a vault is used. */
export interface StorageSettings {
  /** Variables for its drivers, such as `AWS_ACCESS_KEY_ID`, over those of the vault. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Nothing is written or removed; actions that only read work without a lock. */
  readonly readOnly?: boolean | undefined;
  /** Nothing that is there is replaced or removed, except locks. */
  readonly appendOnly?: boolean | undefined;
  /** Operations at once; by default what suits the kind of storage. */
  readonly connections?: number | undefined;
  readonly uploadBytesPerSecond?: number | undefined;
  readonly downloadBytesPerSecond?: number | undefined;
  /** Storages of a mirror, the first included, that have to be in step; 1 by default: the first one suffices. */
  readonly mirrorCopies?: number | undefined;
  /** A request over a network is not tried again after this time; 15 minutes by default. */
  readonly giveUpAfterMs?: number | undefined;
  /** Storages that Cairn does not know by itself, by the scheme of their URL. */
  readonly schemes?: StorageSchemes | undefined;
  /** Told of every operation that reached the storage, once it has ended. */
  readonly onOperation?: ((entry: StorageLogEntry) => void) | undefined;
}
