// Tokens, and where the objects are: TempAuth's headers (v1), and Keystone's documents of version 2 and 3 ("Identity API
// v3", OpenStack), whose catalog of services names the address.
import { utf8, utf8Lossy } from '../../../base/bytes.ts';
import { CairnError } from '../../../base/errors.ts';
import type { HttpClient } from '../http/http-client.ts';
import type { HttpRequest, HttpResponse } from '../http/http-exchange.ts';
import { printable, statusError } from '../http/http-errors.ts';
import { type Fields, fieldsOf, parseJsonAnswer } from '../http/json-answer.ts';
import type { Expiring } from '../renewed-value.ts';
import type { Endpoint, KeystoneProof, KeystoneScope, NameOrId, SwiftLogin } from './swift-login.ts';

/** A login that is good for a while. */
export interface SwiftSession extends Expiring {
  readonly token: string;
  /** The account; without a slash at its end. */
  readonly storageUrl: string;
}

export interface SessionSources {
  readonly http: Pick<HttpClient, 'request'>;
  readonly now: () => Date;
}

const ACTION = 'log in to OpenStack';
/** Tokens that do not say how long they are good are asked for again after that. */
const UNKNOWN_MS = 30 * 60_000;

/** Logs in. Throws `STORAGE_DENIED` where the login is refused, `CONFIG_INVALID` where the catalog has no such store. */
export async function askSwiftSession(login: SwiftLogin, sources: SessionSources): Promise<SwiftSession> {
  switch (login.kind) {
    case 'token':
      return {
        token: utf8Lossy(login.token.reveal()),
        storageUrl: withoutSlash(login.storageUrl.href),
        expiresAtMs: undefined,
      };
    case 'v1':
      return byHeaders(login, sources);
    case 'v2':
      return byTenant(login, sources);
    case 'v3':
      return byKeystone(login, sources);
    default:
      return login satisfies never;
  }
}

async function byHeaders(
  { authUrl, user, key, at }: SwiftLogin & { kind: 'v1' },
  { http, now }: SessionSources,
): Promise<SwiftSession> {
  const headers = { 'x-auth-user': user, 'x-auth-key': utf8Lossy(key.reveal()) };
  const response = await ask(http, { method: 'GET', url: authUrl, headers });
  const seconds = Number(headerOf(response, 'x-auth-token-expires') ?? Number.NaN);
  return {
    token: headerOf(response, 'x-auth-token') ?? headerOf(response, 'x-storage-token') ?? noToken(authUrl),
    storageUrl: addressOf(at, headerOf(response, 'x-storage-url'), authUrl),
    expiresAtMs: now().getTime() + (Number.isNaN(seconds) ? UNKNOWN_MS : seconds * 1000),
  };
}

async function byTenant(
  { authUrl, user, password, tenant, at }: SwiftLogin & { kind: 'v2' },
  { http, now }: SessionSources,
): Promise<SwiftSession> {
  const passwordCredentials = { username: user, password: utf8Lossy(password.reveal()) };
  const scope =
    tenant.id === undefined ? (tenant.name === undefined ? {} : { tenantName: tenant.name }) : { tenantId: tenant.id };
  const url = below(authUrl, 'v2.0', 'tokens');
  const response = await ask(http, { method: 'POST', url, ...json({ auth: { passwordCredentials, ...scope } }) });
  const { token, serviceCatalog } = fieldsOf(fieldsOf(parseJsonAnswer(response)).access);
  const { id, expires } = fieldsOf(token);
  const endpoints = endpointsOf(serviceCatalog).map((endpoint) => ({
    region: endpoint.region,
    url: endpoint[`${at.interface}URL`],
  }));
  return {
    token: typeof id === 'string' && id !== '' ? id : noToken(authUrl),
    storageUrl: addressOf(at, pick(endpoints, at, authUrl), authUrl),
    expiresAtMs: expiryOf(expires, now),
  };
}

async function byKeystone(
  { authUrl, proof, scope, at }: SwiftLogin & { kind: 'v3' },
  { http, now }: SessionSources,
): Promise<SwiftSession> {
  const auth = { identity: identityOf(proof), ...(scope === undefined ? {} : { scope: scopeOf(scope) }) };
  const url = below(authUrl, 'v3', 'auth/tokens');
  const response = await ask(http, { method: 'POST', url, ...json({ auth }) });
  const { catalog, expires_at: expires } = fieldsOf(fieldsOf(parseJsonAnswer(response)).token);
  const endpoints = endpointsOf(catalog)
    .filter((endpoint) => endpoint.interface === at.interface)
    .map((endpoint) => ({ region: endpoint.region ?? endpoint['region_id'], url: endpoint.url }));
  return {
    token: headerOf(response, 'x-subject-token') ?? noToken(authUrl),
    storageUrl: addressOf(at, pick(endpoints, at, authUrl), authUrl),
    expiresAtMs: expiryOf(expires, now),
  };
}

