import { CairnError, type CairnErrorOptions, type Retry } from '../../../base/errors.ts';
import type { ErrorCode } from '../../../base/error-codes.ts';

/** What an error of a request names: never a path or a query, which may hold secrets. */
export interface RequestContext {
  /** `read data/ab/…`. */
  readonly action: string;
  /** Host and port. */
  readonly host: string;
  /** The way out, where it is known better than from the status of an answer. */
  readonly hint?: string;
}

interface Meaning {
  readonly text: string;
  readonly retry: Retry;
  readonly hint?: string;
}

const networkMeanings = new Map<string, Meaning>([
  [
    'ECONNREFUSED',
    {
      text: 'refuses the connection',
      retry: 'later',
      hint: 'Check that the server runs, and the host and port in the address of the vault.',
    },
  ],
  ['ECONNRESET', { text: 'closed the connection', retry: 'later' }],
  ['EPIPE', { text: 'closed the connection', retry: 'later' }],
  ['ECONNABORTED', { text: 'closed the connection', retry: 'later' }],
  ['ETIMEDOUT', { text: 'does not answer', retry: 'later' }],
  ['EHOSTUNREACH', { text: 'cannot be reached from here', retry: 'later', hint: 'Check the network of this machine.' }],
  ['EHOSTDOWN', { text: 'cannot be reached from here', retry: 'later' }],
  ['ENETUNREACH', { text: 'cannot be reached from here', retry: 'later', hint: 'Check the network of this machine.' }],
  ['ENETDOWN', { text: 'cannot be reached from here', retry: 'later', hint: 'Check the network of this machine.' }],
  ['EAI_AGAIN', { text: 'cannot be looked up now', retry: 'later', hint: 'Check the network and its name servers.' }],
  [
    'ENOTFOUND',
    { text: 'is a host that nobody knows', retry: 'never', hint: 'Check the host in the address of the vault.' },
  ],
  ['ENOENT', { text: 'has no socket there', retry: 'later' }],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    {
      text: 'shows a certificate for another host',
      retry: 'never',
      hint: 'Use the host name that the certificate was made for.',
    },
  ],
  [
    'CERT_HAS_EXPIRED',
    {
      text: 'shows a certificate that has expired',
      retry: 'never',
      hint: 'Renew the certificate; check the clock of this machine as well.',
    },
  ],
  [
    'CERT_NOT_YET_VALID',
    {
      text: 'shows a certificate that is not valid yet',
      retry: 'never',
      hint: 'Check the clock of this machine.',
    },
  ],
]);

const untrusted: Meaning = {
  text: 'shows a certificate that this machine does not trust',
  retry: 'never',
  hint:
    'If it is signed by an authority of your own, name its PEM file: in CAIRN_CACERT (REST), AWS_CA_BUNDLE (S3), OS_CACERT (Swift), ' +
    'as ca-file in the address (S3, Google, Swift), or in NODE_EXTRA_CA_CERTS.',
};
const notTls: Meaning = {
  text: 'does not speak TLS as expected',
  retry: 'never',
  hint: 'Check whether the address should begin with http:// or https://, and its port.',
};
// OpenSSL's names for what is wrong with a chain of certificates, as Node gives them.
const UNTRUSTED = /^(?:UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|CERT_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH)/u;
const NOT_TLS = /^(?:EPROTO$|ERR_SSL_|ERR_TLS_)/u;

/** What an error of the connection means. What is not known is taken for something that may pass. */
export function networkError({ action, host }: RequestContext, error: Error): CairnError {
  const system = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const known = networkMeanings.get(system);
  const meaning = known ?? otherMeaning(system, error);
  const name = system === '' ? '' : ` (${system})`;
  return new CairnError('STORAGE_UNREACHABLE', `cannot ${action}: ${host} ${meaning.text}${name}`, {
    ...(meaning.hint === undefined ? {} : { hint: meaning.hint }),
    retry: meaning.retry,
    cause: error,
    facts: { host, ...(system === '' ? {} : { system }) },
  });
}

function otherMeaning(system: string, error: Error): Meaning {
  if (UNTRUSTED.test(system)) return untrusted;
  if (NOT_TLS.test(system)) return notTls;
  return { text: `fails: ${error.message}`, retry: 'later' };
}

/** The connection ended before the answer did. */
export function connectionLost(
  { action, host }: RequestContext,
  received: number,
  announced: number | undefined,
  cause: unknown,
): CairnError {
  const text = announced === undefined ? `${received} bytes` : `${received} of ${announced} bytes`;
  return new CairnError('STORAGE_UNREACHABLE', `cannot ${action}: ${host} closed the connection after ${text}`, {
    retry: 'later',
    cause,
    facts: { host, received, ...(announced === undefined ? {} : { announced }) },
  });
}

