// What may cross a network readably. One rule for everything that speaks HTTP: a secret that works for whoever reads it
// goes over TLS, or stays on this machine, unless the user names the host as one that is reached over a network to trust.
import { CairnError } from '../../../base/errors.ts';
import { isLoopbackHost } from '../../../base/loopback-host.ts';
import type { HttpRequest } from './http-exchange.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The hosts, with their port or without, that may be sent secrets over `http://`; separated by commas. */
const VARIABLE = 'CAIRN_CLEAR_TEXT_HOSTS';

/** Logins of Swift, and keys of customers of S3 (SSE-C), which the server encrypts with. */
const SECRET_HEADERS = [
  'x-auth-token',
  'x-auth-key',
  'x-amz-server-side-encryption-customer-key',
  'x-amz-copy-source-server-side-encryption-customer-key',
];

/**
 * Whether anybody who reads the request has a login or a key then. A signature (AWS4-HMAC-SHA256) is none: it is good for
 * this one request, and a session token beside it is of no use without the key that signs. All other kinds count.
 */
export function holdsSecret({ headers = {}, holdsSecret: bodyDoes = false }: HttpRequest): boolean {
  const { authorization } = headers;
  if (authorization !== undefined && !authorization.startsWith('AWS4-HMAC-')) return true;
  return bodyDoes || SECRET_HEADERS.some((name) => headers[name] !== undefined);
}

/** Throws `SECRET_IN_CLEAR` where a secret for `url` would be readable on its way. */
export function refuseInClear({ protocol, host, hostname }: URL, env: Environment = process.env): void {
  if (protocol === 'https:' || isLoopbackHost(hostname)) return;
  const trusted = (env[VARIABLE] ?? '').toLowerCase().split(/[\s,]+/u);
  if (trusted.includes(host) || trusted.includes(hostname)) return;
  const text = `the login or key for ${host} would cross the network readably: the address begins with http://`;
  throw new CairnError('SECRET_IN_CLEAR', text, {
    hint: `Use https://. Where the network itself is safe (a VPN, a network of containers), set ${VARIABLE}=${hostname}.`,
    facts: { host },
  });
}
