import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseSections } from './aws-profile.ts';
import { type CredentialSources, resolveCredentials } from './credentials.ts';

const nobody = { anonymous: false, profile: undefined };
const keys = { AWS_ACCESS_KEY_ID: 'env', AWS_SECRET_ACCESS_KEY: 'secret' };
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cairn-aws-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** The key that is found, with these files and variables. */
async function keyId(
  location: { readonly anonymous: boolean; readonly profile: string | undefined },
  sources: Partial<CredentialSources>,
  files: { readonly credentials?: string; readonly config?: string } = {},
): Promise<string | undefined> {
  await writeFile(join(folder, 'credentials'), files.credentials ?? '');
  await writeFile(join(folder, 'config'), files.config ?? '');
  const environment = {
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials'),
    AWS_CONFIG_FILE: join(folder, 'config'),
    ...sources.environment,
  };
  const { provider } = await resolveCredentials(location, { loadProviders: noPackage, ...sources, environment });
  return (await provider?.get(undefined))?.accessKeyId;
}

async function noPackage(): Promise<never> {
  throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
}

const profiles =
  '[default]\naws_access_key_id = d\naws_secret_access_key = s\n[other]\naws_access_key_id=o\naws_secret_access_key=s';

describe('resolveCredentials', () => {
  it('takes the keys of the environment before those of a file', async () => {
    expect(await keyId(nobody, { environment: keys }, { credentials: profiles })).toBe('env');
  });

  it('takes the profile that the address names before the environment', async () => {
    expect(await keyId({ ...nobody, profile: 'other' }, { environment: keys }, { credentials: profiles })).toBe('o');
  });

  it('takes the profile of AWS_PROFILE, else the default one', async () => {
    expect(await keyId(nobody, { environment: { AWS_PROFILE: 'other' } }, { credentials: profiles })).toBe('o');
    expect(await keyId(nobody, {}, { credentials: profiles })).toBe('d');
  });

  it('finds keys in the config file as well', async () => {
    const config = '[profile other]\naws_access_key_id = c\naws_secret_access_key = s';
    expect(await keyId({ ...nobody, profile: 'other' }, {}, { config })).toBe('c');
  });

  it('has none for requests that are not signed', async () => {
    expect(await keyId({ ...nobody, anonymous: true }, { environment: keys })).toBeUndefined();
  });

  it('names the profile that is not there', async () => {
    await expect(keyId({ ...nobody, profile: 'gone' }, {})).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      facts: { profile: 'gone' },
    });
  });

  it('names the package that finds the rest, where it is not installed', async () => {
    await expect(keyId(nobody, {})).rejects.toMatchObject({
      code: 'CREDENTIALS_MISSING',
      hint: expect.stringContaining('npm install @aws-sdk/credential-providers'),
    });
  });

  it('says which setting of the profile needs the package', async () => {
    const config = '[profile sso]\nsso_session = work';
    await expect(keyId({ ...nobody, profile: 'sso' }, {}, { config })).rejects.toMatchObject({
      code: 'CREDENTIALS_MISSING',
      message: expect.stringContaining('sso_session'),
    });
  });

  it('asks the package once while what it gave is good, and again before it ends', async () => {
    let asked = 0;
    const expirations = [new Date(Date.now() + 60_000), new Date(Date.now() + 3_600_000)];
    const fromNodeProviderChain = () => async (): Promise<unknown> => ({
      accessKeyId: `asked ${++asked}`,
      secretAccessKey: 's',
      expiration: expirations[asked - 1],
    });
    const { provider } = await resolveCredentials(nobody, {
      environment: { AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'), AWS_CONFIG_FILE: join(folder, 'none') },
      loadProviders: async () => ({ fromNodeProviderChain }),
    });
    await Promise.all([provider?.get(undefined), provider?.get(undefined)]);
    expect(asked).toBe(1);
    // The first ends within five minutes; the second is good for an hour.
    await provider?.get(undefined);
    expect((await provider?.get(undefined))?.accessKeyId).toBe('asked 2');
  });

  it('takes a role that the profile names, and not the keys beside it', async () => {
    const credentials = '[work]\naws_access_key_id = mine\naws_secret_access_key = s';
    const config = '[profile work]\nrole_arn = arn:aws:iam::1:role/backup\nsource_profile = work';
    const asRole = { fromNodeProviderChain: () => async () => ({ accessKeyId: 'role', secretAccessKey: 's' }) };
    const found = keyId({ ...nobody, profile: 'work' }, { loadProviders: async () => asRole }, { credentials, config });
    expect(await found).toBe('role');
  });

  it('reads the file again when the session of its keys has ended', async () => {
    const path = join(folder, 'credentials');
    const environment = { AWS_SHARED_CREDENTIALS_FILE: path, AWS_CONFIG_FILE: join(folder, 'none') };
    await writeFile(path, '[default]\naws_access_key_id = first\naws_secret_access_key = s\naws_session_token = t');
    const { provider } = await resolveCredentials(nobody, { environment, loadProviders: noPackage });
    const first = await provider!.get(undefined);
    await writeFile(path, '[default]\naws_access_key_id = second\naws_secret_access_key = s\naws_session_token = t');
    expect((await provider!.get(undefined)).accessKeyId).toBe('first');
    provider!.drop(first);
    expect((await provider!.get(undefined)).accessKeyId).toBe('second');
  });

  it('asks the package again when the session has ended that it said nothing about', async () => {
    let asked = 0;
    // As the real one does, each chain remembers what it found.
    const fromNodeProviderChain = (): (() => Promise<unknown>) => {
      let known: Promise<unknown> | undefined;
      return () => (known ??= Promise.resolve({ accessKeyId: `asked ${++asked}`, secretAccessKey: 's' }));
    };
    const { provider } = await resolveCredentials(nobody, {
      environment: { AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'), AWS_CONFIG_FILE: join(folder, 'none') },
      loadProviders: async () => ({ fromNodeProviderChain }),
    });
    provider!.drop(await provider!.get(undefined));
    expect((await provider!.get(undefined)).accessKeyId).toBe('asked 2');
  });

  it('names the variable that says where to ask for keys', async () => {
    const broken = { fromNodeProviderChain: () => () => Promise.reject(new Error('Could not load credentials')) };
    const environment = { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://127.0.0.1:1/creds' };
    await expect(keyId(nobody, { environment, loadProviders: async () => broken })).rejects.toMatchObject({
      code: 'CREDENTIALS_MISSING',
      message: expect.stringContaining('(AWS_CONTAINER_CREDENTIALS_FULL_URI says where to ask for them)'),
      hint: expect.stringContaining('Look at what AWS_CONTAINER_CREDENTIALS_FULL_URI leads to'),
    });
  });

  it('says what the package could not do', async () => {
    const broken = { fromNodeProviderChain: () => () => Promise.reject(new Error('token has expired')) };
    await expect(keyId(nobody, { loadProviders: async () => broken })).rejects.toMatchObject({
      code: 'CREDENTIALS_MISSING',
      message: expect.stringContaining('token has expired'),
    });
  });
});

describe('parseSections', () => {
  it('reads settings, with those below them, without comments and quotes of names', () => {
    const sections = parseSections(
      '# c\nlost = 1\n[ profile "a b" ]\r\nRegion = eu # near\ns3 =\n  addressing_style = path\n; c\nkey=a=b#c\n[x]\n',
    );
    expect(Array.from(sections, ([name, settings]) => [name, Object.fromEntries(settings)])).toEqual([
      ['profile a b', { region: 'eu', s3: '', 's3.addressing_style': 'path', key: 'a=b#c' }],
      ['x', {}],
    ]);
  });
});