/** Nothing moved for too long. `what` says what did not happen. */
export function noProgress({ action, host }: RequestContext, what: string, afterMs: number): CairnError {
  const text = `cannot ${action}: ${host} does not go on; ${what} in ${Math.ceil(afterMs / 1000)} s`;
  return new CairnError('STORAGE_UNREACHABLE', text, { retry: 'later', facts: { host, afterMs } });
}

interface StatusMeaning {
  readonly code: ErrorCode;
  readonly text: string;
  readonly retry?: Retry;
  readonly hint?: string;
}

const busy: StatusMeaning = { code: 'STORAGE_UNREACHABLE', text: 'is busy or out of order', retry: 'later' };

const noSuchRequest: StatusMeaning = {
  code: 'NOT_SUPPORTED',
  text: 'does not offer this',
  hint: 'Check the address of the vault, and whether a proxy stands before the server.',
};

const statusMeanings = new Map<number, StatusMeaning>([
  [
    401,
    {
      code: 'STORAGE_DENIED',
      text: 'does not accept the credentials',
      hint: 'Check the user and password, or the keys, of the vault.',
    },
  ],
  [403, { code: 'STORAGE_DENIED', text: 'refuses access', hint: 'Check what these credentials are allowed to do.' }],
  [404, { code: 'STORAGE_IO', text: 'has nothing there', hint: 'Check the path in the address of the vault.' }],
  [405, noSuchRequest],
  [408, { code: 'STORAGE_UNREACHABLE', text: 'had waited too long for the request', retry: 'later' }],
  [413, { code: 'STORAGE_IO', text: 'does not take objects of this size' }],
  [429, { ...busy, text: 'asks for fewer requests' }],
  [500, busy],
  [501, noSuchRequest],
  [502, busy],
  [503, busy],
  [504, busy],
  [
    507,
    {
      code: 'STORAGE_FULL',
      text: 'has no room left',
      hint: 'Make room or raise the quota, then run the same command.',
    },
  ],
]);

/** The parts of an answer that decide what it means. */
export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/**
 * The error of an answer whose status is no success. `detail` is what the server itself says; it is not
 * trusted to be short or printable.
 */
export function statusError(context: RequestContext, { status, headers }: Refusal, detail = ''): CairnError {
  const { action, host } = context;
  const meaning = statusMeanings.get(status) ?? otherStatus(status);
  const hint = context.hint ?? meaning.hint;
  const retryAfterMs = parseRetryAfter(headers['retry-after'], headers['date']);
  const said = printable(detail);
  const options: CairnErrorOptions = {
    ...(hint === undefined ? {} : { hint }),
    retry: meaning.retry ?? 'never',
    facts: { host, status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
  };
  const text = `cannot ${action}: ${host} ${meaning.text} (HTTP ${status}${said === '' ? '' : `, ${said}`})`;
  return new CairnError(meaning.code, text, options);
}

function otherStatus(status: number): StatusMeaning {
  if (status >= 500) return busy;
  if (status >= 300 && status < 400) {
    return { code: 'STORAGE_IO', text: 'sends elsewhere', hint: 'Use the address that the server really has.' };
  }
  return {
    code: 'STORAGE_IO',
    text: 'refuses the request',
    hint: 'Check the address of the vault and its parameters against what the server says.',
  };
}

/** Text of a server, fit for a message: one line, no control characters, at most 200 characters. */
export function printable(text: string): string {
  const line = text.replaceAll(/[^\x20-\x7e\u{a0}-\u{d7ff}\u{e000}-\u{fffd}]+/gu, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

// `Date.parse` alone makes a date of almost anything.
const DATE = /^[A-Z][a-z]{2,8}, /u;

/**
 * The pause a server asks for: seconds, or a date (RFC 9110 §10.2.3), which is compared with the server's own
 * clock where it tells it.
 */
export function parseRetryAfter(
  value: string | readonly string[] | undefined,
  serverDate?: string | readonly string[],
): number | undefined {
  if (typeof value !== 'string') return undefined;
  if (/^\d{1,9}$/u.test(value.trim())) return Number(value) * 1000;
  const until = DATE.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(until)) return undefined;
  const now = typeof serverDate === 'string' ? Date.parse(serverDate) : Number.NaN;
  return Math.max(0, until - (Number.isNaN(now) ? Date.now() : now));
}
