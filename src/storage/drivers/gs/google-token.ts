// Access tokens for Google's services, by OAuth 2.0: with a signed assertion (RFC 7523 §2.1) for a service account, with a
// refresh token (RFC 6749 §6) for a user, from the metadata server for a machine of Google's.
import { createSign } from 'node:crypto';
import { utf8, utf8Lossy } from '../../../base/bytes.ts';
import { CairnError, messageOf } from '../../../base/errors.ts';
import type { Secret } from '../../../base/secret.ts';
import { printable, statusError } from '../http/http-errors.ts';
import type { HttpClient } from '../http/http-client.ts';
import type { HttpResponse } from '../http/http-exchange.ts';
import { fieldsOf, parseJsonAnswer } from '../http/json-answer.ts';
import { clockSkewed, serviceError } from '../http/service-errors.ts';
import type { Expiring } from '../renewed-value.ts';
import type { AuthorizedUser, GoogleCredentials, ServiceAccount } from './google-credentials.ts';

export interface GoogleToken extends Expiring {
  readonly token: string;
}

export interface TokenSources {
  readonly http: Pick<HttpClient, 'request'>;
  readonly now: () => Date;
  /** Loads Google's own library, for what is not spoken here. */
  readonly loadLibrary?: (() => Promise<unknown>) | undefined;
}

const LIBRARY = 'google-auth-library';
const SCOPE = 'https://www.googleapis.com/auth/devstorage.read_write';
const ACTION = 'log in to Google';
/** What an assertion is valid for; Google takes no longer ones. */
const ASSERTION_SECONDS = 3600;
/** The metadata server answers at once, or is not there. */
const METADATA_MS = 5000;

/** Gets a token. Throws what a refusal means: `CREDENTIALS_EXPIRED`, `CLOCK_SKEWED`, `STORAGE_DENIED`, `CREDENTIALS_MISSING`. */
export async function askGoogleToken(credentials: GoogleCredentials, sources: TokenSources): Promise<GoogleToken> {
  switch (credentials.kind) {
    case 'token':
      return { token: utf8Lossy(credentials.token.reveal()), expiresAtMs: undefined };
    case 'service-account':
      return exchange(credentials.tokenUrl, assertionForm(credentials, sources.now()), sources);
    case 'authorized-user':
      return exchange(credentials.tokenUrl, refreshForm(credentials), sources);
    case 'metadata':
      return fromMetadata(credentials.host, sources);
    case 'library':
      return fromLibrary(credentials, sources);
    default:
      return credentials satisfies never;
  }
}

type Form = Readonly<Record<string, string>>;

function assertionForm({ email, privateKey, privateKeyId, tokenUrl }: ServiceAccount, now: Date): Form {
  const issued = Math.floor(now.getTime() / 1000);
  const header = { alg: 'RS256', typ: 'JWT', ...(privateKeyId === undefined ? {} : { kid: privateKeyId }) };
  const claims = { iss: email, scope: SCOPE, aud: tokenUrl.href, iat: issued, exp: issued + ASSERTION_SECONDS };
  const signed = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(claims))}`;
  const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  return { grant_type: grant, assertion: `${signed}.${sign(signed, privateKey)}` };
}

function sign(signed: string, privateKey: Secret): string {
  try {
    return createSign('RSA-SHA256').update(signed).sign(utf8Lossy(privateKey.reveal()), 'base64url');
  } catch {
    // Not kept as a cause: it may repeat a part of the key.
    throw new CairnError('CONFIG_INVALID', 'the credentials of Google hold no private key that can be used', {
      hint: 'Make a new key of the service account, and name its JSON file in GOOGLE_APPLICATION_CREDENTIALS.',
    });
  }
}

function refreshForm({ clientId, clientSecret, refreshToken }: AuthorizedUser): Form {
  return {
    grant_type: 'refresh_token',
    client_id: clientId,
    client_secret: utf8Lossy(clientSecret.reveal()),
    refresh_token: utf8Lossy(refreshToken.reveal()),
  };
}

async function exchange(url: URL, form: Form, { http, now }: TokenSources): Promise<GoogleToken> {
  const response = await http.request({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: [utf8(new URLSearchParams(form).toString())],
    holdsSecret: true,
    repeatable: true,
    kind: 'GetToken',
    action: ACTION,
  });
  if (response.status !== 200) throw loginRefused(url, response, now().getTime());
  return parseToken(url.host, response, now);
}

async function fromMetadata(host: string, { http, now }: TokenSources): Promise<GoogleToken> {
  const url = new URL(`http://${host}/computeMetadata/v1/instance/service-accounts/default/token`);
  let response: HttpResponse;
  try {
    response = await http.request({
      method: 'GET',
      url,
      headers: { 'metadata-flavor': 'Google' },
      kind: 'GetToken',
      action: ACTION,
      signal: AbortSignal.timeout(METADATA_MS),
    });
  } catch (error) {
    throw noCredentials(error);
  }
  // Anything else at that address is no server of Google's.
  if (response.status === 404 || response.headers['metadata-flavor'] !== 'Google') throw noCredentials(undefined);
  if (response.status !== 200) throw statusError({ action: ACTION, host }, response, utf8Lossy(response.body));
  return parseToken(host, response, now);
}

