import { CairnError } from '../base/errors.ts';
import type { ObjectName } from '../storage/storage.ts';
import { readStored } from './read-value.ts';
import { parseExpiresIn, signUrl, type ValueUrlMethod, type ValueUrlRequest, verifyUrl } from './signed-url.ts';
import { parseValueKey, type ValueKey } from './value-key.ts';
import { versionObject } from './value-name.ts';
import { hasShelves, loadKey, type StoredVersion, type ValuesContext } from './value-shelf.ts';
import { chooseVersion, valueMissing, type VersionChoice } from './value-version.ts';

export interface ValueUrlOptions extends VersionChoice {
  /** Seconds until the URL is good for nothing: 1 to 604,800 (seven days). */
  readonly expiresIn: number;
  /** What the URL may be asked with, and nothing else; `GET` by default. */
  readonly method?: ValueUrlMethod | undefined;
  /** Where `cairn serve --values` answers for this vault; not needed on S3, which answers itself. */
  readonly base?: string | undefined;
  /** `false`: that there is no such value is no error; its URL then answers 404. */
  readonly checkExists?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The secret that URLs are signed with. */
type SigningKey = () => Uint8Array;

/**
 * A URL that gives the stored bytes of one version, for whoever has it, until it expires. A browser shows JSON, compressed or
 * not; what is encrypted stays so. Throws `VALUE_MISSING`, `ARGUMENT_INVALID`, and `NOT_SUPPORTED` where neither the storage
 * makes URLs nor a `base` is given.
 */
export async function urlOfValue(
  context: ValuesContext,
  signingKey: SigningKey,
  keyText: string,
  options: ValueUrlOptions,
): Promise<string> {
  const { storage, clock } = context;
  const key = parseValueKey(keyText);
  const expiresIn = parseExpiresIn(options.expiresIn);
  const method = options.method ?? 'GET';
  const state = await loadKey(context, key, options);
  const found = chooseVersion(state, options);
  if (found === undefined && options.checkExists !== false) throw valueMissing(key, state, options);
  const { object, ...form } = found ?? noVersion(key);
  if (options.base === undefined && storage.presign !== undefined) {
    const { contentType, contentEncoding } = contentOf(form);
    return storage.presign(object, {
      method,
      expiresInSeconds: expiresIn,
      responseContentType: contentType,
      responseContentEncoding: contentEncoding,
      signal: options.signal,
    });
  }
  if (options.base === undefined) throw noServer(context);
  const expires = Math.floor(Number(clock.nowNs() / 1_000_000_000n)) + expiresIn;
  return signUrl(signingKey(), { base: options.base, object, method, expires });
}

/** A name that no version has, so that its URL answers 404. */
function noVersion(key: ValueKey): Pick<StoredVersion, 'object' | 'compressed' | 'encrypted'> {
  const form = { compressed: true, encrypted: false };
  const object = versionObject(key, { ...form, stamp: { timeMs: 0, number: 1 }, checksum: '0'.repeat(16) });
  return { object, ...form };
}

/** How HTTP names what a version holds. What is encrypted is opaque to it. */
function contentOf({ compressed, encrypted }: Pick<StoredVersion, 'compressed' | 'encrypted'>): {
  readonly contentType: string;
  readonly contentEncoding: string | undefined;
} {
  if (encrypted) return { contentType: 'application/octet-stream', contentEncoding: undefined };
  return { contentType: 'application/json', contentEncoding: compressed ? 'gzip' : undefined };
}

/** What a server says to a request for a URL of `urlOfValue`. */
export type ValueUrlAnswer =
  /** Not signed by this vault, altered, for another method, or expired: 403. */
  | { readonly kind: 'refused' }
  /** Deleted since, or never there: 404. */
  | { readonly kind: 'missing' }
  | {
      readonly kind: 'value';
      readonly object: ObjectName;
      readonly sizeBytes: number;
      readonly contentType: string;
      readonly contentEncoding: string | undefined;
      /** Throws `VALUE_CORRUPT`, `OBJECT_MISSING`. */
      readonly read: (options: { readonly signal?: AbortSignal | undefined }) => Promise<Uint8Array>;
    };

/** Nothing is asked of the storage before the signature holds. */
export async function answerUrl(
  context: ValuesContext,
  signingKey: SigningKey,
  request: ValueUrlRequest,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<ValueUrlAnswer> {
  const signed = verifyUrl(signingKey(), request, Number(context.clock.nowNs() / 1_000_000n));
  if (signed === undefined) return { kind: 'refused' };
  // The key's state decides, not just whether the object exists: a version that a tombstone hides is deleted even while
  // its bytes are there.
  const { versions } = await loadKey(context, signed.key, options);
  const version = versions.find(({ object }) => object === signed.object);
  if (version === undefined) return { kind: 'missing' };
  const { object, sizeBytes } = version;
  return {
    kind: 'value',
    object,
    sizeBytes,
    ...contentOf(version),
    read: (call) => readStored(context, version, [], call),
  };
}

function noServer({ storage }: ValuesContext): CairnError {
  const where = hasShelves(storage) ? 'makes no URLs by itself' : 'holds no values';
  return new CairnError('NOT_SUPPORTED', `${storage.url} ${where}`, {
    hint: 'Run `cairn serve --values` and give its address with --base-url (in code: `base`).',
  });
}
