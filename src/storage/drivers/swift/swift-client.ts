import type { ObjectName, Pace } from '../../storage.ts';
import type { HttpClient } from '../http/http-client.ts';
import type { HttpRequest, HttpResponse } from '../http/http-exchange.ts';
import { encodeComponent, encodePath, encodeQuery } from '../http/url-encoding.ts';
import type { RenewedValue } from '../renewed-value.ts';
import { swiftError } from './swift-errors.ts';
import type { SwiftLocation } from './swift-location.ts';
import type { SwiftSession } from './swift-session.ts';

/** One request to an account. */
export interface SwiftOperation {
  readonly method: HttpRequest['method'];
  /** Another container than that of the objects; `''` for the account itself. */
  readonly container?: string | undefined;
  /** An object by its name below the prefix. */
  readonly name?: ObjectName | undefined;
  /** An object by its whole key, as those of the container of segments are named. */
  readonly key?: string | undefined;
  readonly query?: Readonly<Record<string, string>> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: readonly Uint8Array[] | undefined;
  readonly largestBody?: number | undefined;
  readonly pace?: Pace | undefined;
  readonly repeatable?: boolean | undefined;
  /** Whether it makes the object. */
  readonly creates?: boolean | undefined;
  /** Other answers than successes that are none of failures. */
  readonly accept?: readonly number[] | undefined;
  /** What it is called, such as `PutObject`: for counting. */
  readonly operation: string;
  /** What is done, for messages. */
  readonly action: string;
  readonly signal?: AbortSignal | undefined;
}

export interface SwiftClientOptions {
  readonly location: SwiftLocation;
  readonly http: Pick<HttpClient, 'request'>;
  readonly sessions: RenewedValue<SwiftSession>;
  readonly hasFixedToken: boolean;
}

/** Sends requests to the account of a login, which is renewed in time. */
export class SwiftClient {
  readonly location: SwiftLocation;
  readonly #options: SwiftClientOptions;

  constructor(options: SwiftClientOptions) {
    this.location = options.location;
    this.#options = options;
  }

  /** The key of an object: its name below the prefix. */
  keyOf(name: string): string {
    const { prefix } = this.location;
    return prefix === '' ? name : `${prefix}/${name}`;
  }

  /** The answer, which is a success or accepted. Throws what any other one means. */
  async send(operation: SwiftOperation): Promise<HttpResponse> {
    const { hasFixedToken, location, sessions } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const session = await sessions.get(operation.signal);
      const url = this.#urlOf(operation, session);
      const response = await this.#sendOnce(operation, url, session);
      const { status } = response;
      if ((status >= 200 && status < 300) || operation.accept?.includes(status) === true) return response;
      // It may have been taken back before its time; a new one says for certain.
      if (status === 401 && attempt === 1 && !hasFixedToken) {
        sessions.drop(session);
        continue;
      }
      const { action, name, creates, container = location.container } = operation;
      throw swiftError({ action, host: url.host, container, name, creates, hasFixedToken }, response);
    }
  }

  /** What the server says of itself: beside the accounts, without a login. Undefined where it says nothing. */
  async describeServer(action: string, signal: AbortSignal | undefined): Promise<HttpResponse | undefined> {
    const { storageUrl } = await this.#options.sessions.get(signal);
    const url = URL.parse(storageUrl.replace(/\/v1(?:\/.*)?$/u, '/info'));
    if (url === null || !url.pathname.endsWith('/info')) return undefined;
    const response = await this.#options.http.request({ method: 'GET', url, kind: 'GetInfo', action, signal });
    return response.status === 200 ? response : undefined;
  }

  async #sendOnce(operation: SwiftOperation, url: URL, { token }: SwiftSession): Promise<HttpResponse> {
    const { method, headers, body, largestBody, pace, repeatable, operation: kind, action, signal } = operation;
    return await this.#options.http.request({
      method,
      url,
      headers: { ...headers, 'x-auth-token': token },
      body,
      largestBody,
      pace,
      repeatable,
      kind,
      action,
      signal,
    });
  }

  #urlOf({ container = this.location.container, name, key, query = {} }: SwiftOperation, session: SwiftSession): URL {
    const object = name === undefined ? key : this.keyOf(name);
    const path = container === '' ? '' : `/${encodeComponent(container)}`;
    const url = new URL(`${session.storageUrl}${path}${object === undefined ? '' : `/${encodePath(object)}`}`);
    url.search = encodeQuery(query);
    return url;
  }
}
