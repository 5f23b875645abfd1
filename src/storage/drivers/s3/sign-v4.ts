import { createHash, createHmac } from 'node:crypto';
import { encodeQuery, sortedQuery } from '../http/url-encoding.ts';

// AWS Signature Version 4 as S3 wants it: the path is encoded once and not normalised ("Authenticating Requests: Using
// the Authorization Header" and "… Using Query Parameters", Amazon S3 API Reference).

const ALGORITHM = 'AWS4-HMAC-SHA256';
const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
export const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export interface SigningKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface SignedRequest {
  readonly method: string;
  /** Path and query encoded by `encodePath` and `encodeQuery`. */
  readonly url: URL;
  /** Names in lower case. All of them are signed, and `host`. */
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body in hexadecimal. */
  readonly payloadHash: string;
}

export interface Signing {
  readonly keys: SigningKeys;
  readonly region: string;
  readonly now: Date;
}

/** The headers of `request` with those that sign it. */
export function signV4(request: SignedRequest, signing: Signing): Record<string, string> {
  const { keys } = signing;
  const { time, scope } = scopeOf(signing);
  const headers: Record<string, string> = {
    ...request.headers,
    host: request.url.host,
    'x-amz-content-sha256': request.payloadHash,
    'x-amz-date': time,
    ...(keys.sessionToken === undefined ? {} : { 'x-amz-security-token': keys.sessionToken }),
  };
  const { names, signature } = sign({ ...request, headers }, signing);
  headers['authorization'] =
    `${ALGORITHM} Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return headers;
}

/** A URL that makes this request, without headers or a body of its own, for whoever has it. */
export function presignV4(
  { method, url, expiresInSeconds }: { readonly method: string; readonly url: URL; readonly expiresInSeconds: number },
  signing: Signing,
): URL {
  const { keys } = signing;
  const { time, scope } = scopeOf(signing);
  const signed = new URL(url);
  signed.search = encodeQuery({
    ...Object.fromEntries(url.searchParams),
    'X-Amz-Algorithm': ALGORITHM,
    'X-Amz-Credential': `${keys.accessKeyId}/${scope}`,
    'X-Amz-Date': time,
    'X-Amz-Expires': String(expiresInSeconds),
    ...(keys.sessionToken === undefined ? {} : { 'X-Amz-Security-Token': keys.sessionToken }),
    'X-Amz-SignedHeaders': 'host',
  });
  const request = { method, url: signed, headers: { host: url.host }, payloadHash: UNSIGNED_PAYLOAD };
  // Last, and not among what is signed.
  signed.search += `&X-Amz-Signature=${sign(request, signing).signature}`;
  return signed;
}

function scopeOf({ region, now }: Signing): { readonly time: string; readonly scope: string } {
  const time = now.toISOString().replaceAll(/[-:]|\.\d+/gu, '');
  return { time, scope: `${time.slice(0, 8)}/${region}/s3/aws4_request` };
}

/** The signature over a request with all its headers, and the names of those. */
function sign(
  { method, url, headers, payloadHash }: SignedRequest,
  signing: Signing,
): { readonly names: string; readonly signature: string } {
  const { time, scope } = scopeOf(signing);
  const names = Object.keys(headers).toSorted();
  const canonical = [
    method,
    url.pathname,
    canonicalQuery(url),
    ...names.map((name) => `${name}:${(headers[name] ?? '').trim().replaceAll(/ +/gu, ' ')}`),
    '',
    names.join(';'),
    payloadHash,
  ].join('\n');
  const toSign = [ALGORITHM, time, scope, sha256(canonical)].join('\n');
  const signature = createHmac('sha256', signingKey(signing.keys.secretAccessKey, scope)).update(toSign).digest('hex');
  return { names: names.join(';'), signature };
}

/** SHA-256 of a body in parts, in hexadecimal. */
export function hashPayload(parts: readonly Uint8Array[]): string {
  if (parts.length === 0) return EMPTY_SHA256;
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function canonicalQuery(url: URL): string {
  return sortedQuery(Array.from(url.searchParams));
}

/** Derived anew for each request: four short HMACs. Kept nowhere, so that nothing of the secret stays behind. */
function signingKey(secret: string, scope: string): Buffer {
  let key: string | Buffer = `AWS4${secret}`;
  for (const step of scope.split('/')) key = createHmac('sha256', key).update(step).digest();
  return Buffer.from(key);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
