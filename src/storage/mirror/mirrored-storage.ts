import type { Clock } from '../../base/clock.ts';
import type { ObjectName, Storage, StorageOptions } from '../storage.ts';
import type { MirrorMember, MirrorMemberReport } from './mirror-member.ts';

export interface MirrorOptions {
  /** Storages, the first included, that have to take a write; 1 by default: the first one suffices. */
  readonly copies?: number | undefined;
  /**
   * Folders and objects that tell whether a member holds what the first does: small, and written when everything they
   * refer to is there. Compared before the first write.
   */
  readonly markers: readonly string[];
  /** Which objects of those folders count; all by default. */
  readonly isMark?: ((name: ObjectName) => boolean) | undefined;
  /** Objects that may be written again under their name: what they say is what the first one has. */
  readonly isMutable?: ((name: ObjectName) => boolean) | undefined;
  /** Objects that say nothing about that, and may be written before anything is compared, such as locks. */
  readonly isPassing: (name: ObjectName) => boolean;
  /** The same storages, in the same order, without retries: for passing objects. */
  readonly once?: readonly Storage[] | undefined;
  /** Told once for each member that falls behind, of what stays in one, and when the first one cannot be reached and another is read. */
  readonly onChange?: ((change: MirrorChange) => void) | undefined;
  readonly clock?: Clock | undefined;
}

export type MirrorChange =
  | { readonly type: 'behind'; readonly member: MirrorMemberReport }
  | { readonly type: 'first-unreachable'; readonly url: string; readonly error: unknown }
  /** A passing object of this run is in it and could not be removed; `error` where that was tried. */
  | { readonly type: 'left-in'; readonly url: string; readonly name: ObjectName; readonly error: unknown };

export interface MirroredStorage extends Storage {
  readonly members: readonly MirrorMember[];
  report(): readonly MirrorMemberReport[];
  /** Compares all members with the first one now; what is behind and holds the same again is in step. */
  compare(options?: StorageOptions): Promise<void>;
}
