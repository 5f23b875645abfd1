import type { IncomingMessage } from 'node:http';
import type { Accounts } from './accounts.ts';
import { type Answer, textAnswer } from '../http/answer.ts';
import { isLoopbackHost } from '../../base/loopback-host.ts';
import type { LoginThrottle } from './login-throttle.ts';
import type { RestTarget } from './rest-path.ts';

/** Who may come in. */
export type Access =
  /** Everybody. `localOnly`: the server listens where only this machine can reach it. */
  | { readonly kind: 'open'; readonly localOnly: boolean }
  | {
      readonly kind: 'users';
      readonly accounts: Accounts;
      /** A user reaches only what lies below the folder with the user's name. */
      readonly privateRepos: boolean;
    };

export type Passage =
  | { readonly kind: 'passed'; readonly target: RestTarget; readonly user: string | undefined }
  | { readonly kind: 'refused'; readonly answer: Answer; readonly user: string | undefined };

/** Who may read the numbers of all users where repositories are private. */
const METRICS_USER = 'metrics';

/** The one gate that every request passes before anything looks at it. What it does not know, it refuses. */
export class Gate {
  readonly #access: Access;
  readonly #throttle: LoginThrottle;

  constructor(access: Access, throttle: LoginThrottle) {
    this.#access = access;
    this.#throttle = throttle;
  }

  async check(request: IncomingMessage, target: RestTarget | undefined, signal: AbortSignal): Promise<Passage> {
    if (isFromBrowser(request)) return refused(403, 'this is not for web pages');
    if (target?.kind === 'health') return { kind: 'passed', target, user: undefined };
    const login = await this.#logIn(request, signal);
    if (login.kind === 'refused') return login;
    const { user } = login;
    if (target === undefined) return refused(404, 'there is nothing at this address', user);
    return this.#mayReach(target, user)
      ? { kind: 'passed', target, user }
      : refused(403, 'this belongs to another user', user);
  }

  async #logIn(
    request: IncomingMessage,
    signal: AbortSignal,
  ): Promise<{ readonly kind: 'known'; readonly user: string | undefined } | (Passage & { readonly kind: 'refused' })> {
    const access = this.#access;
    if (access.kind === 'open') {
      // A web page whose name was made to point to this machine sends its own name.
      const isMisled = access.localOnly && !isLocalHostHeader(request.headers.host);
      return isMisled ? refused(403, 'unknown host') : { kind: 'known', user: undefined };
    }
    const credentials = parseBasic(request.headers.authorization);
    if (credentials === undefined) return unauthorized();
    const { user, password } = credentials;
    if (access.accounts.remembers(user, password)) return { kind: 'known', user };
    const address = request.socket.remoteAddress ?? 'unix';
    const waitMs = this.#throttle.waitMs(address);
    if (waitMs > 0) {
      const seconds = String(Math.ceil(waitMs / 1000));
      return refused(429, 'too many wrong passwords from this address', undefined, { 'Retry-After': seconds });
    }
    if (await access.accounts.verify(user, password, signal)) {
      this.#throttle.succeeded(address);
      return { kind: 'known', user };
    }
    this.#throttle.failed(address);
    return unauthorized();
  }

  #mayReach(target: RestTarget, user: string | undefined): boolean {
    if (this.#access.kind === 'open' || !this.#access.privateRepos) return true;
    if (target.kind === 'metrics') return user === METRICS_USER;
    return target.kind === 'health' || (user !== undefined && target.folder[0] === user);
  }
}

/**
 * Browsers send along what they know of a password, and can be made to send requests by any page. They say so in these
 * headers; no backup program has them.
 */
function isFromBrowser({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  return headers.origin !== undefined || (site !== undefined && site !== 'none' && site !== 'same-origin');
}

function isLocalHostHeader(host: string | undefined): boolean {
  return host !== undefined && isLoopbackHost(host.replace(/:\d+$/, ''));
}

function parseBasic(header: string | undefined): { readonly user: string; readonly password: Uint8Array } | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  const colon = bytes.indexOf(0x3a);
  if (colon < 1) return undefined;
  return { user: bytes.subarray(0, colon).toString('utf8'), password: bytes.subarray(colon + 1) };
}

type Refused = Passage & { readonly kind: 'refused' };

function unauthorized(): Refused {
  return refused(401, 'user and password are needed', undefined, {
    'WWW-Authenticate': 'Basic realm="cairn", charset="UTF-8"',
  });
}

function refused(status: number, text: string, user?: string, headers?: Readonly<Record<string, string>>): Refused {
  return { kind: 'refused', answer: textAnswer(status, text, headers), user };
}
