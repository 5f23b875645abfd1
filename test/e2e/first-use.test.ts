import { execFileSync } from 'node:child_process';
import { readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Home } from './cairn-program.ts';

let home: Home;
let source: string;

beforeEach(async () => {
  home = await Home.make();
  source = await home.folder('documents');
  await writeFile(home.file('documents', 'a.txt'), 'hello');
  await symlink('a.txt', home.file('documents', 'link'));
});

afterEach(async () => {
  await home[Symbol.asyncDispose]();
});

describe('the first command', () => {
  it('needs no setup, and says where vault and key are', async () => {
    const backup = await home.run(['backup', source]);
    expect(backup).toMatchObject({ exit: 0 });
    expect(backup.stderr).toContain(home.vault);
    expect(backup.stderr).toContain(home.key);
    expect(backup.stderr).toContain('Save a copy of the key');
    expect((await stat(home.key)).mode & 0o777).toBe(0o600);
  });

  it('then list and restore find it by its name', async () => {
    await home.run(['backup', source]);
    const list = await home.run(['list']);
    expect(list.stdout).toMatch(/documents/);
    const restore = await home.run(['restore', 'documents', '--to', 'out']);
    expect(restore).toMatchObject({ exit: 0 });
    execFileSync('diff', ['-r', '--no-dereference', source, home.file('out', 'documents')]);
  });

  it('shows where the key is even with --quiet, and the second one says nothing of it', async () => {
    expect((await home.run(['-q', 'backup', source])).stderr).toContain(home.key);
    expect((await home.run(['backup', source])).stderr).toBe('');
  });

  it('makes no vault when the command line is wrong, or the source is missing for a dry run', async () => {
    expect(await home.run(['backup'])).toMatchObject({ exit: 2 });
    expect(await home.run(['backup', source, '--pack-size', '1K'])).toMatchObject({ exit: 2 });
    expect(await home.run(['backup', '-n', source])).toMatchObject({ exit: 10 });
    await expect(stat(home.key)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('uses a key that is there instead of replacing it', async () => {
    await home.run(['backup', source]);
    const key = await readFile(home.key, 'utf8');
    await rm(home.vault, { recursive: true });
    await home.run(['backup', source]);
    expect(await readFile(home.key, 'utf8')).toBe(key);
    expect(await home.run(['list'])).toMatchObject({ exit: 0 });
  });

  it('stretches what a person has put where the key belongs, and not what it made itself', async () => {
    await home.run(['backup', source]);
    const kdf = async (): Promise<unknown> =>
      (JSON.parse((await home.run(['key', 'list', '--json'])).stdout) as { keys: { kdf: unknown }[] }).keys[0]?.kdf;
    expect(await kdf()).toEqual({ N: 1024, r: 8, p: 1 });
    await rm(home.vault, { recursive: true });
    await writeFile(home.key, 'hunter2\n', { mode: 0o600 });
    await home.run(['backup', source]);
    expect(await kdf()).toEqual({ N: 32_768, r: 8, p: 3 });
  });

  it('started several times at once makes one vault', async () => {
    const runs = await Promise.all([1, 2, 3].map((n) => home.run(['backup', source, '--name', `n${n}`])));
    expect(runs.map(({ exit }) => exit)).toEqual([0, 0, 0]);
    const names = (JSON.parse((await home.run(['list', '--json'])).stdout) as { name: string }[]).map(
      ({ name }) => name,
    );
    expect(names.toSorted()).toEqual(['n1', 'n2', 'n3']);
  });

  it('without its key the error says where the key should be', async () => {
    await home.run(['backup', source]);
    await rm(home.key);
    const list = await home.run(['list']);
    expect(list.exit).toBe(12);
    expect(list.stderr).toContain(home.key);
  });
});

describe('key generate', () => {
  it('makes a file for its owner only, that opens the vault it is given to', async () => {
    const file = home.file('keys', 'offsite');
    expect(await home.run(['key', 'generate', file])).toMatchObject({ exit: 0, stdout: `made ${file}\n` });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const offsite = ['--vault', home.file('offsite'), '--password-file', file];
    expect(await home.run([...offsite, 'init'])).toMatchObject({ exit: 0 });
    expect(await home.run([...offsite, 'list'])).toMatchObject({ exit: 0 });
  });

  it('never replaces a file', async () => {
    const file = home.file('mine');
    await writeFile(file, 'mine');
    expect(await home.run(['key', 'generate', file])).toMatchObject({ exit: 21 });
    expect(await readFile(file, 'utf8')).toBe('mine');
  });

  it('prints one for a password manager, and needs no vault', async () => {
    const { exit, stdout } = await home.run(['key', 'generate']);
    expect([exit, stdout]).toEqual([0, expect.stringMatching(/^cairn-key-[\w-]{48}\n$/)]);
  });
});

describe('help', () => {
  it('flows in the width of the terminal', async () => {
    const { stdout } = await home.run(['help', 'copy']);
    const lines = stdout.slice(stdout.indexOf('Copies backups')).split('\n\n')[0]!.split('\n');
    expect(lines.slice(0, -1).filter((line) => line.length < 60)).toEqual([]);
  });

  it('starts with examples and ends with exit codes', async () => {
    const { stdout, exit } = await home.run(['--help']);
    expect(exit).toBe(0);
    expect(stdout.startsWith('Examples:\n')).toBe(true);
    expect(stdout).toMatch(/Exit codes:\n +0 {2}done/);
    expect(stdout).not.toContain('default: false');
  });

  it.each([
    'init',
    'backup',
    'restore',
    'list',
    'show',
    'ls',
    'find',
    'diff',
    'cat',
    'dump',
    'stats',
    'check',
    'key',
    'unlock',
    'cache',
    'doctor',
    'completion',
  ])('of %s has examples and exit codes', async (command) => {
    const { stdout, exit } = await home.run(['help', command]);
    expect(exit).toBe(0);
    expect(stdout.startsWith('Examples:\n')).toBe(true);
    expect(stdout).toContain('Exit codes:');
  });

  it('the version comes alone', async () => {
    expect(await home.run(['--version'])).toMatchObject({
      exit: 0,
      stdout: expect.stringMatching(/^cairn \d+\.\d+\.\d+\n$/) as string,
    });
  });

  it.each(['bash', 'zsh', 'fish', 'powershell'])('%s can be taught to complete', async (shell) => {
    const { stdout, exit } = await home.run(['completion', shell]);
    expect(exit).toBe(0);
    expect(stdout).toContain('restore');
    expect(stdout).toContain('exclude-larger-than');
  });
});
