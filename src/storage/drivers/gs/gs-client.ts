import type { ObjectName, Pace } from '../../storage.ts';
import type { HttpClient } from '../http/http-client.ts';
import type { HttpRequest, HttpResponse } from '../http/http-exchange.ts';
import { encodeComponent, encodeQuery } from '../http/url-encoding.ts';
import type { RenewedValue } from '../renewed-value.ts';
import type { GoogleToken } from './google-token.ts';
import { gsError, parseAnswer, strangeAnswer } from './gs-errors.ts';
import type { GsLocation } from './gs-location.ts';

/** One request of the JSON API. */
export interface GsOperation {
  readonly method: HttpRequest['method'];
  /** Below the endpoint, encoded; or a whole URL that the server has given, at the same endpoint. */
  readonly path: string | URL;
  readonly query?: Readonly<Record<string, string>> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: readonly Uint8Array[] | undefined;
  readonly largestBody?: number | undefined;
  readonly pace?: Pace | undefined;
  readonly repeatable?: boolean | undefined;
  /** The object it is about; undefined for the bucket. */
  readonly name?: ObjectName | undefined;
  /** Whether it makes the object. */
  readonly creates?: boolean | undefined;
  /** Other answers than successes that are none of failures. */
  readonly accept?: readonly number[] | undefined;
  /** What it is called, such as `InsertObject`: for counting. */
  readonly operation: string;
  /** What is done, for messages. */
  readonly action: string;
  readonly signal?: AbortSignal | undefined;
}

export interface GsClientOptions {
  readonly location: GsLocation;
  readonly http: Pick<HttpClient, 'request'>;
  /** Undefined for requests without a login. */
  readonly tokens: RenewedValue<GoogleToken> | undefined;
  readonly hasFixedToken: boolean;
}

/** Sends requests to one bucket, with a token that is renewed in time. */
export class GsClient {
  readonly location: GsLocation;
  readonly #options: GsClientOptions;

  constructor(options: GsClientOptions) {
    this.location = options.location;
    this.#options = options;
  }

  /** The key of an object: its name below the prefix. */
  keyOf(name: string): string {
    const { prefix } = this.location;
    return prefix === '' ? name : `${prefix}/${name}`;
  }

  /** Where the bucket is in the JSON API. */
  get bucketPath(): string {
    return `/storage/v1/b/${encodeComponent(this.location.bucket)}`;
  }

  /** Where objects are uploaded to. */
  get uploadPath(): string {
    return `/upload${this.bucketPath}/o`;
  }

  /** Where an object is: its key is one component of the path. */
  objectPath(name: ObjectName): string {
    return `${this.bucketPath}/o/${encodeComponent(this.keyOf(name))}`;
  }

  /** The answer, which is a success or accepted. Throws what any other one means. */
  async send(operation: GsOperation): Promise<HttpResponse> {
    const url = this.#urlOf(operation);
    const { hasFixedToken, location } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const token = await this.#options.tokens?.get(operation.signal);
      const response = await this.#sendOnce(operation, url, token);
      const { status } = response;
      if ((status >= 200 && status < 300) || operation.accept?.includes(status) === true) return response;
      // It may have been taken back before its time; a new one says for certain.
      if (status === 401 && attempt === 1 && token !== undefined && !hasFixedToken) {
        this.#options.tokens?.drop(token);
        continue;
      }
      const { action, name, creates } = operation;
      throw gsError({ action, host: url.host, bucket: location.bucket, name, creates, hasFixedToken }, response);
    }
  }

  /** The same, of an answer that is a document. */
  async sendForJson(operation: GsOperation): Promise<Readonly<Record<string, unknown>>> {
    return parseAnswer(await this.send(operation), operation.action);
  }

  async #sendOnce(operation: GsOperation, url: URL, token: GoogleToken | undefined): Promise<HttpResponse> {
    const { method, headers, body, largestBody, pace, repeatable, operation: kind, action, signal } = operation;
    const login: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token.token}` };
    return await this.#options.http.request({
      method,
      url,
      headers: { ...headers, ...login },
      body,
      largestBody,
      pace,
      repeatable,
      kind,
      action,
      signal,
    });
  }

  #urlOf({ path, query = {}, action }: GsOperation): URL {
    const { endpoint, userProject } = this.location;
    if (path instanceof URL) {
      // The token goes along: nowhere else than where it is meant for.
      if (path.origin !== endpoint.origin) throw strangeAnswer(action, 'the address of another server');
      return path;
    }
    const url = new URL(path, endpoint);
    url.search = encodeQuery({ ...query, ...(userProject === undefined ? {} : { userProject }) });
    return url;
  }
}
