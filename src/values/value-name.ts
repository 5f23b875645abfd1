// What the name of an object in `values/<folder of the key>/` says:
//
//   20261125T233000.123Z.0123456789abcdef.json.gz.age     a version: when, checksum, gzip?, age?
//   20261125T233000.123Z-2.0123456789abcdef.json          the second one of that millisecond
//   20261125T233000.124Z.deleted                          every version that is not later is deleted
//
// The checksum is the first 8 bytes of the SHA-256 of the object's bytes: what was damaged on the way or cut off is known
// before anything is made of it, also where content has no seal of its own.
import { createHash } from 'node:crypto';
import type { ObjectName } from '../storage/storage.ts';
import { encodeValueKey, type ValueKey } from './value-key.ts';

export const VALUES_FOLDER = 'values/';

/** When a version was written; `number` counts from 1 within a millisecond. */
export interface ValueStamp {
  readonly timeMs: number;
  readonly number: number;
}

export interface VersionName {
  readonly kind: 'version';
  readonly stamp: ValueStamp;
  /** 16 hexadecimal digits. */
  readonly checksum: string;
  readonly compressed: boolean;
  readonly encrypted: boolean;
}

interface TombstoneName {
  readonly kind: 'tombstone';
  readonly stamp: ValueStamp;
}

const SHAPE =
  /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d\.\d{3}Z)(?:-([1-9]\d{0,8}))?(?:\.deleted|\.([0-9a-f]{16})\.json(\.gz)?(\.age)?)$/;
const STAMP = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d\.\d{3}Z)(?:-([1-9]\d{0,8}))?$/;

/** `undefined` for what is no name of ours. */
export function parseEntryName(name: string): VersionName | TombstoneName | undefined {
  const match = SHAPE.exec(name);
  const stamp = stampOf(match);
  if (match === null || stamp === undefined) return undefined;
  const [checksum, gz, age] = match.slice(8);
  if (checksum === undefined) return { kind: 'tombstone', stamp };
  return { kind: 'version', stamp, checksum, compressed: gz !== undefined, encrypted: age !== undefined };
}

export function versionObject(key: ValueKey, version: Omit<VersionName, 'kind'>): ObjectName {
  const { stamp, checksum, compressed, encrypted } = version;
  const name = `${formatStamp(stamp)}.${checksum}.json${compressed ? '.gz' : ''}${encrypted ? '.age' : ''}`;
  return keyFolder(key) + name;
}

export function tombstoneObject(key: ValueKey, stamp: ValueStamp): ObjectName {
  return `${keyFolder(key)}${formatStamp(stamp)}.deleted`;
}

/** The folder of a key, which holds nothing of any other key. */
export function keyFolder(key: ValueKey): string {
  return `${VALUES_FOLDER}${encodeValueKey(key)}/`;
}

/** Such as `20261125T233000.123Z`, or `20261125T233000.123Z-2` for the second one of that millisecond. */
export function formatStamp({ timeMs, number }: ValueStamp): string {
  const time = new Date(timeMs).toISOString().replaceAll(/[-:]/g, '');
  return number === 1 ? time : `${time}-${number}`;
}

export function parseStamp(text: string): ValueStamp | undefined {
  return stampOf(STAMP.exec(text));
}

function stampOf(match: RegExpExecArray | null): ValueStamp | undefined {
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, number] = match;
  const timeMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}`);
  // `Date` takes 30 February for 2 March; a number of 1 is not written.
  const stamp = { timeMs, number: Number(number ?? 1) };
  const text = match[0].slice(0, 20) + (number === undefined ? '' : `-${number}`);
  return !Number.isNaN(timeMs) && formatStamp(stamp) === text ? stamp : undefined;
}

/** Negative where `a` is the older one. */
export function compareStamps(a: ValueStamp, b: ValueStamp): number {
  return a.timeMs - b.timeMs || a.number - b.number;
}

/** The stamp of something that is newer than all that is there, whatever other machines' clocks say. */
export function stampAfter(nowMs: number, newest: ValueStamp | undefined): ValueStamp {
  if (newest === undefined || newest.timeMs < nowMs) return { timeMs: nowMs, number: 1 };
  return { timeMs: newest.timeMs, number: newest.number + 1 };
}

export function checksumOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}
