import { CairnError, hasCode, isCairnError, messageOf } from '../base/errors.ts';
import { readAttempts } from '../storage/read-attempts.ts';
import { decodeJson, gunzipJson, type JsonValue, MAX_VALUE_BYTES } from './json-content.ts';
import { parseValueKey } from './value-key.ts';
import { checksumOf } from './value-name.ts';
import { unseal, type ValueUnsealOptions } from './value-seal.ts';
import { type KeyState, loadKey, type StoredVersion, type ValuesContext } from './value-shelf.ts';
import { chooseVersion, valueMissing, type VersionChoice, versionId } from './value-version.ts';

export interface ReadValueOptions extends ValueUnsealOptions, VersionChoice {
  readonly signal?: AbortSignal | undefined;
}

/** A value with the version it is of. */
export interface ReadValue {
  readonly version: StoredVersion;
  readonly value: JsonValue;
  /** The JSON as it was stored. */
  readonly json: Uint8Array;
}

/** gzip and age add less to what cannot be compressed. */
const MAX_STORED_BYTES = MAX_VALUE_BYTES + 1024 * 1024;
/** How many times in a row a listing may be out of date by the time of the read. */
const MAX_TRIES = 5;

/**
 * `undefined` where there is no such value. Throws `VALUE_CORRUPT` where the version that is meant is damaged (older ones are
 * not taken in its place: they are another value), and what `unseal` throws.
 */
export async function readValue(
  context: ValuesContext,
  keyText: string,
  options: ReadValueOptions,
): Promise<ReadValue | undefined> {
  const key = parseValueKey(keyText);
  for (let tries = 1; ; tries++) {
    const state = await loadKey(context, key, options);
    const version = chooseVersion(state, options);
    if (version === undefined) return undefined;
    try {
      return await readVersion(context, state, version, options);
    } catch (error) {
      // Deleted, or removed for a newer one, since it was listed.
      if (!hasCode(error, 'OBJECT_MISSING') || tries === MAX_TRIES) throw error;
    }
  }
}

/** The same, but throws `VALUE_MISSING` where there is no such value. */
export async function readValueOrThrow(
  context: ValuesContext,
  keyText: string,
  options: ReadValueOptions,
): Promise<ReadValue> {
  const found = await readValue(context, keyText, options);
  if (found !== undefined) return found;
  const key = parseValueKey(keyText);
  throw valueMissing(key, await loadKey(context, key, options), options);
}

/** One version that is known. Throws as `readValue`, and `OBJECT_MISSING` where it is gone. */
export function readThisVersion(
  context: ValuesContext,
  version: StoredVersion,
  options: ReadValueOptions,
): Promise<ReadValue> {
  return readVersion(context, { key: version.key, versions: [version] }, version, options);
}

/** The bytes of a version as they were stored, checked. Throws `VALUE_CORRUPT`, `OBJECT_MISSING`. */
export async function readStored(
  { storage }: Pick<ValuesContext, 'storage'>,
  version: StoredVersion,
  older: readonly StoredVersion[],
  { signal }: { readonly signal?: AbortSignal | undefined },
): Promise<Uint8Array> {
  if (version.sizeBytes > MAX_STORED_BYTES) throw damaged(version, older, 'it is larger than a value can be');
  let why = '';
  for (let copy = 0; copy < readAttempts(storage); copy++) {
    const bytes = await storage.read(version.object, { copy, signal });
    if (checksumOf(bytes) === version.checksum) return bytes;
    why = bytes.length < version.sizeBytes ? 'it was cut off' : 'its content does not have the checksum of its name';
  }
  throw damaged(version, older, why);
}

async function readVersion(
  context: ValuesContext,
  { key, versions }: Pick<KeyState, 'key' | 'versions'>,
  version: StoredVersion,
  options: ReadValueOptions,
): Promise<ReadValue> {
  const older = versions.slice(versions.indexOf(version) + 1);
  const stored = await readStored(context, version, older, options);
  try {
    const packed = version.encrypted ? await unseal(key, stored, options) : stored;
    const json = version.compressed ? await gunzipJson(packed) : packed;
    return { version, value: decodeJson(json), json };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (isCairnError(error) && !contentCodes.has(error.code)) throw error;
    throw damaged(version, older, messageOf(error), error);
  }
}

/** Errors that mean a damaged age file; its other errors are about passwords. */
const contentCodes: ReadonlySet<string> = new Set(['SEAL_BROKEN', 'FORMAT_INVALID']);

function damaged(version: StoredVersion, older: readonly StoredVersion[], why: string, cause?: unknown): CairnError {
  const { key, object } = version;
  const [next] = older;
  const hint =
    next === undefined
      ? 'There is no older version. Set the key again.'
      : `An older version is there: ${versionId(next)} (--id, in code \`id\`).`;
  return new CairnError('VALUE_CORRUPT', `the value of ${JSON.stringify(key)} is damaged: ${object}: ${why}`, {
    hint,
    cause,
    facts: { key, object, older: older.map(versionId) },
  });
}
