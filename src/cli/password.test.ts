import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isGeneratedKey } from '../base/generated-key.ts';
import type { Secret } from '../base/secret.ts';
import { defaultPlaces, ensureKeyFile, readKeyFile } from './default-vault.ts';
import { findPassword, type PasswordRequest, readPasswordFile, runPasswordCommand } from './password.ts';
import { readHiddenLine } from './terminal/prompt.ts';
import { chooseVault } from './vault-choice.ts';

const never = new AbortController().signal;
const text = (secret: Secret): string => Buffer.from(secret.reveal()).toString();
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cairn-password-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function fileWith(bytes: string | Uint8Array): Promise<string> {
  const path = join(folder, 'password');
  await writeFile(path, bytes, { mode: 0o600 });
  return path;
}

describe('password file', () => {
  it.each([
    ['secret\n', 'secret'],
    ['secret\r\n', 'secret'],
    ['secret', 'secret'],
    // What restic 0.14 and 0.19 open with such files.
    [' with  blanks \n\n', 'with  blanks'],
    ['\u00a0\t two\nlines\u2003\r\n', 'two\nlines'],
    ['voil\u00e0', 'voil\u00e0'],
  ])('%j is the password %j', async (content, password) => {
    expect(text(await readPasswordFile(await fileWith(content), () => {}))).toBe(password);
  });

  it('of Windows tools is read as its text', async () => {
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('gehéim\n', 'utf16le')]);
    expect(text(await readPasswordFile(await fileWith(utf16), () => {}))).toBe('gehéim');
    expect(
      text(
        await readPasswordFile(
          await fileWith(Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from('geheim', 'utf16le').swap16()])),
          () => {},
        ),
      ),
    ).toBe('geheim');
  });

  it('that everyone may read is warned about', async () => {
    const path = await fileWith('secret');
    await chmod(path, 0o644);
    const warnings: string[] = [];
    await readPasswordFile(path, (warning) => warnings.push(warning));
    expect(warnings[0]).toContain('chmod 600');
  });

  it('that is empty or missing is an error that names it', async () => {
    await expect(readPasswordFile(await fileWith('\n'), () => {})).rejects.toMatchObject({ code: 'PASSWORD_MISSING' });
    await expect(readPasswordFile(join(folder, 'none'), () => {})).rejects.toThrow(join(folder, 'none'));
  });
});

describe('password command', () => {
  it('runs in a shell, and its output is the password', async () => {
    expect(text(await runPasswordCommand("printf '%s-%s\\n' a b", never))).toBe('a-b');
  });

  it('has white space around the password no more than a file', async () => {
    expect(text(await runPasswordCommand("printf '\\n a b \\n\\n'", never))).toBe('a b');
  });

  it('that fails is an error without the command line, which may hold a secret', async () => {
    const failure = await runPasswordCommand('echo hunter2; exit 3', never).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'COMMAND_FAILED', message: 'the password command failed: exit code 3' });
    expect(String(failure)).not.toContain('hunter2');
  });

  it('that prints nothing is an error', async () => {
    await expect(runPasswordCommand('true', never)).rejects.toMatchObject({ code: 'PASSWORD_MISSING' });
  });
});

const request = (parts: Partial<PasswordRequest>): PasswordRequest => ({
  choice: { kind: 'chosen', url: '/v', by: 'flag' },
  passwordFile: undefined,
  passwordCommand: undefined,
  env: {},
  signal: never,
  warn: () => {},
  purpose: 'open',
  ...parts,
});

describe('where the password comes from', () => {
  it('a flag comes before the environment', async () => {
    const found = await findPassword(request({ passwordCommand: 'echo flag', env: { CAIRN_PASSWORD: 'env' } }));
    expect(text(found)).toBe('flag');
  });

  it("cairn's variables come before restic's", async () => {
    const env = { RESTIC_PASSWORD: 'restic', CAIRN_PASSWORD_COMMAND: 'echo cairn' };
    expect(text(await findPassword(request({ env })))).toBe('cairn');
    expect(text(await findPassword(request({ env: { RESTIC_PASSWORD: 'restic' } })))).toBe('restic');
  });

  it("restic's variables do not open the default vault, whose key file does", async () => {
    const keyFile = await fileWith('key\n');
    const choice = { kind: 'default', url: '/v', keyFile } as const;
    expect(text(await findPassword(request({ choice, env: { RESTIC_PASSWORD: 'restic' } })))).toBe('key');
  });

  it('without a terminal the error says every way', async () => {
    await expect(findPassword(request({}))).rejects.toMatchObject({
      code: 'PASSWORD_MISSING',
      hint: expect.stringContaining('CAIRN_PASSWORD_FILE') as string,
    });
  });
});

