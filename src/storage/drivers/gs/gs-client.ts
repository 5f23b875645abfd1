import type { ObjectName } from '../../storage.ts';
import { keyBelow } from '../container-place.ts';
import type { HttpClient } from '../http/http-client.ts';
import type { HttpResponse } from '../http/http-exchange.ts';
import { sendLoggedIn, type ServiceOperation } from '../http/logged-in.ts';
import { encodeComponent, encodeQuery } from '../http/url-encoding.ts';
import type { Expiring, RenewedValue } from '../renewed-value.ts';
import { gsError, parseAnswer, strangeAnswer } from './gs-errors.ts';
import type { GsLocation } from './gs-location.ts';

/** One request of the JSON API; without a `name` it is about the bucket. */
export interface GsOperation extends ServiceOperation {
  /** Below the endpoint, encoded; or a whole URL that the server has given, at the same endpoint. */
  readonly path: string | URL;
  readonly query?: Readonly<Record<string, string>> | undefined;
}

/** A login; without a token, requests are made without one. */
export interface GsLogin extends Expiring {
  readonly token: string | undefined;
}

export interface GsClientOptions {
  readonly location: GsLocation;
  readonly http: Pick<HttpClient, 'request'>;
  readonly logins: RenewedValue<GsLogin>;
  /** The token was given to us and cannot be renewed. */
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
    return keyBelow(this.location, name);
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
    const { http, logins, hasFixedToken, location } = this.#options;
    const { action, name, creates } = operation;
    const url = this.#urlOf(operation);
    return await sendLoggedIn(
      operation,
      { http, logins, canRenew: !hasFixedToken },
      {
        addressed: ({ token }) => ({ url, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } }),
        refused: ({ host }, response) =>
          gsError({ action, host, bucket: location.bucket, name, creates, hasFixedToken }, response),
      },
    );
  }

  /** The same, of an answer that is a document. */
  async sendForJson(operation: GsOperation): Promise<Readonly<Record<string, unknown>>> {
    return parseAnswer(await this.send(operation), operation.action);
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
