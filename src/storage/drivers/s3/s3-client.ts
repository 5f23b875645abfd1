import { keyBelow } from '../container-place.ts';
import type { HttpClient } from '../http/http-client.ts';
import type { HttpRequest, HttpResponse } from '../http/http-exchange.ts';
import { encodePath, encodeQuery } from '../http/url-encoding.ts';
import type { ObjectName } from '../../storage.ts';
import type { AwsCredentials, CredentialProvider } from './credentials.ts';
import { parseRefusal, s3Error, type S3Refusal } from './s3-errors.ts';
import type { S3Location } from './s3-location.ts';
import { hashPayload, presignV4, signV4 } from './sign-v4.ts';

/** One request to a bucket. */
export interface S3Operation {
  readonly method: HttpRequest['method'];
  /** The object; undefined for the bucket itself. */
  readonly name?: ObjectName | undefined;
  readonly query?: Readonly<Record<string, string>> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: readonly Uint8Array[] | undefined;
  /** SHA-256 of the body in hexadecimal, where it is known. */
  readonly sha256?: string | undefined;
  readonly largestBody?: number | undefined;
  /** See `HttpRequest`. */
  readonly pace?: HttpRequest['pace'];
  readonly divert?: HttpRequest['divert'];
  /** What S3 calls it, such as `PutObject`: for counting. */
  readonly operation: string;
  /** What is done, for messages. */
  readonly action: string;
  readonly signal?: AbortSignal | undefined;
}

export interface S3ClientOptions {
  readonly location: S3Location;
  readonly region: string;
  readonly http: Pick<HttpClient, 'request'>;
  /** Undefined for requests that are not signed. */
  readonly credentials: CredentialProvider | undefined;
  readonly now?: () => Date;
}

/** Signs requests to one bucket and sends them to where it is. */
export class S3Client {
  readonly #options: S3ClientOptions;
  #region: string;

  constructor(options: S3ClientOptions) {
    this.#options = options;
    this.#region = options.region;
  }

  get location(): S3Location {
    return this.#options.location;
  }

  /** The region that requests are signed for; that of the bucket, once an answer has told it. */
  get region(): string {
    return this.#region;
  }

  now(): Date {
    return (this.#options.now ?? (() => new Date()))();
  }

  /** The key of an object: its name below the prefix. */
  keyOf(name: string): string {
    return keyBelow(this.location, name);
  }

  /**
   * The answer, which is a success. Throws what any other one means. Goes after the bucket where it is in another region,
   * and once more with new credentials where the session of the old ones has ended.
   */
  async send(operation: S3Operation): Promise<HttpResponse> {
    const { credentials } = this.#options;
    let follows = true;
    let renews = true;
    for (;;) {
      const region = this.#region;
      const url = this.#urlOf(operation);
      const keys = await credentials?.get(operation.signal);
      const now = this.now();
      const response = await this.#sendOnce(operation, url, keys, now);
      if (response.status >= 200 && response.status < 300) return response;
      const refusal = parseRefusal(response);
      if (follows && this.#follow(response.status, refusal, region)) {
        follows = false;
        continue;
      }
      if (renews && keys !== undefined && hasEnded(operation, response, refusal) && credentials?.drop(keys) === true) {
        renews = false;
        continue;
      }
      const { bucket } = this.location;
      throw s3Error(
        { ...operation, host: url.host, bucket, name: operation.name, nowMs: now.getTime() },
        response,
        refusal,
      );
    }
  }

  /** A URL for one operation without headers; undefined where requests are not signed. Signed for the region known so far. */
  async presign(
    { method, name, query, signal }: Pick<S3Operation, 'method' | 'name' | 'query' | 'signal'>,
    expiresInSeconds: number,
  ): Promise<URL | undefined> {
    const { credentials, location } = this.#options;
    const keys = await credentials?.get(signal);
    if (keys === undefined) return undefined;
    const payer = location.requesterPays ? { 'x-amz-request-payer': 'requester' } : {};
    const url = this.#urlOf({ name, query: { ...query, ...payer } });
    return presignV4({ method, url, expiresInSeconds }, { keys, region: this.#region, now: this.now() });
  }

  async #sendOnce(
    operation: S3Operation,
    url: URL,
    keys: AwsCredentials | undefined,
    now: Date,
  ): Promise<HttpResponse> {
    const { http, location } = this.#options;
    const { method, body, largestBody, pace, divert, operation: kind, action, signal } = operation;
    let headers: Readonly<Record<string, string>> = {
      ...operation.headers,
      ...(location.requesterPays ? { 'x-amz-request-payer': 'requester' } : {}),
    };
    if (keys !== undefined) {
      // The server hashes what arrives and refuses other bytes than these. That works on every server and without
      // TLS, where checksum headers, or a payload that is not signed, do not.
      const payloadHash = operation.sha256 ?? hashPayload(body ?? []);
      headers = signV4({ method, url, headers, payloadHash }, { keys, region: this.#region, now });
    }
    return await http.request({ method, url, headers, body, largestBody, pace, divert, kind, action, signal });
  }

  /** Whether the bucket is in another region than was asked, which is noted. */
  #follow(status: number, { region, code }: S3Refusal, asked: string): boolean {
    const redirected = status === 301 || status === 307 || code === 'AuthorizationHeaderMalformed' || status === 400;
    if (!redirected || region === undefined || region === asked || !/^[a-z0-9-]{1,40}$/u.test(region)) return false;
    this.#region = region;
    return true;
  }

  #urlOf({ name, query = {} }: Pick<S3Operation, 'name' | 'query'>): URL {
    const { bucket, endpoint, pathStyle } = this.location;
    const origin = endpoint ?? new URL(`https://s3.${this.#region}.amazonaws.com${awsSuffix(this.#region)}`);
    const url = new URL(origin);
    if (!pathStyle) url.hostname = `${bucket}.${url.hostname}`;
    const path = name === undefined ? '' : encodePath(this.keyOf(name));
    url.pathname = pathStyle ? `/${bucket}/${path}` : `/${path}`;
    url.search = encodeQuery(query);
    return url;
  }
}

const ENDED = new Set(['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired']);

/** Whether the session of the credentials is over. The answer to HEAD has no text that would say so, but S3's status for it. */
function hasEnded({ method }: S3Operation, { status }: HttpResponse, { code }: S3Refusal): boolean {
  return ENDED.has(code) || (method === 'HEAD' && status === 400 && code === '');
}

// The Chinese regions are a partition of their own.
function awsSuffix(region: string): string {
  return region.startsWith('cn-') ? '.cn' : '';
}
