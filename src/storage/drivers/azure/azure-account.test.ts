import { expect, it } from 'vitest';
import { loadAzurePackage, openContainer } from './azure-account.ts';

const azure = await loadAzurePackage();
const signed = (endpoint: string): string =>
  `BlobEndpoint=${endpoint};SharedAccessSignature=sv=2026-01-01&ss=b&sig=s1gnature`;

it('sends a signature of an account to no other machine in clear', () => {
  const env = { AZURE_STORAGE_CONNECTION_STRING: signed('http://blobs.invalid/account') };
  expect(() => openContainer(azure, 'backups', env)).toThrow(expect.objectContaining({ code: 'SECRET_IN_CLEAR' }));
});

it.each([
  ['over TLS', signed('https://blobs.invalid/account'), ''],
  ['on this machine', signed('http://127.0.0.1:10000/account'), ''],
  ['where its host is named', signed('http://blobs.invalid/account'), 'blobs.invalid'],
  [
    'where a key signs each request',
    'DefaultEndpointsProtocol=http;AccountName=account;AccountKey=a2V5;EndpointSuffix=core.windows.net',
    '',
  ],
])('opens a container %s', (_, connection, hosts) => {
  const env = { AZURE_STORAGE_CONNECTION_STRING: connection, CAIRN_CLEAR_TEXT_HOSTS: hosts };
  expect(openContainer(azure, 'backups', env).url).toContain('/backups');
});

it.each([
  [{}, 'AZURE_ACCOUNT_NAME'],
  [{ AZURE_ACCOUNT_NAME: 'account' }, 'AZURE_ACCOUNT_KEY'],
])('names what is missing in %j, as the other storages do', (env, missing) => {
  expect(() => openContainer(azure, 'backups', env)).toThrow(
    expect.objectContaining({ code: 'CREDENTIALS_MISSING', message: expect.stringContaining(missing) }),
  );
});

it.each(['x', 'My-Account', 'https://account.blob.core.windows.net'])(
  'does not take %j for a name that is missing, nor for one of an account',
  (name) => {
    const env = { AZURE_ACCOUNT_NAME: name, AZURE_ACCOUNT_KEY: 'a2V5' };
    expect(() => openContainer(azure, 'backups', env)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('no name of an account') }),
    );
  },
);
