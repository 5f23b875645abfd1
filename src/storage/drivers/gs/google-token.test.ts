import { createVerify, generateKeyPairSync } from 'node:crypto';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Answering, HttpDouble } from '../../../../test/support/http-double.ts';
import { openHttpClient } from '../http/http-client.ts';
import type { Environment } from '../url-parameters.ts';
import { findGoogleCredentials, parseGoogleCredentials } from './google-credentials.ts';
import { askGoogleToken, type GoogleToken } from './google-token.ts';

const { publicKey, privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const now = new Date('2026-11-26T12:00:00Z');

const serviceAccount = (url: string): object => ({
  type: 'service_account',
  project_id: 'p1',
  private_key_id: 'k1',
  private_key: privateKey,
  client_email: 'backup@p1.iam.gserviceaccount.com',
  token_uri: `${url}/token`,
});
const user = (url: string): object => ({
  type: 'authorized_user',
  client_id: 'c1',
  client_secret: 's3cret',
  refresh_token: 'r3fresh',
  token_uri: `${url}/token`,
});

/** Logs in with a file like this at a server that answers like that. */
async function logIn(file: (url: string) => object, answer: Answering): Promise<GoogleToken> {
  await using server = await HttpDouble.start(answer);
  await using http = await openHttpClient();
  const credentials = parseGoogleCredentials(JSON.stringify(file(server.url)), 'key.json');
  return await askGoogleToken(credentials, { http, now: () => now });
}

/** What is found with these variables, in no home. */
const find = (environment: Environment): ReturnType<typeof findGoogleCredentials> =>
  findGoogleCredentials({ HOME: '/nowhere', ...environment });

const given = { access_token: 't0ken', expires_in: 3599, token_type: 'Bearer' };

describe('a login at Google', () => {
  it('with the key of a service account sends an assertion that the key has signed', async () => {
    let form = new URLSearchParams();
    const token = await logIn(serviceAccount, ({ body }) => {
      form = new URLSearchParams(body);
      return { body: given };
    });
    expect(token).toEqual({ token: 't0ken', expiresAtMs: now.getTime() + 3_599_000 });
    const [header = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.');
    const verify = createVerify('RSA-SHA256').update(`${header}.${claims}`);
    expect(verify.verify(publicKey, signature, 'base64url')).toBe(true);
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'k1' });
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      iss: 'backup@p1.iam.gserviceaccount.com',
      scope: 'https://www.googleapis.com/auth/devstorage.read_write',
      iat: now.getTime() / 1000,
      exp: now.getTime() / 1000 + 3600,
    });
  });

  it('of a user sends the refresh token', async () => {
    await logIn(user, ({ body }) => {
      expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
        grant_type: 'refresh_token',
        client_id: 'c1',
        client_secret: 's3cret',
        refresh_token: 'r3fresh',
      });
      return { body: given };
    });
  });

  it.each([
    [serviceAccount, 'invalid_grant', 'Invalid JWT Signature.', 'STORAGE_DENIED', /new one of the service account/],
    [user, 'invalid_grant', 'Token has been expired or revoked.', 'CREDENTIALS_EXPIRED', /Log in again/],
    [user, 'unauthorized_client', 'Unauthorized', 'STORAGE_DENIED', /key may have been removed/],
  ])('that is refused says why: %#', async (file, error, description, code, hint) => {
    const refused = logIn(file, () => ({ status: 400, body: { error, error_description: description } }));
    await expect(refused).rejects.toMatchObject({ code, retry: 'never', hint: expect.stringMatching(hint) });
  });

  it('from a clock that is off says by how much', async () => {
    const text = 'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.';
    const refused = logIn(serviceAccount, () => ({
      status: 400,
      headers: { date: 'Thu, 26 Nov 2026 11:40:00 GMT' },
      body: { error: 'invalid_grant', error_description: text },
    }));
    await expect(refused).rejects.toMatchObject({
      code: 'CLOCK_SKEWED',
      message: expect.stringContaining('20 minutes ahead'),
    });
  });

  it('at a server that is out of order may go well later', async () => {
    const refused = logIn(serviceAccount, () => ({ status: 503, body: 'upstream' }));
    await expect(refused).rejects.toMatchObject({ code: 'STORAGE_UNREACHABLE', retry: 'later' });
  });

  it('never shows a secret', async () => {
    const error = await logIn(user, () => ({ status: 400, body: { error: 'invalid_grant' } })).catch(
      (thrown: unknown) => thrown,
    );
    const shown = inspect([error, parseGoogleCredentials(JSON.stringify(user('https://h')), 'f')], { depth: 9 });
    expect(shown).not.toMatch(/s3cret|r3fresh/u);
  });
});

