import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolveCredentials } from '../storage/drivers/s3/credentials.ts';
import { loginOfEnvironment } from '../storage/drivers/rest/rest-location.ts';
import { parseSftpUrl } from '../storage/drivers/sftp/sftp-location.ts';
import { loadSshSettings } from '../storage/drivers/sftp/ssh-settings.ts';
import { secretVariable } from './secret-variable.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cairn-secret-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function file(text: string): string {
  const path = join(folder, `f${text.length}`);
  writeFileSync(path, text);
  return path;
}

describe('a secret variable', () => {
  it('has the text of a file without the newline at its end', () => {
    expect(secretVariable({ KEY_FILE: file('a\nb\r\n') }, 'KEY')).toBe('a\nb');
  });

  it('that is set goes before its file, and one that is set to nothing does not', () => {
    expect(secretVariable({ KEY: 'own', KEY_FILE: file('of file') }, 'KEY')).toBe('own');
    expect(secretVariable({ KEY: '', KEY_FILE: file('of file') }, 'KEY')).toBe('of file');
    expect(secretVariable({ KEY: '', KEY_FILE: '' }, 'KEY')).toBeUndefined();
  });

  it('whose file is missing or empty is an error that names it', () => {
    expect(() => secretVariable({ KEY_FILE: join(folder, 'none') }, 'KEY')).toThrow('(from KEY_FILE)');
    expect(() => secretVariable({ KEY_FILE: file('\n') }, 'KEY')).toThrow('is empty');
  });
});

describe('a storage that takes its secrets from files', () => {
  it('is S3', async () => {
    const environment = {
      HOME: folder,
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY_FILE: file('secret\n'),
      AWS_SESSION_TOKEN_FILE: file('the token\n'),
    };
    const { provider } = await resolveCredentials({ anonymous: false, profile: undefined }, { environment });
    expect(await provider?.get(undefined)).toMatchObject({ secretAccessKey: 'secret', sessionToken: 'the token' });
  });

  it('is REST', () => {
    const login = loginOfEnvironment({ CAIRN_REST_USERNAME: 'me', CAIRN_REST_PASSWORD_FILE: file('word\n') });
    expect(Buffer.from(login!.password.reveal()).toString()).toBe('word');
  });

  it('is SFTP', async () => {
    const env = { CAIRN_SSH_PASSWORD_FILE: file('word\n'), CAIRN_SSH_PASSPHRASE_FILE: file('phrase\n') };
    const location = parseSftpUrl('sftp://me@host//vault');
    const { login } = await loadSshSettings(location, { env, home: folder, localUser: 'me', configFiles: [] });
    expect(Buffer.from(login.password!.reveal()).toString()).toBe('word');
    expect(Buffer.from(login.passphrase!.reveal()).toString()).toBe('phrase');
  });
});
