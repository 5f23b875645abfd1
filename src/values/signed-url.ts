// URLs of values on storages that have none of their own (S3 has). `cairn serve --values` answers them:
//
//   <base>/values/<folder of the key>/<version>?method=GET&expires=<Unix seconds>&signature=<base64url>
//
// The signature is HMAC-SHA-256 over the lines `cairn-value-url-1`, method, object name and expiry, so that none of them
// can be changed. It is over the object name and not the path: a proxy may put the server below another path.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { CairnArgumentError } from '../base/errors.ts';
import { isObjectName } from '../storage/object-name.ts';
import type { ObjectName } from '../storage/storage.ts';
import { decodeValueKey } from './value-key.ts';
import type { ValueKey } from './value-key.ts';
import { parseEntryName, VALUES_FOLDER } from './value-name.ts';

export type ValueUrlMethod = 'GET' | 'HEAD';

/** Seven days: what S3 allows. */
const MAX_EXPIRES_IN = 604_800;

export interface SignedObject {
  readonly key: ValueKey;
  readonly object: ObjectName;
}

/** Throws `ARGUMENT_INVALID` unless this is a whole number of seconds up to seven days. */
export function parseExpiresIn(seconds: number): number {
  if (Number.isSafeInteger(seconds) && seconds >= 1 && seconds <= MAX_EXPIRES_IN) return seconds;
  throw new CairnArgumentError(`\`expiresIn\` is a number of seconds from 1 to ${MAX_EXPIRES_IN}, not ${seconds}`, {
    hint: 'Seven days is the longest that S3 allows, and so the longest everywhere.',
  });
}

export interface UrlToSign {
  readonly base: string;
  readonly object: ObjectName;
  readonly method: ValueUrlMethod;
  /** Unix time in seconds. */
  readonly expires: number;
}

/** Throws `ARGUMENT_INVALID` for a base that is no address of a server. */
export function signUrl(signingKey: Uint8Array, { base, object, method, expires }: UrlToSign): string {
  const url = parseBase(base);
  const folder = url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`;
  url.pathname = folder + object.split('/').map(encodeURIComponent).join('/');
  url.searchParams.set('method', method);
  url.searchParams.set('expires', String(expires));
  url.searchParams.set('signature', signature(signingKey, method, object, expires).toString('base64url'));
  return url.href;
}

function parseBase(base: string): URL {
  const url = URL.canParse(base) ? new URL(base) : undefined;
  const isServer = url !== undefined && (url.protocol === 'https:' || url.protocol === 'http:');
  if (isServer && url.username === '' && url.password === '' && url.search === '' && url.hash === '') return url;
  throw new CairnArgumentError('the base of a URL is the http: or https: address of a server, and no more', {
    hint: 'Such as https://backup.example.org/ where `cairn serve --values` runs behind that name.',
  });
}

export interface ValueUrlRequest {
  /** As it came in the request line, without the query. */
  readonly path: string;
  /** Without the `?`. */
  readonly query: string;
  readonly method: string;
}

/**
 * What a request may have, or `undefined`: not signed with this key, signed for another method, altered, or expired.
 * Says not which of them, since only who guesses needs to know. Takes the same time for all wrong signatures.
 */
export function verifyUrl(signingKey: Uint8Array, request: ValueUrlRequest, nowMs: number): SignedObject | undefined {
  const { method } = request;
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  const object = objectOfPath(request.path);
  const parameters = parametersOf(request.query);
  if (object === undefined || parameters === undefined) return undefined;
  const expected = signature(signingKey, method, object, parameters.expires);
  const given = Buffer.from(parameters.signature, 'base64url');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  if (parameters.method !== method || parameters.expires * 1000 <= nowMs) return undefined;
  const key = keyOfVersion(object);
  return key === undefined ? undefined : { key, object };
}

function signature(signingKey: Uint8Array, method: ValueUrlMethod, object: ObjectName, expires: number): Buffer {
  return createHmac('sha256', signingKey).update(`cairn-value-url-1\n${method}\n${object}\n${expires}`).digest();
}

function parametersOf(
  query: string,
): { readonly method: string; readonly expires: number; readonly signature: string } | undefined {
  const parameters = new URLSearchParams(query);
  const [method, expires, given] = ['method', 'expires', 'signature'].map((name) => parameters.getAll(name));
  const isClear = method?.length === 1 && expires?.length === 1 && given?.length === 1 && parameters.size === 3;
  if (!isClear || !/^[1-9]\d{0,11}$/.test(expires[0] ?? '')) return undefined;
  return { method: method[0] ?? '', expires: Number(expires[0]), signature: given[0] ?? '' };
}

/** The path of a request is hostile until here. */
function objectOfPath(path: string): ObjectName | undefined {
  if (!path.startsWith('/') || path.length > 8192) return undefined;
  try {
    const parts = path.slice(1).split('/').map(decodeURIComponent);
    const name = parts.join('/');
    return parts.every((part) => !part.includes('/')) && isObjectName(name) ? name : undefined;
  } catch {
    return undefined;
  }
}

function keyOfVersion(object: ObjectName): ValueKey | undefined {
  const slash = object.lastIndexOf('/');
  if (!object.startsWith(VALUES_FOLDER) || parseEntryName(object.slice(slash + 1))?.kind !== 'version')
    return undefined;
  return decodeValueKey(object.slice(VALUES_FOLDER.length, slash));
}
