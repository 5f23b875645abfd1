import { CairnError } from '../../../base/errors.ts';
import type { HttpClient } from '../http/http-client.ts';
import { printable, statusError } from '../http/http-errors.ts';
import type { HttpRequest, HttpResponse } from '../http/http-exchange.ts';
import type { RestLogin } from './rest-location.ts';

/** What else uses this driver can say: rclone's server is not quite one of restic's. */
export interface RestDialect {
  /** For people and logs. */
  readonly url: string;
  /** The server replaces files when asked to write them again, and cannot be asked not to. */
  readonly replaces: boolean;
  /**
   * "Not found" is also the answer where something fails, and a folder that is not there has an empty listing: rclone
   * before 1.66 says so of everything it cannot look at, and later ones still do of a file they know and cannot read.
   */
  readonly hidesFailures?: boolean;
  /** Called before each request; what it throws is thrown. */
  readonly beforeRequest?: () => void;
  /** Why the server failed a moment ago, where its answers do not say; empty if it is not known. */
  readonly explain?: () => Promise<string>;
  /** What such an explanation says for certain; `undefined` where the failure may pass. */
  readonly judge?: (action: string, explained: string) => CairnError | undefined;
  /** The way out of a failure that its answers do not explain. */
  readonly failureHint?: string;
  /** Called when the storage is disposed. */
  readonly dispose?: () => Promise<void>;
}

/** Requests to one repository, with the login. */
export class RestConnection implements AsyncDisposable {
  readonly dialect: RestDialect;
  readonly #client: HttpClient;
  readonly #base: URL;
  readonly #headers: Readonly<Record<string, string>>;
  #isOurs = false;

  constructor(client: HttpClient, base: URL, login: RestLogin | undefined, dialect: RestDialect) {
    this.#client = client;
    this.#base = base;
    this.dialect = dialect;
    this.#headers = login === undefined ? {} : { authorization: basic(login) };
  }

  /** `path` is below the URL of the repository. */
  async request(
    method: HttpRequest['method'],
    path: string,
    request: Omit<HttpRequest, 'method' | 'url'>,
  ): Promise<HttpResponse> {
    this.dialect.beforeRequest?.();
    const headers = { ...this.#headers, ...request.headers };
    const response = await this.#client.request({ ...request, method, url: new URL(path, this.#base), headers });
    this.#isOurs ||= isOurServer(response);
    return response;
  }

  /** The server has answered, and is one of ours: it has shelves. */
  get isOurs(): boolean {
    return this.#isOurs;
  }

  /** The error of an answer "not found" that says nothing of the kind. */
  async hiddenFailure(action: string): Promise<CairnError> {
    const explained = (await this.dialect.explain?.()) ?? '';
    const judged = this.dialect.judge?.(action, explained);
    if (judged !== undefined) return judged;
    return new CairnError(
      'STORAGE_IO',
      `cannot ${action}: the server fails${explained && ` (${printable(explained)})`}`,
      {
        retry: 'later',
        facts: { host: this.#base.host, status: 404 },
      },
    );
  }

  /** The error of an answer that is no success. */
  async refusal(action: string, response: HttpResponse): Promise<CairnError> {
    const mode = refusedByMode(action, this.#base.host, response);
    if (mode !== undefined) return mode;
    const explained = response.status < 500 ? '' : ((await this.dialect.explain?.()) ?? '');
    const judged = explained === '' ? undefined : this.dialect.judge?.(action, explained);
    if (judged !== undefined) return judged;
    const detail = explained === '' ? Buffer.from(response.body).toString('utf8') : explained;
    const { failureHint } = this.dialect;
    const hint = response.status < 500 ? undefined : failureHint;
    return statusError({ action, host: this.#base.host, ...(hint === undefined ? {} : { hint }) }, response, detail);
  }

  /** For what `cairn serve` refuses to replace. */
  appendOnly(action: string): CairnError {
    return appendOnly(action, this.#base.host);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
    await this.dialect.dispose?.();
  }
}

function basic({ user, password }: RestLogin): string {
  return `Basic ${Buffer.concat([Buffer.from(`${user}:`), password.reveal()]).toString('base64')}`;
}

export function isSuccess({ status }: HttpResponse): boolean {
  return status >= 200 && status < 300;
}

/** What `cairn serve` says that it lets nobody do. */
function refusedByMode(action: string, host: string, response: HttpResponse): CairnError | undefined {
  if (response.status !== 403 || !isOurServer(response)) return undefined;
  const text = Buffer.from(response.body).toString('utf8');
  if (text.startsWith('read-only:')) {
    return new CairnError('STORAGE_READ_ONLY', `cannot ${action}: ${host} is read-only (HTTP 403)`, {
      hint: 'Its `cairn serve` runs with --read-only. Write where the vault is, or through a server without that option.',
      facts: { host, status: 403 },
    });
  }
  return text.startsWith('append-only:') ? appendOnly(action, host) : undefined;
}

function appendOnly(action: string, host: string): CairnError {
  return new CairnError('STORAGE_APPEND_ONLY', `cannot ${action}: ${host} is append-only (HTTP 403)`, {
    hint: 'Its `cairn serve` runs with --append-only. Remove and replace where the vault is, or through a server without that option.',
    facts: { host, status: 403 },
  });
}

/** Set by `cairn serve --rest` on every answer. */
export function isOurServer({ headers }: HttpResponse): boolean {
  return headers['cairn-rest'] !== undefined;
}
