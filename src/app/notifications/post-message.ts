import { utf8, utf8Lossy } from '../../base/bytes.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { CairnError, hasCode, messageOf } from '../../base/errors.ts';
import type { HttpClient } from '../../storage/drivers/http/http-client.ts';
import type { HttpResponse } from '../../storage/drivers/http/http-exchange.ts';
import { deliveryFailed } from './delivery-failed.ts';
import type { DeliveryContext } from './notifier.ts';

/** Pauses before the second, third and fourth try. */
const RETRY_DELAYS_MS = [500, 1500, 4000];
/** Services answer with a few words; whoever answers with more is not asked further. */
const LARGEST_ANSWER = 64 * 1024;
const QUOTED_CHARACTERS = 200;

export interface PostTools {
  readonly http: HttpClient;
  readonly clock?: Clock | undefined;
  /** A number from 0 to 1, for the pauses. */
  readonly random?: (() => number) | undefined;
}

export interface PostRequest {
  /** The service, for messages. */
  readonly service: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body: string;
  readonly contentType: string;
  /** Whether one of the headers lets its holder in; `Authorization`, and a login in the address, are known as such. */
  readonly holdsSecret?: boolean | undefined;
}

/**
 * Posts a message, and again where the service is busy (429), broken (5xx) or not reached, after the pause that it
 * asks for, as long as the time of the delivery allows. Any other answer is final. Redirects are not followed: what is sent
 * holds credentials that another host must not see. Throws `NOTIFICATION_FAILED`.
 */
export async function postMessage(
  { http, clock = systemClock, random = Math.random }: PostTools,
  request: PostRequest,
  { signal, remainingMs }: DeliveryContext,
): Promise<void> {
  const { url, headers } = target(request);
  for (let attempt = 0; ; attempt++) {
    const answer = await send(http, url, headers, request, signal);
    if (answer.kind === 'taken') return;
    const delayMs = RETRY_DELAYS_MS[attempt];
    if (!answer.isPassing || delayMs === undefined) throw answer.error;
    // Spread, so that many machines that fail together do not come back together.
    const waitMs = answer.waitMs ?? delayMs * (0.75 + random() / 2);
    if (waitMs >= remainingMs()) throw answer.error;
    await clock.sleep(waitMs, signal);
  }
}

type Attempt =
  | { readonly kind: 'taken' }
  | {
      readonly kind: 'failed';
      readonly error: CairnError;
      readonly isPassing: boolean;
      readonly waitMs?: number | undefined;
    };

async function send(
  http: HttpClient,
  url: URL,
  headers: Readonly<Record<string, string>>,
  { service, body, holdsSecret }: PostRequest,
  signal: AbortSignal,
): Promise<Attempt> {
  let response: HttpResponse;
  try {
    const action = `send a message to ${service}`;
    response = await http.request({
      method: 'POST',
      url,
      headers,
      body: [utf8(body)],
      action,
      largestBody: LARGEST_ANSWER,
      holdsSecret,
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    return notReached(error);
  }
  return response.status >= 200 && response.status < 300 ? { kind: 'taken' } : refused(service, response);
}

function notReached(error: unknown): Attempt {
  if (!hasCode(error, 'STORAGE_UNREACHABLE')) throw error;
  const { hint, retry, facts } = error;
  return {
    kind: 'failed',
    error: deliveryFailed(messageOf(error), { retry, facts, cause: error, ...(hint === undefined ? {} : { hint }) }),
    isPassing: retry === 'later',
  };
}

function refused(service: string, response: HttpResponse): Attempt {
  const { status } = response;
  const isPassing = status === 429 || status >= 500;
  const said = utf8Lossy(response.body).slice(0, QUOTED_CHARACTERS).trim();
  const hint = hintOf(status);
  return {
    kind: 'failed',
    error: deliveryFailed(`${service} answered ${status}${said === '' ? '' : `: ${said}`}`, {
      retry: isPassing ? 'later' : 'never',
      facts: { service, status },
      ...(hint === undefined ? {} : { hint }),
    }),
    isPassing,
    waitMs: isPassing ? askedWaitMs(response) : undefined,
  };
}

function hintOf(status: number): string | undefined {
  if (status >= 300 && status < 400) return 'Redirects are not followed: configure the address that it leads to.';
  if (status === 401 || status === 403) return 'Check the token or password of this notifier.';
  if (status === 404 || status === 410) return 'The address is not, or no longer, known there: make a new one.';
  return undefined;
}

/** How long to wait as the answer says: `Retry-After` (RFC 9110 §10.2.3), or what Discord and Telegram have in the body. */
function askedWaitMs({ headers, body }: HttpResponse): number | undefined {
  const header = headers['retry-after'];
  if (header !== undefined) {
    if (/^\d+(?:\.\d+)?$/u.test(header)) return Number(header) * 1000;
    const at = Date.parse(header);
    // Against the server's own clock: ours may be wrong.
    const now = Date.parse(headers.date ?? '') || Date.now();
    return Number.isNaN(at) ? undefined : Math.max(0, at - now);
  }
  const seconds = /"retry_after"\s*:\s*(\d+(?:\.\d+)?)/u.exec(utf8Lossy(body))?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

/** Where to send it. User and password of the address go into a header. */
function target({ service, url: text, headers, contentType, body }: PostRequest): {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
} {
  const url = parseAddress(service, text);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
  return {
    url,
    headers: {
      'user-agent': 'cairn',
      'content-type': contentType,
      ...(body === '' ? { 'content-length': '0' } : {}),
      ...(username === '' ? {} : { authorization: `Basic ${login}` }),
      ...headers,
    },
  };
}

/** The address as a URL. Throws `CONFIG_INVALID`, without the address, which may be a secret. */
export function parseAddress(service: string, text: string): URL {
  const url = URL.parse(text.trim());
  if (url !== null && (url.protocol === 'https:' || url.protocol === 'http:')) return url;
  throw new CairnError(
    'CONFIG_INVALID',
    `the address for ${service} is not a URL that begins with https:// or http://`,
    {
      hint: 'Copy it again from the service. It is not shown here, since it may be a secret.',
    },
  );
}
