import { keyBelow } from '../container-place.ts';
import type { HttpClient } from '../http/http-client.ts';
import type { HttpResponse } from '../http/http-exchange.ts';
import { sendLoggedIn, type ServiceOperation } from '../http/logged-in.ts';
import { encodeComponent, encodePath, encodeQuery } from '../http/url-encoding.ts';
import type { RenewedValue } from '../renewed-value.ts';
import { swiftError } from './swift-errors.ts';
import type { SwiftLocation } from './swift-location.ts';
import type { SwiftSession } from './swift-session.ts';

/** One request to an account; without a `name` or a `key` it is about a container. */
export interface SwiftOperation extends ServiceOperation {
  /** Another container than that of the objects; `''` for the account itself. */
  readonly container?: string | undefined;
  /** An object by its whole key, as those of the container of segments are named. */
  readonly key?: string | undefined;
  readonly query?: Readonly<Record<string, string>> | undefined;
}

export interface SwiftClientOptions {
  readonly location: SwiftLocation;
  readonly http: Pick<HttpClient, 'request'>;
  readonly sessions: RenewedValue<SwiftSession>;
  /** The token was given to us and cannot be renewed. */
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
    return keyBelow(this.location, name);
  }

  /** The answer, which is a success or accepted. Throws what any other one means. */
  async send(operation: SwiftOperation): Promise<HttpResponse> {
    const { http, sessions, hasFixedToken, location } = this.#options;
    const { action, name, creates, container = location.container } = operation;
    return await sendLoggedIn(
      operation,
      { http, logins: sessions, canRenew: !hasFixedToken },
      {
        addressed: (session) => ({
          url: this.#urlOf(operation, session),
          headers: { 'x-auth-token': session.token },
        }),
        refused: ({ host }, response) =>
          swiftError({ action, host, container, name, creates, hasFixedToken }, response),
      },
    );
  }

  /** What the server says of itself: beside the accounts, without a login. Undefined where it says nothing. */
  async describeServer(action: string, signal: AbortSignal | undefined): Promise<HttpResponse | undefined> {
    const { storageUrl } = await this.#options.sessions.get(signal);
    const url = URL.parse(storageUrl.replace(/\/v1(?:\/.*)?$/u, '/info'));
    if (url === null || !url.pathname.endsWith('/info')) return undefined;
    const response = await this.#options.http.request({ method: 'GET', url, kind: 'GetInfo', action, signal });
    return response.status === 200 ? response : undefined;
  }

  #urlOf({ container = this.location.container, name, key, query = {} }: SwiftOperation, session: SwiftSession): URL {
    const object = name === undefined ? key : this.keyOf(name);
    const path = container === '' ? '' : `/${encodeComponent(container)}`;
    const url = new URL(`${session.storageUrl}${path}${object === undefined ? '' : `/${encodePath(object)}`}`);
    url.search = encodeQuery(query);
    return url;
  }
}
