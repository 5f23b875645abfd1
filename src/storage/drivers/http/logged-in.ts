// Requests to services whose logins end: with a login that is renewed in time, and once more with a new one where a server
// does not take it any more.
import type { CairnError } from '../../../base/errors.ts';
import type { ObjectName } from '../../storage.ts';
import type { Expiring, RenewedValue } from '../renewed-value.ts';
import type { HttpClient } from './http-client.ts';
import type { HttpRequest, HttpResponse } from './http-exchange.ts';

/** One request, apart from where it goes. */
export interface ServiceOperation extends Pick<
  HttpRequest,
  'method' | 'headers' | 'body' | 'largestBody' | 'pace' | 'divert' | 'repeatable' | 'signal'
> {
  /** The object that it is about, by its name below the prefix. */
  readonly name?: ObjectName | undefined;
  /** Whether it makes the object. */
  readonly creates?: boolean | undefined;
  /** Other answers than successes that are none of failures. */
  readonly accept?: readonly number[] | undefined;
  /** What it is called, such as `PutObject`: for counting. */
  readonly operation: string;
  /** What is done, for messages. */
  readonly action: string;
}

export interface Logins<L extends Expiring> {
  readonly http: Pick<HttpClient, 'request'>;
  readonly logins: RenewedValue<L>;
  /** Whether another login can be had than the one that was refused. */
  readonly canRenew: boolean;
}

/** What a driver adds to each request. */
export interface ServiceDialect<L> {
  /** Where the request goes, and the headers that say who makes it. */
  addressed(login: L): { readonly url: URL; readonly headers: Readonly<Record<string, string>> };
  /** What an answer means that is neither a success nor accepted. */
  refused(url: URL, response: HttpResponse): CairnError;
}

/** The answer, which is a success or accepted. Throws what any other one means. */
export async function sendLoggedIn<L extends Expiring>(
  operation: ServiceOperation,
  { http, logins, canRenew }: Logins<L>,
  dialect: ServiceDialect<L>,
): Promise<HttpResponse> {
  const { method, body, largestBody, pace, divert, repeatable, action, signal } = operation;
  const request = { method, body, largestBody, pace, divert, repeatable, kind: operation.operation, action, signal };
  for (let attempt = 1; ; attempt++) {
    const login = await logins.get(signal);
    const { url, headers } = dialect.addressed(login);
    const response = await http.request({ ...request, url, headers: { ...operation.headers, ...headers } });
    const { status } = response;
    if ((status >= 200 && status < 300) || operation.accept?.includes(status) === true) return response;
    // It may have been taken back before its time; a new one says for certain.
    if (status !== 401 || attempt > 1 || !canRenew) throw dialect.refused(url, response);
    logins.drop(login);
  }
}