describe('which vault', () => {
  it('the flag, then CAIRN_VAULT, then restic, then the default', async () => {
    const env = { CAIRN_VAULT: '/c', RESTIC_REPOSITORY: '/r', HOME: '/home/u' };
    expect((await chooseVault('/f', env)).url).toBe('/f');
    expect((await chooseVault(undefined, env)).url).toBe('/c');
    expect((await chooseVault(undefined, { ...env, CAIRN_VAULT: '' })).url).toBe('/r');
    expect(await chooseVault(undefined, { HOME: '/home/u' })).toEqual({
      kind: 'default',
      url: '/home/u/.local/share/cairn/vault',
      keyFile: '/home/u/.config/cairn/key',
    });
  });

  it('RESTIC_REPOSITORY_FILE names a file with the address', async () => {
    const path = await fileWith('/from/file\n');
    expect((await chooseVault(undefined, { RESTIC_REPOSITORY_FILE: path })).url).toBe('/from/file');
  });

  it('an empty flag is an error', async () => {
    await expect(chooseVault('', {})).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('XDG folders count where they are absolute', () => {
    const places = defaultPlaces({ HOME: '/h', XDG_DATA_HOME: '/data', XDG_CONFIG_HOME: 'relative' });
    expect(places).toEqual({ vault: '/data/cairn/vault', keyFile: '/h/.config/cairn/key' });
  });
});

describe('key file of the default vault', () => {
  it('is made once, for its owner only, and found again', async () => {
    const path = join(folder, 'config', 'cairn', 'key');
    const first = await ensureKeyFile(path);
    const second = await ensureKeyFile(path);
    expect([first.created, second.created]).toEqual([true, false]);
    expect(text(second.key)).toBe(text(first.key));
    expect(isGeneratedKey(first.key.reveal())).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(folder, 'config', 'cairn'))).toEqual(['key']);
  });

  it('made by many at once is the same for all', async () => {
    const path = join(folder, 'key');
    const made = await Promise.all(Array.from({ length: 8 }, () => ensureKeyFile(path)));
    expect(new Set(made.map(({ key }) => text(key))).size).toBe(1);
    expect((await readFile(path, 'utf8')).trim()).toBe(text(made[0]!.key));
  });

  it('is not replaced when it is empty, but named', async () => {
    await expect(ensureKeyFile(await fileWith(''))).rejects.toMatchObject({ code: 'PASSWORD_MISSING' });
  });

  it('is undefined where there is none', async () => {
    expect(await readKeyFile(join(folder, 'none'))).toBeUndefined();
  });
});

const type = async (...keys: string[]): Promise<string> => {
  const input = new PassThrough();
  const line = readHiddenLine(input, never);
  for (const key of keys) input.write(key);
  return Buffer.from(await line).toString();
};

describe('a hidden line', () => {
  it('ends with enter', async () => {
    expect(await type('sec', 'ret', '\r')).toBe('secret');
  });

  it('knows backspace over a whole character, and Ctrl-U', async () => {
    expect(await type('aé\u007f', 'b\n')).toBe('ab');
    expect(await type('wrong\u0015right\n')).toBe('right');
    expect(await type('\u007f\u007fx\n')).toBe('x');
  });

  it('Ctrl-C, Ctrl-D and the end of the input are no password', async () => {
    await expect(type('abc\u0003')).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(type('\u0004')).rejects.toMatchObject({ code: 'ABORTED' });
    const input = new PassThrough();
    input.end();
    await expect(readHiddenLine(input, never)).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('there is none where none is asked for', async () => {
    expect(text(await findPassword(request({ insecureNoPassword: true })))).toBe('');
  });

  it.each<[string, Partial<PasswordRequest>]>([
    ['--password-file', { passwordFile: '/p' }],
    ['--password-command', { passwordCommand: 'false' }],
    ['CAIRN_PASSWORD_COMMAND', { env: { CAIRN_PASSWORD_COMMAND: 'false' } }],
    ['RESTIC_PASSWORD', { env: { RESTIC_PASSWORD: 'restic' } }],
    ['--from-password-file', { names: 'from', passwordFile: '/p' }],
  ])('none is refused beside %s, which is not looked up', async (given, parts) => {
    await expect(findPassword(request({ ...parts, insecureNoPassword: true }))).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(given) as string,
    });
  });

  it('none is refused beside a key file of the default vault', async () => {
    const choice = { kind: 'default', url: '/v', keyFile: await fileWith('key\n') } as const;
    await expect(findPassword(request({ choice, insecureNoPassword: true }))).rejects.toMatchObject({ code: 'USAGE' });
  });
});
