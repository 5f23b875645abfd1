// Versions of values as backups among others: listed, found by a reference, removed one by one.
import type { BackupFilter } from '../reference/backup-filter.ts';
import { momentEnd, momentStart } from '../reference/moment.ts';
import { parseTimeSpan } from '../../formats/time-span.ts';
import { compareStamps } from '../../values/value-name.ts';
import { MAX_KEY_LENGTH, parseValueKey, type ValueKey } from '../../values/value-key.ts';
import { type KeyState, loadKey, loadShelf, type StoredVersion, type ValuesContext } from '../../values/value-shelf.ts';
import { chooseVersion, versionId } from '../../values/value-version.ts';

/** One version of a value. */
export interface ValueBackup {
  readonly form: 'value';
  /** `key@time`. */
  readonly id: string;
  /** The key. */
  readonly name: string;
  readonly time: Date;
  readonly tags: readonly string[];
  readonly host: string;
  readonly paths: readonly string[];
  /** Bytes of its JSON, or `null` where only who reads it knows. */
  readonly bytes: number | null;
  readonly storedBytes: number;
  readonly compressed: boolean;
  readonly encrypted: boolean;
  /** Its name in the storage. */
  readonly object: string;
}

export function valueBackup(version: StoredVersion): ValueBackup {
  const { key, stamp, sizeBytes, compressed, encrypted, object } = version;
  return {
    form: 'value',
    id: versionId(version),
    name: key,
    time: new Date(stamp.timeMs),
    tags: [],
    host: '',
    paths: [],
    bytes: compressed || encrypted ? null : sizeBytes,
    storedBytes: sizeBytes,
    compressed,
    encrypted,
    object,
  };
}

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * The newest version of each key that matches, oldest first; with `before`, the version that was the newest then.
 * Values have no host, tags or paths, so none matches a filter on them.
 */
export async function listValueBackups(
  context: ValuesContext,
  filter: BackupFilter,
  options: CallOptions,
): Promise<ValueBackup[]> {
  if (!mayMatch(filter)) return [];
  const { keys } =
    filter.name === undefined ? await loadShelf(context, options) : await keysNamed(context, filter.name, options);
  const at = filter.before === undefined ? undefined : dateOf(momentEnd(filter.before));
  const afterMs = filter.after === undefined ? Number.NEGATIVE_INFINITY : dateOf(momentStart(filter.after)).getTime();
  return keys
    .flatMap((state) => chooseVersion(state, { at }) ?? [])
    .filter(({ stamp }) => stamp.timeMs >= afterMs)
    .toSorted((a, b) => compareStamps(a.stamp, b.stamp))
    .map(valueBackup);
}

function mayMatch({ host, tags, paths = [] }: BackupFilter): boolean {
  return host === undefined && paths.length === 0 && (tags?.all ?? []).length + (tags?.any ?? []).length === 0;
}

async function keysNamed(
  context: ValuesContext,
  name: string,
  options: CallOptions,
): Promise<{ readonly keys: readonly KeyState[] }> {
  const state = await keyState(context, name, options);
  return { keys: state === undefined ? [] : [state] };
}

/** The version, or versions, that a reference means. */
export interface FoundValue {
  readonly version: StoredVersion;
  /** What deleting it removes: all versions of a key, newest first, or the one that was named by its id or a time. */
  readonly versions: readonly StoredVersion[];
}

/**
 * The version that a reference means: an id (`key@time` as it is listed), a key (its newest version), or `key@time` with a
 * time as people write it (the newest that is not later). `undefined` where it means none. `latest` means no value.
 */
export async function findValue(
  context: ValuesContext,
  reference: string,
  options: CallOptions & { readonly at?: Date | string | undefined; readonly filter?: BackupFilter | undefined },
): Promise<FoundValue | undefined> {
  const { filter = {} } = options;
  const isOther = reference === 'latest' || reference.startsWith('latest@');
  if (isOther || !mayMatch(filter)) return undefined;
  const at = options.at === undefined ? undefined : dateOf(momentEnd(options.at));
  const whole = await keyState(context, reference, options);
  const newest = whole === undefined ? undefined : chooseVersion(whole, { at });
  if (newest !== undefined) return { version: newest, versions: at === undefined ? (whole?.versions ?? []) : [newest] };
  const split = reference.lastIndexOf('@');
  const state = split > 0 ? await keyState(context, reference.slice(0, split), options) : undefined;
  if (state === undefined) return undefined;
  const until = parseTimeSpan(reference.slice(split + 1));
  const version =
    chooseVersion(state, { id: reference }) ??
    (until === undefined ? undefined : chooseVersion(state, { at: earlier(dateOf(until.endNs), at) }));
  return version === undefined ? undefined : { version, versions: [version] };
}

function earlier(one: Date, other: Date | undefined): Date {
  return other === undefined || one < other ? one : other;
}

/** The state of a key; `undefined` where the text cannot be one. */
async function keyState(context: ValuesContext, name: string, options: CallOptions): Promise<KeyState | undefined> {
  const key = asKey(name);
  return key === undefined ? undefined : loadKey(context, key, options);
}

/** `undefined` for what cannot be a key, so that nothing has to be looked for. */
function asKey(text: string): ValueKey | undefined {
  const isKey = text !== '' && text.length <= MAX_KEY_LENGTH && text.isWellFormed();
  return isKey ? parseValueKey(text) : undefined;
}

function dateOf(ns: bigint): Date {
  return new Date(Number(ns / 1_000_000n));
}
