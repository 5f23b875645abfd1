// Repositories without a password, as restic's --insecure-no-password makes them: both programs open what the other made,
// and neither does so unless it is asked to.
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { initVault, openVault } from '../../src/vault/open-vault.ts';
import { type Ended, errorOf, Home } from '../e2e/cairn-program.ts';
import { requirePeer } from '../support/peers.ts';

const NONE = '--insecure-no-password';

let home: Home;
let repo: string;
let source: string;

beforeEach(async () => {
  home = await Home.make();
  repo = home.file('repo');
  source = await home.folder('documents');
  await writeFile(home.file('documents', 'words'), 'the words');
});

afterEach(() => home[Symbol.asyncDispose]());

function restic(...args: readonly string[]): string {
  const { path } = requirePeer('restic-newest');
  const env = { PATH: process.env['PATH'] ?? '', HOME: home.path };
  return execFileSync(path, ['--no-cache', '-r', repo, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  });
}

const cairn = (...args: readonly string[]): Promise<Ended> => home.run(['--vault', repo, ...args]);

describe('a repository without a password', () => {
  it('of restic is opened, backed up to and restored from', async () => {
    restic('init', NONE);
    restic('backup', NONE, source);
    expect(await cairn('backup', source, NONE)).toMatchObject({ exit: 0 });
    expect(await cairn('restore', 'latest', '--to', home.file('to'), NONE)).toMatchObject({ exit: 0 });
    expect(await readFile(home.file('to', 'documents', 'words'), 'utf8')).toBe('the words');
    expect(restic('check', NONE, '--read-data')).toContain('no errors were found');
  });

  it('of ours is opened by restic, and whoever makes it is told what it means', async () => {
    const made = await cairn('init', NONE);
    expect(made).toMatchObject({ exit: 0, stderr: expect.stringContaining('can read every backup') as string });
    expect(made.stderr).not.toContain('keep the password safe');
    expect(await cairn('backup', source, NONE)).toMatchObject({ exit: 0 });
    expect(restic('dump', NONE, 'latest', home.file('documents', 'words'))).toBe('the words');
    expect(restic('check', NONE, '--read-data')).toContain('no errors were found');
  });

  it('is not opened unless that is asked for', async () => {
    restic('init', NONE);
    await writeFile(home.file('empty'), '\n', { mode: 0o600 });
    const run = await cairn('list', '--password-file', home.file('empty'), '--json');
    expect(errorOf(run)).toMatchObject({ code: 'PASSWORD_MISSING', hint: expect.stringContaining(NONE) as string });
    await expect(openVault(repo, { password: '', catalog: false })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  });

  it('is not opened where a password is given as well', async () => {
    restic('init', NONE);
    const run = await home.run(['--vault', repo, 'list', NONE, '--json'], { env: { RESTIC_PASSWORD: 'secret' } });
    expect(errorOf(run)).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('RESTIC_PASSWORD') as string,
    });
    const options = { password: 'secret', insecureNoPassword: true, catalog: false } as const;
    await expect(openVault(repo, options)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  });

  it('gets a password from us, and loses it, and restic opens both', async () => {
    restic('init', NONE);
    await writeFile(home.file('new'), 'secret\n', { mode: 0o600 });
    expect(await cairn('key', 'passwd', '--new-password-file', home.file('new'), NONE)).toMatchObject({ exit: 0 });
    expect(() => restic('snapshots', NONE)).toThrow();
    restic('snapshots', '--password-file', home.file('new'));
    const removed = await cairn('key', 'passwd', '--new-insecure-no-password', '--password-file', home.file('new'));
    expect(removed).toMatchObject({ exit: 0, stderr: expect.stringContaining('can read every backup') as string });
    restic('snapshots', NONE);
  });

  it('is copied from and to', async () => {
    restic('init', NONE);
    restic('backup', NONE, source);
    await writeFile(home.file('other'), 'secret\n', { mode: 0o600 });
    const other = ['--vault', home.file('other-vault'), '--password-file', home.file('other')];
    expect(await home.run([...other, 'init'])).toMatchObject({ exit: 0 });
    expect(await home.run([...other, 'copy', '--from', repo, '--from-insecure-no-password'])).toMatchObject({
      exit: 0,
    });
    const back = [...other, 'copy', '--to', repo, '--to-insecure-no-password', '--json'];
    expect(await home.run(back)).toMatchObject({ exit: 0 });
  });

  it('has no password to encrypt an archive with', async () => {
    await cairn('init', NONE);
    const run = await cairn('archive', source, NONE, '--json');
    expect(errorOf(run)).toMatchObject({
      code: 'PASSWORD_MISSING',
      hint: expect.stringContaining('--recipient') as string,
    });
    expect(await cairn('archive', source, NONE, '--no-encrypt')).toMatchObject({ exit: 0 });
  });

  it('is made and opened in code by its own option only', async () => {
    const options = { password: '', insecureNoPassword: true, catalog: false } as const;
    const told: string[] = [];
    await using made = await initVault(repo, { ...options, onNotice: ({ message }) => void told.push(message) });
    expect(told).toEqual([expect.stringContaining('can read every backup')]);
    await using vault = await openVault(repo, options);
    expect(vault.keyId).toBe(made.keyId);
  });
});
