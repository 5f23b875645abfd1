import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rememberOpening } from '../vault/opening-memory.ts';
import { guessOpening } from './guess-opening.ts';

describe('the guess which vault will be opened', () => {
  let home = '';
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'guess-'));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  const guess = (argv: string[], env: NodeJS.ProcessEnv = {}): readonly [string, string] | undefined => {
    const found = guessOpening(argv, { HOME: home, ...env });
    if (found === undefined) return undefined;
    const where = found.place.kind === 'folder' ? found.place.folder : `salt ${found.place.derivation.salt[0]}`;
    return [where, Buffer.from(found.password.reveal()).toString()];
  };
  const file = (name: string, text: string): string => {
    const path = join(home, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
    return path;
  };
  const password = { CAIRN_PASSWORD: 'secret' };

  it('takes the folder of --vault and the password of the environment', () => {
    expect(guess(['--vault', '/mnt/vault', 'list'], password)).toEqual(['/mnt/vault', 'secret']);
    expect(guess(['list', '--vault=./vault'], password)).toEqual(['./vault', 'secret']);
  });

  it('takes the variables, ours before those of restic', () => {
    const restic = { RESTIC_REPOSITORY: '/r', RESTIC_PASSWORD: 'theirs' };
    expect(guess(['list'], restic)).toEqual(['/r', 'theirs']);
    expect(guess(['list'], { ...restic, CAIRN_VAULT: '/c', ...password })).toEqual(['/c', 'secret']);
  });

  it('reads password files', () => {
    const path = file('password', 'from a file\n');
    expect(guess(['--vault', '/v', '--password-file', path, 'list'], password)).toEqual(['/v', 'from a file']);
    expect(guess(['list'], { CAIRN_VAULT: '/v', CAIRN_PASSWORD_FILE: path })).toEqual(['/v', 'from a file']);
  });

  it('takes the default vault with its key where nothing else is said', () => {
    file('.config/cairn/key', 'the key\n');
    expect(guess(['list'])).toEqual([join(home, '.local/share/cairn/vault'), 'the key']);
  });

  describe('of a vault elsewhere that was opened before', () => {
    const url = 'rest:http://backup.example/';
    const elsewhere = { CAIRN_VAULT: url, ...password };
    beforeEach(() => {
      const derivation = { N: 16, r: 1, p: 1, salt: new Uint8Array(64).fill(7) };
      return rememberOpening(join(home, '.cache/cairn'), url, derivation);
    });

    it('takes what is known of its key', () => {
      expect(guess(['list'], elsewhere)).toEqual(['salt 7', 'secret']);
    });

    it('looks into the cache that is named', () => {
      expect(guess(['list', '--cache-dir', join(home, 'other')], elsewhere)).toBeUndefined();
    });

    it('is none without a cache', () => {
      expect(guess(['list', '--no-cache'], elsewhere)).toBeUndefined();
    });
  });

  it.each([
    { what: 'a name of the configuration', argv: ['--vault', 'main'], env: password },
    { what: 'a vault elsewhere that was never opened', argv: ['--vault', 's3://bucket/prefix'], env: password },
    { what: 'a file that names the repository', argv: [], env: { RESTIC_REPOSITORY_FILE: '/f', ...password } },
    { what: 'a program that gives the password', argv: ['--password-command', 'pass'], env: { CAIRN_VAULT: '/v' } },
    { what: 'a variable with such a program', argv: [], env: { CAIRN_VAULT: '/v', CAIRN_PASSWORD_COMMAND: 'pass' } },
    { what: 'a password file that is missing', argv: ['--password-file', '/missing'], env: { CAIRN_VAULT: '/v' } },
    { what: 'a question on the terminal', argv: [], env: { CAIRN_VAULT: '/v' } },
    { what: 'a default vault without a key', argv: [], env: {} },
  ])('is none for $what', ({ argv, env }) => {
    expect(guess([...argv, 'list'], env)).toBeUndefined();
  });
});
