import { CairnArgumentError, CairnError } from '../base/errors.ts';
import type { ValueKey } from './value-key.ts';
import { formatStamp } from './value-name.ts';
import type { KeyState, StoredVersion } from './value-shelf.ts';

/** One version of a value, as its name says it. */
export interface ValueVersion {
  /** `key@time`, with a number behind the time where a millisecond has several. */
  readonly id: string;
  readonly key: string;
  readonly time: Date;
  /** Bytes of the object: what it takes in the vault. */
  readonly storedBytes: number;
  readonly compressed: boolean;
  readonly encrypted: boolean;
  /** Its name in the storage. */
  readonly object: string;
}

/** A key with its newest version. */
export interface ValueEntry extends ValueVersion {
  readonly versions: number;
}

export function describeVersion(version: StoredVersion): ValueVersion {
  const { key, stamp, sizeBytes, compressed, encrypted, object } = version;
  const time = new Date(stamp.timeMs);
  return { id: versionId(version), key, time, storedBytes: sizeBytes, compressed, encrypted, object };
}

export function versionId({ key, stamp }: Pick<StoredVersion, 'key' | 'stamp'>): string {
  return `${key}@${formatStamp(stamp)}`;
}

/** Which version of a key is meant: the newest of all where nothing is said. */
export interface VersionChoice {
  /** The newest one that is not later. */
  readonly at?: Date | undefined;
  /** This one, by its id as `history` gives it. */
  readonly id?: string | undefined;
}

/** Throws `ARGUMENT_INVALID` for a choice that makes no sense. */
export function chooseVersion({ versions }: KeyState, { at, id }: VersionChoice): StoredVersion | undefined {
  if (id !== undefined) {
    if (at !== undefined) throw new CairnArgumentError('`at` and `id` exclude each other');
    return versions.find((version) => versionId(version) === id);
  }
  if (at === undefined) return versions[0];
  const untilMs = at.getTime();
  if (Number.isNaN(untilMs)) throw new CairnArgumentError('`at` is no valid date');
  return versions.find(({ stamp }) => stamp.timeMs <= untilMs);
}

export function valueMissing(key: ValueKey, { versions }: KeyState, { id }: VersionChoice): CairnError {
  const name = JSON.stringify(key);
  const oldest = versions.at(-1);
  const lacks = id === undefined ? 'no version that old' : `no version ${JSON.stringify(id)}`;
  const message = oldest === undefined ? `there is no value ${name}` : `the value ${name} has ${lacks}`;
  const hint =
    oldest === undefined
      ? '`cairn kv list` (in code: `list`) shows the keys.'
      : `Its oldest one is of ${new Date(oldest.stamp.timeMs).toISOString()}.`;
  return new CairnError('VALUE_MISSING', message, { hint, facts: { key } });
}
