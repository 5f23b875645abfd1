import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { HttpDouble, type ToldAnswer } from '../../../../test/support/http-double.ts';
import { startKeystone } from '../../../../test/support/keystone-double.ts';
import { openHttpClient } from '../http/http-client.ts';
import type { Environment } from '../url-parameters.ts';
import { findSwiftLogin } from './swift-login.ts';
import { askSwiftSession, type SwiftSession } from './swift-session.ts';

const now = new Date('2026-11-26T12:00:00Z');
const store = { token: 'gAAAA', storageUrl: 'https://store/v1/AUTH_p/', expiresAt: '2026-11-26T13:00:00.000000Z' };

async function logIn(environment: Environment): Promise<SwiftSession> {
  await using http = await openHttpClient();
  return await askSwiftSession(findSwiftLogin(environment), { http, now: () => now });
}

/** What Keystone is sent for these variables. */
async function sentFor(variables: Environment, path = '/v3'): Promise<unknown> {
  await using keystone = await startKeystone(() => store);
  await logIn({ OS_AUTH_URL: `${keystone.url}${path}`, OS_REGION_NAME: 'north', ...variables });
  return keystone.logins()[0];
}

const password = { OS_USERNAME: 'ana', OS_PASSWORD: 's3cret' };

describe('a login of version 3', () => {
  it('is scoped to a project, in the domains that are named', async () => {
    const variables = { ...password, OS_USER_DOMAIN_NAME: 'd1', OS_PROJECT_NAME: 'p1', OS_PROJECT_DOMAIN_ID: 'd2' };
    expect(await sentFor(variables)).toEqual({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: 'ana', domain: { name: 'd1' }, password: 's3cret' } },
        },
        scope: { project: { name: 'p1', domain: { id: 'd2' } } },
      },
    });
  });

  it('goes by ids where they are known, and needs no domain then', async () => {
    expect(await sentFor({ OS_USER_ID: 'u1', OS_PASSWORD: 's3cret', OS_PROJECT_ID: 'p1' })).toEqual({
      auth: {
        identity: { methods: ['password'], password: { user: { id: 'u1', password: 's3cret' } } },
        scope: { project: { id: 'p1' } },
      },
    });
  });

  it('is in the default domain where none is named, and takes an address without its version', async () => {
    expect(await sentFor({ ...password, OS_TENANT_NAME: 'p1' }, '/')).toMatchObject({
      auth: { scope: { project: { name: 'p1', domain: { id: 'default' } } } },
    });
  });

  it('may be scoped to a trust', async () => {
    expect(await sentFor({ ...password, OS_TRUST_ID: 't1' })).toMatchObject({
      auth: { scope: { 'OS-TRUST:trust': { id: 't1' } } },
    });
  });

  it('with an application credential has no scope, which that brings', async () => {
    const secret = { OS_APPLICATION_CREDENTIAL_SECRET: 's3cret', OS_PROJECT_NAME: 'p1' };
    expect(await sentFor({ ...secret, OS_APPLICATION_CREDENTIAL_ID: 'a1' })).toEqual({
      auth: {
        identity: { methods: ['application_credential'], application_credential: { id: 'a1', secret: 's3cret' } },
      },
    });
    const named = { OS_APPLICATION_CREDENTIAL_NAME: 'backup', OS_USERNAME: 'ana', OS_USER_DOMAIN_NAME: 'd1' };
    expect(await sentFor({ ...secret, ...named })).toMatchObject({
      auth: { identity: { application_credential: { name: 'backup', user: { name: 'ana', domain: { name: 'd1' } } } } },
    });
  });

  it('gives the token, the address in the region that is asked for, and when it ends', async () => {
    await using keystone = await startKeystone(() => store);
    const environment = { ...password, OS_AUTH_URL: `${keystone.url}/v3`, OS_REGION_NAME: 'north' };
    const session = { token: 'gAAAA', expiresAtMs: now.getTime() + 3_600_000 };
    expect(await logIn(environment)).toEqual({ ...session, storageUrl: 'https://store/v1/AUTH_p' });
    expect(await logIn({ ...environment, OS_INTERFACE: 'internal' })).toMatchObject({
      storageUrl: 'http://127.0.0.1:1/internal',
    });
    expect(await logIn({ ...environment, OS_STORAGE_URL: 'https://mine/v1/AUTH_x' })).toMatchObject({
      storageUrl: 'https://mine/v1/AUTH_x',
    });
  });

  it('without a store in the region says where there are some', async () => {
    await using keystone = await startKeystone(() => store);
    const environment = { ...password, OS_AUTH_URL: `${keystone.url}/v3`, OS_REGION_NAME: 'west' };
    await expect(logIn(environment)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('south, north'),
    });
  });

  it('without a store with such an address says which kind was looked for', async () => {
    await using keystone = await startKeystone(() => store);
    const environment = { ...password, OS_AUTH_URL: `${keystone.url}/v3`, OS_INTERFACE: 'admin' };
    await expect(logIn(environment)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('has no object store with an admin address'),
    });
  });

  it('that is refused says so, and repeats no password', async () => {
    await using keystone = await startKeystone(() => store);
    const environment = { ...password, OS_PASSWORD: 'wr0ng', OS_AUTH_URL: `${keystone.url}/v3` };
    const error = await logIn(environment).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'STORAGE_DENIED', retry: 'never' });
    expect(inspect([error, findSwiftLogin(environment)], { depth: 9 })).not.toContain('wr0ng');
  });
});

