// What is in the shelf, by its listing alone: names say everything.
import type { Clock } from '../base/clock.ts';
import type { ObjectInfo, ObjectName, Storage } from '../storage/storage.ts';
import { decodeValueKey, type ValueKey } from './value-key.ts';
import {
  compareStamps,
  keyFolder,
  parseEntryName,
  type ValueStamp,
  VALUES_FOLDER,
  type VersionName,
} from './value-name.ts';

/** What the functions of the shelf work with. */
export interface ValuesContext {
  readonly storage: Storage;
  readonly clock: Clock;
  /** Told of what could not be done and stopped nothing. */
  readonly warn: (message: string) => void;
  /** Told of each version that was stored. */
  readonly onStored?: ((version: StoredVersion) => void) | undefined;
  /** Told of versions that were removed. */
  readonly onRemoved?: ((versions: readonly StoredVersion[]) => void) | undefined;
  /** The cost of passwords, for tests: a real one takes a second. */
  readonly workFactor?: number | undefined;
}

export interface StoredVersion extends Omit<VersionName, 'kind'> {
  readonly key: ValueKey;
  readonly object: ObjectName;
  readonly sizeBytes: number;
}

/** All there is of one key. */
export interface KeyState {
  readonly key: ValueKey;
  /** Newest first. */
  readonly versions: readonly StoredVersion[];
  /** Versions that a tombstone says are deleted. */
  readonly deleted: readonly StoredVersion[];
  readonly tombstones: readonly ObjectName[];
  /** Every version that is not later is deleted. */
  readonly deletedUntil: ValueStamp | undefined;
  /** The newest stamp of all the versions and tombstones above. */
  readonly newest: ValueStamp | undefined;
}

export interface ShelfState {
  readonly keys: readonly KeyState[];
  /** Objects in `values/` that are no values. */
  readonly foreign: readonly ObjectName[];
}

interface Listed {
  readonly versions: StoredVersion[];
  readonly tombstones: { readonly object: ObjectName; readonly stamp: ValueStamp }[];
}

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** What is there of one key: one listing of its folder. */
export async function loadKey({ storage }: ValuesContext, key: ValueKey, options: CallOptions): Promise<KeyState> {
  const listed: Listed = { versions: [], tombstones: [] };
  const folder = keyFolder(key);
  if (hasShelves(storage)) {
    for await (const info of storage.list(folder, options)) note(listed, key, info, info.name.slice(folder.length));
  }
  return stateOf(key, listed);
}

/** Everything, keys in the order of their text. */
export async function loadShelf({ storage }: ValuesContext, options: CallOptions): Promise<ShelfState> {
  const keys = new Map<ValueKey, Listed>();
  const foreign: ObjectName[] = [];
  if (hasShelves(storage)) {
    for await (const info of storage.list(VALUES_FOLDER, options)) {
      const slash = info.name.lastIndexOf('/');
      const key = decodeValueKey(info.name.slice(VALUES_FOLDER.length, slash));
      const listed: Listed = (key === undefined ? undefined : keys.get(key)) ?? { versions: [], tombstones: [] };
      const known = key !== undefined && note(listed, key, info, info.name.slice(slash + 1));
      if (known) keys.set(key, listed);
      else foreign.push(info.name);
    }
  }
  const states = Array.from(keys, ([key, listed]) => stateOf(key, listed));
  return { keys: states.toSorted((a, b) => (a.key < b.key ? -1 : 1)), foreign: foreign.toSorted() };
}

/** Whether the storage can hold anything but the files of a repository. */
export function hasShelves({ features }: Storage): boolean {
  return features.resticNamesOnly !== true;
}

/** False for what is no entry of a key. */
function note(listed: Listed, key: ValueKey, { name, sizeBytes }: ObjectInfo, entryName: string): boolean {
  const entry = parseEntryName(entryName);
  if (entry === undefined) return false;
  if (entry.kind === 'tombstone') {
    listed.tombstones.push({ object: name, stamp: entry.stamp });
  } else {
    const { stamp, checksum, compressed, encrypted } = entry;
    listed.versions.push({ key, stamp, checksum, compressed, encrypted, object: name, sizeBytes });
  }
  return true;
}

function stateOf(key: ValueKey, { versions, tombstones }: Listed): KeyState {
  const until = newestOf(tombstones);
  const isDeleted = ({ stamp }: StoredVersion): boolean => until !== undefined && compareStamps(stamp, until) <= 0;
  const sorted = versions.toSorted(newestFirst);
  return {
    key,
    versions: sorted.filter((version) => !isDeleted(version)),
    deleted: sorted.filter(isDeleted),
    tombstones: tombstones.map(({ object }) => object),
    deletedUntil: until,
    newest: newestOf([...versions, ...tombstones]),
  };
}

/**
 * Two writers at the same instant can make versions with one stamp; every reader then takes the same one for the newer.
 */
function newestFirst(a: StoredVersion, b: StoredVersion): number {
  return compareStamps(b.stamp, a.stamp) || (a.object < b.object ? 1 : -1);
}

function newestOf(entries: readonly { readonly stamp: ValueStamp }[]): ValueStamp | undefined {
  return entries
    .map(({ stamp }) => stamp)
    .toSorted(compareStamps)
    .at(-1);
}