function identityOf(proof: KeystoneProof): object {
  const user = { ...named(proof.user), ...(proof.user.id === undefined ? { domain: named(proof.domain) } : {}) };
  if (proof.kind === 'password')
    return { methods: ['password'], password: { user: { ...user, password: utf8Lossy(proof.password.reveal()) } } };
  const { credential, secret } = proof;
  return {
    methods: ['application_credential'],
    application_credential: {
      ...named(credential),
      ...(credential.id === undefined ? { user } : {}),
      secret: utf8Lossy(secret.reveal()),
    },
  };
}

function scopeOf(scope: KeystoneScope): object {
  if (scope.kind === 'trust') return { 'OS-TRUST:trust': { id: scope.id } };
  const { project, domain } = scope;
  return { project: { ...named(project), ...(project.id === undefined ? { domain: named(domain) } : {}) } };
}

function named({ id, name }: NameOrId): object {
  return id === undefined ? { name } : { id };
}

type Asked = Pick<HttpRequest, 'method' | 'url' | 'headers' | 'body'>;

function json(value: object): Pick<HttpRequest, 'headers' | 'body'> {
  return { headers: { 'content-type': 'application/json' }, body: [utf8(JSON.stringify(value))] };
}

async function ask(http: SessionSources['http'], request: Asked): Promise<HttpResponse> {
  const response = await http.request({
    ...request,
    headers: { accept: 'application/json', ...request.headers },
    holdsSecret: true,
    repeatable: true,
    kind: 'LogIn',
    action: ACTION,
  });
  const { status } = response;
  if (status >= 200 && status < 300) return response;
  const { host } = request.url;
  if (status === 401 || status === 403) {
    const { message } = fieldsOf(fieldsOf(parseJsonAnswer(response)).error);
    const said = typeof message === 'string' ? `, ${printable(message)}` : '';
    throw new CairnError('STORAGE_DENIED', `cannot ${ACTION}: ${host} refuses the login (HTTP ${status}${said})`, {
      hint: 'Check user, password or application credential, their domain, and the project; some end on a day.',
      facts: { host, status },
    });
  }
  const plain = statusError({ action: ACTION, host }, response);
  if (status !== 404) throw plain;
  throw new CairnError('CONFIG_INVALID', plain.message, {
    hint: 'Check the address of the login (OS_AUTH_URL or ST_AUTH); it ends in /v3, /v2.0 or /v1.0.',
    facts: plain.facts,
  });
}

/** The address with its version, which many leave out, and what follows it. */
function below(authUrl: URL, version: string, path: string): URL {
  const base = withoutSlash(authUrl.pathname);
  const url = new URL(authUrl);
  url.pathname = `${/\/v\d(?:\.\d+)?$/u.test(base) ? base : `${base}/${version}`}/${path}`;
  url.search = '';
  return url;
}

interface OfferedEndpoint {
  readonly region: unknown;
  readonly url: unknown;
}

/** All addresses of object stores in a catalog. */
function endpointsOf(catalog: unknown): readonly Fields[] {
  if (!Array.isArray(catalog)) return [];
  return catalog
    .map((service: unknown) => fieldsOf(service))
    .filter(({ type }) => type === 'object-store')
    .flatMap(({ endpoints }) => (Array.isArray(endpoints) ? endpoints : []))
    .map((endpoint: unknown) => fieldsOf(endpoint));
}

function pick(offered: readonly OfferedEndpoint[], at: Endpoint, authUrl: URL): string | undefined {
  const usable = offered.filter(({ url }) => typeof url === 'string' && url !== '');
  const found = usable.find(({ region }) => at.region === undefined || region === at.region);
  if (typeof found?.url === 'string') return found.url;
  if (at.storageUrl !== undefined) return undefined;
  const regions = [...new Set(usable.map(({ region }) => printable(String(region))))];
  const why =
    regions.length === 0
      ? `the catalog of this project has no object store with ${at.interface === 'public' ? 'a' : 'an'} ${at.interface} address`
      : `there is no object store in the region that is asked for, but in ${regions.join(', ')}`;
  throw new CairnError('CONFIG_INVALID', `${authUrl.host} lets us in, but ${why}`, {
    hint: 'Check OS_REGION_NAME, OS_INTERFACE and the project, or name the account in OS_STORAGE_URL.',
    facts: { host: authUrl.host },
  });
}

function addressOf(at: Endpoint, offered: string | undefined, authUrl: URL): string {
  const url = at.storageUrl ?? URL.parse(offered ?? '');
  if (url !== null && /^https?:$/u.test(url.protocol)) return withoutSlash(url.href);
  throw new CairnError('STORAGE_IO', `cannot ${ACTION}: ${authUrl.host} does not say where the objects are`, {
    hint: 'Check the address of the login, or name the account in OS_STORAGE_URL.',
    facts: { host: authUrl.host },
  });
}

function noToken(authUrl: URL): never {
  throw new CairnError('STORAGE_IO', `cannot ${ACTION}: ${authUrl.host} answers with no token`, {
    hint: 'Check the address of the login (OS_AUTH_URL or ST_AUTH).',
    facts: { host: authUrl.host },
  });
}

function expiryOf(value: unknown, now: () => Date): number {
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? now().getTime() + UNKNOWN_MS : at;
}

function headerOf({ headers }: HttpResponse, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/u, '');
}
