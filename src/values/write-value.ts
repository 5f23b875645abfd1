import { CairnArgumentError, CairnError, hasCode, messageOf } from '../base/errors.ts';
import { encodeJson, gzipJson } from './json-content.ts';
import { parseValueKey, type ValueKey } from './value-key.ts';
import { checksumOf, stampAfter, type ValueStamp, versionObject } from './value-name.ts';
import { seal, sealFor, type ValueSealOptions } from './value-seal.ts';
import { hasShelves, type KeyState, loadKey, type StoredVersion, type ValuesContext } from './value-shelf.ts';
import { describeVersion, type ValueVersion } from './value-version.ts';

export interface SetValueOptions extends ValueSealOptions {
  /** gzip, by default. */
  readonly compress?: boolean | undefined;
  /** How many versions of the key to keep, this one included; all by default. */
  readonly keep?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Another writer may take a stamp first; so often in a row only where something is wrong. */
const MAX_TRIES = 100;

/**
 * Stores a new version. It is there as a whole or not at all, and is the newest one for all who read afterwards. Throws
 * `ARGUMENT_INVALID`, `VALUE_TOO_LARGE`, `NOT_SUPPORTED` where the storage holds restic's files only, and what it throws.
 */
export async function setValue(
  context: ValuesContext,
  keyText: string,
  value: unknown,
  options: SetValueOptions,
): Promise<ValueVersion> {
  const key = parseValueKey(keyText);
  const keep = parseKeep(options.keep);
  const json = encodeJson(key, value);
  if (!hasShelves(context.storage)) throw noShelves(context);
  const to = await sealFor(options);
  const compressed = options.compress ?? true;
  const packed = compressed ? await gzipJson(json) : json;
  const bytes = to === undefined ? packed : await seal(packed, to, context.workFactor);
  const state = await loadKey(context, key, options);
  const version = await writeNewest(context, state, bytes, { compressed, encrypted: to !== undefined }, options);
  context.onStored?.(version);
  if (keep !== undefined) await removeOld(context, key, state.versions.slice(keep - 1), options);
  return describeVersion(version);
}

function parseKeep(keep: number | undefined): number | undefined {
  if (keep === undefined || (Number.isSafeInteger(keep) && keep >= 1)) return keep;
  throw new CairnArgumentError(`\`keep\` is a whole number of at least 1, not ${keep}`);
}

async function writeNewest(
  { storage, clock }: ValuesContext,
  { key, newest }: KeyState,
  bytes: Uint8Array,
  form: Pick<StoredVersion, 'compressed' | 'encrypted'>,
  { signal }: SetValueOptions,
): Promise<StoredVersion> {
  const checksum = checksumOf(bytes);
  let stamp: ValueStamp = stampAfter(Number(clock.nowNs() / 1_000_000n), newest);
  for (let tries = 1; ; tries++) {
    const object = versionObject(key, { stamp, checksum, ...form });
    try {
      await storage.write(object, bytes, { ifAbsent: true, signal });
      return { key, stamp, checksum, ...form, object, sizeBytes: bytes.length };
    } catch (error) {
      if (!hasCode(error, 'OBJECT_EXISTS') || tries === MAX_TRIES) throw error;
      stamp = stampAfter(stamp.timeMs, stamp);
    }
  }
}

/** A failure is only reported: the value is stored, and the next write removes what stays. */
async function removeOld(
  { storage, warn, onRemoved }: ValuesContext,
  key: ValueKey,
  versions: readonly StoredVersion[],
  { signal }: SetValueOptions,
): Promise<void> {
  if (versions.length === 0) return;
  try {
    // Oldest first: what is left when it stops is the newest ones.
    await storage.removeMany(
      versions.toReversed().map(({ object }) => object),
      { signal },
    );
    onRemoved?.(versions);
  } catch (error) {
    signal?.throwIfAborted();
    warn(`old versions of ${JSON.stringify(key)} could not be removed: ${messageOf(error)}`);
  }
}

function noShelves({ storage }: ValuesContext): CairnError {
  return new CairnError('NOT_SUPPORTED', `${storage.url} can hold backups of files only, no values`, {
    hint: 'It stores what restic knows and nothing else. Use a folder, S3, Azure, Google, Swift, SFTP or a REST server of Cairn for values.',
  });
}