describe('credentials of Google', () => {
  it('are a token, before all others', async () => {
    const credentials = await find({ GOOGLE_ACCESS_TOKEN: 't0ken\n', GOOGLE_APPLICATION_CREDENTIALS: '/nowhere/x' });
    expect(credentials.kind).toBe('token');
  });

  it('are the file that is named, and then the one of gcloud', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'cairn-google-'));
    await writeFile(join(folder.path, 'key.json'), JSON.stringify(serviceAccount('https://h')));
    await writeFile(join(folder.path, 'application_default_credentials.json'), JSON.stringify(user('https://h')));
    const environment = { CLOUDSDK_CONFIG: folder.path };
    expect((await find({ ...environment, GOOGLE_APPLICATION_CREDENTIALS: join(folder.path, 'key.json') })).kind).toBe(
      'service-account',
    );
    expect((await find(environment)).kind).toBe('authorized-user');
  });

  it('that are named and not there are an error, not somebody else', async () => {
    await expect(find({ GOOGLE_APPLICATION_CREDENTIALS: '/nowhere/key.json' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  it('come from the server of the machine where there are no others', async () => {
    await using server = await HttpDouble.start(({ headers }) =>
      headers['metadata-flavor'] === 'Google'
        ? { headers: { 'metadata-flavor': 'Google' }, body: given }
        : { status: 403 },
    );
    await using http = await openHttpClient();
    const credentials = await find({ GCE_METADATA_HOST: new URL(server.url).host });
    expect(await askGoogleToken(credentials, { http, now: () => now })).toMatchObject({ token: 't0ken' });
  });

  it('are missing where that server is none of Google', async () => {
    await using server = await HttpDouble.start(() => ({ body: given }));
    await using http = await openHttpClient();
    const credentials = await find({ GCE_METADATA_HOST: new URL(server.url).host });
    await expect(askGoogleToken(credentials, { http, now: () => now })).rejects.toMatchObject({
      code: 'CREDENTIALS_MISSING',
      hint: expect.stringContaining('GOOGLE_APPLICATION_CREDENTIALS'),
    });
  });

  it.each([
    ['{', 'it is no JSON'],
    ['[]', 'it has no type'],
    ['{"type":"service_account"}', 'it has no client_email'],
    ['{"type":"other"}', 'of a type that is not known'],
    ['{"type":"authorized_user","token_uri":"http://evil.example/"}', 'no https:// address'],
  ])('are no file like %s', (text, why) => {
    expect(() => parseGoogleCredentials(text, 'key.json')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(why) }),
    );
  });

  it('of other kinds are left to the library of Google, and to be installed where it is missing', async () => {
    await using http = await openHttpClient();
    const credentials = parseGoogleCredentials('{"type":"external_account"}', '/etc/federation.json');
    const ask = (loadLibrary: () => Promise<unknown>): Promise<GoogleToken> =>
      askGoogleToken(credentials, { http, now: () => now, loadLibrary });
    const given: object[] = [];
    class GoogleAuth {
      constructor(options: object) {
        given.push(options);
      }
      getAccessToken(): Promise<string> {
        return Promise.resolve('federated');
      }
    }
    expect(await ask(async () => ({ GoogleAuth }))).toMatchObject({ token: 'federated' });
    expect(given).toEqual([expect.objectContaining({ keyFilename: '/etc/federation.json' })]);
    await expect(ask(() => Promise.reject(new Error('no such package')))).rejects.toMatchObject({
      code: 'CREDENTIALS_MISSING',
      hint: expect.stringContaining('npm install google-auth-library'),
    });
  });
});