async function fromLibrary(
  { path, type }: GoogleCredentials & { kind: 'library' },
  { loadLibrary = importLibrary, now }: TokenSources,
): Promise<GoogleToken> {
  let library: unknown;
  try {
    library = await loadLibrary();
  } catch (error) {
    throw new CairnError('CREDENTIALS_MISSING', `credentials of the type ${type} need the package ${LIBRARY}`, {
      hint: `Install it beside cairn-backup: npm install ${LIBRARY}. A key of a service account needs no package.`,
      cause: error,
      facts: { path, type },
    });
  }
  try {
    const token = await libraryToken(library, path);
    // The library keeps it and gives another one when it ends: asked again each time before then.
    return { token, expiresAtMs: now().getTime() + 10 * 60_000 };
  } catch (error) {
    throw new CairnError('STORAGE_DENIED', `cannot ${ACTION}: ${printable(messageOf(error))}`, {
      hint: `Check ${path}, and what the provider named in it says.`,
      facts: { path, type },
    });
  }
}

async function importLibrary(): Promise<unknown> {
  // Not a literal, so that types and bundles do without the package.
  const name: string = LIBRARY;
  return await import(name);
}

async function libraryToken(library: unknown, path: string): Promise<string> {
  if (typeof library !== 'object' || library === null || !('GoogleAuth' in library))
    throw new TypeError(`${LIBRARY} has no GoogleAuth`);
  const Auth = library.GoogleAuth as new (options: object) => { getAccessToken(): Promise<unknown> };
  const token = await new Auth({ keyFilename: path, scopes: [SCOPE] }).getAccessToken();
  if (typeof token !== 'string' || token === '') throw new TypeError(`${LIBRARY} gave no token`);
  return token;
}

function parseToken(host: string, response: HttpResponse, now: () => Date): GoogleToken {
  const { access_token: token, expires_in: seconds } = fieldsOf(parseJsonAnswer(response));
  if (typeof token !== 'string' || token === '' || !/^[\x21-\x7e]+$/u.test(token)) {
    throw new CairnError('STORAGE_IO', `cannot ${ACTION}: ${host} answers with no token`, { facts: { host } });
  }
  return { token, expiresAtMs: now().getTime() + (typeof seconds === 'number' ? seconds : 600) * 1000 };
}

/** What `{ "error": …, "error_description": … }` of the login means (RFC 6749 §5.2). */
function loginRefused(url: URL, response: HttpResponse, nowMs: number): CairnError {
  const { error, error_description: description } = fieldsOf(parseJsonAnswer(response));
  const reason = typeof error === 'string' ? error : '';
  const said = [reason, typeof description === 'string' ? description : ''].filter((part) => part !== '').join(': ');
  const request = { action: ACTION, host: url.host };
  if (reason === 'invalid_grant' && /short-lived|iat and exp|timeframe/iu.test(said)) {
    const { date } = response.headers;
    return clockSkewed({ ...request, nowMs }, date, 'Google takes no login from a clock that is minutes off.');
  }
  const isOver = reason === 'invalid_grant' && /expired|revoked/iu.test(said);
  return serviceError(request, response, {
    reason,
    said,
    meaning: isOver
      ? {
          code: 'CREDENTIALS_EXPIRED',
          text: 'says that this login has ended',
          hint: 'Log in again (`gcloud auth application-default login`) and run the same command.',
        }
      : /^invalid_(?:grant|client)$|^unauthorized_client$/u.test(reason)
        ? {
            code: 'STORAGE_DENIED',
            text: 'does not accept the credentials',
            hint: 'The key may have been removed in the console: make a new one of the service account.',
          }
        : undefined,
  });
}

function noCredentials(cause: unknown): CairnError {
  return new CairnError('CREDENTIALS_MISSING', 'there are no credentials of Google', {
    hint:
      'Name the JSON file of a service account in GOOGLE_APPLICATION_CREDENTIALS, or log in with ' +
      '`gcloud auth application-default login`. A machine at Google needs a service account of its own.',
    cause,
  });
}

function base64url(value: string): string {
  return Buffer.from(value).toString('base64url');
}