describe('a login of version 2', () => {
  it('names its tenant', async () => {
    expect(await sentFor({ ...password, OS_TENANT_NAME: 't1' }, '/v2.0')).toEqual({
      auth: { passwordCredentials: { username: 'ana', password: 's3cret' }, tenantName: 't1' },
    });
    expect(await sentFor({ ...password, OS_TENANT_ID: 't2', OS_IDENTITY_API_VERSION: '2.0' }, '/v2.0/')).toMatchObject({
      auth: { tenantId: 't2' },
    });
  });
});

describe('a login of version 1', () => {
  const told: ToldAnswer = {
    headers: { 'x-auth-token': 'AUTH_tk', 'x-storage-url': 'https://store/v1/AUTH_t', 'x-auth-token-expires': '60' },
  };

  it('is made of headers, both ways', async () => {
    await using server = await HttpDouble.start(() => told);
    const session = { token: 'AUTH_tk', storageUrl: 'https://store/v1/AUTH_t', expiresAtMs: now.getTime() + 60_000 };
    expect(await logIn({ ST_AUTH: `${server.url}/auth/v1.0`, ST_USER: 't:u', ST_KEY: 'k' })).toEqual(session);
    expect(await logIn({ OS_AUTH_URL: `${server.url}/auth/v1.0`, OS_USERNAME: 't:u', OS_PASSWORD: 'k' })).toEqual(
      session,
    );
    expect(server.asked.map(({ headers }) => [headers['x-auth-user'], headers['x-auth-key']])).toEqual([
      ['t:u', 'k'],
      ['t:u', 'k'],
    ]);
  });

  it.each([
    [{ status: 404 }, 'CONFIG_INVALID'],
    [{ status: 403 }, 'STORAGE_DENIED'],
    [{ status: 503 }, 'STORAGE_UNREACHABLE'],
    [{ status: 200 }, 'STORAGE_IO'],
    [{ headers: { 'x-auth-token': 'x', 'x-storage-url': 'file:///etc' } }, 'STORAGE_IO'],
  ])('is none: %j', async (answer, code) => {
    await using server = await HttpDouble.start(() => answer);
    await expect(logIn({ ST_AUTH: `${server.url}/v1.0`, ST_USER: 'u', ST_KEY: 'k' })).rejects.toMatchObject({ code });
  });
});

describe('the environment', () => {
  it.each([
    [{}, 'CREDENTIALS_MISSING', 'OS_AUTH_URL'],
    [{ ST_AUTH: 'http://h/v1.0' }, 'CREDENTIALS_MISSING', 'ST_USER'],
    [{ OS_AUTH_URL: 'http://h/v3' }, 'CREDENTIALS_MISSING', 'OS_USERNAME'],
    [{ OS_AUTH_URL: 'http://h/v3', OS_USERNAME: 'u' }, 'CREDENTIALS_MISSING', 'OS_PASSWORD'],
    [{ OS_AUTH_URL: 'http://h/', OS_APPLICATION_CREDENTIAL_NAME: 'a' }, 'CREDENTIALS_MISSING', 'OS_USERNAME'],
    [{ OS_AUTH_URL: 'keystone' }, 'CONFIG_INVALID', 'OS_AUTH_URL'],
    [{ OS_AUTH_URL: 'http://h', OS_IDENTITY_API_VERSION: '4' }, 'CONFIG_INVALID', 'OS_IDENTITY_API_VERSION'],
    [{ OS_AUTH_URL: 'http://h', OS_INTERFACE: 'x' }, 'CONFIG_INVALID', 'OS_INTERFACE'],
  ])('%j is no login, which is said by the name of the variable', (environment, code, name) => {
    expect(() => findSwiftLogin(environment)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(name) }),
    );
  });
});
