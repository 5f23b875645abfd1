// Copies between two vaults, as their users ask for them.
import { randomBytes } from 'node:crypto';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { initRepository } from '../../src/repository/init-repository.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import type { CopyResult } from '../../src/vault/care/copy-backups.ts';
import { TEST_KDF } from '../support/repository-fixture.ts';
import { type Ended, errorOf, Home } from './cairn-program.ts';

let home: Home;
let ours: string;
let other: string;

/** Each vault has a password of its own. */
const OURS = { CAIRN_PASSWORD: 'ours' };
const OTHER = { CAIRN_PASSWORD: 'other' };

beforeEach(async () => {
  home = await Home.make();
  [ours, other] = [home.file('ours'), home.file('other')];
  await home.folder('docs');
  await writeFile(home.file('docs', 'a.bin'), randomBytes(100_000));
  await makeVault(ours, OURS.CAIRN_PASSWORD);
  await makeVault(other, OTHER.CAIRN_PASSWORD);
  await backUp(ours, OURS, 'docs');
});
afterEach(() => home[Symbol.asyncDispose]());

/** As `init` makes it, with a key that costs nothing: nearly every command here opens both vaults. */
async function makeVault(path: string, password: string): Promise<void> {
  await using _made = await initRepository(openLocalStorage(path), { password: new Secret(password), kdf: TEST_KDF });
}

async function backUp(vault: string, env: Record<string, string>, ...args: string[]): Promise<void> {
  expect(await home.run(['--vault', vault, 'backup', ...args], { env })).toMatchObject({ exit: 0 });
}

const copy = (args: readonly string[], env: Record<string, string> = {}): Promise<Ended> =>
  home.run(['--vault', ours, 'copy', ...args], { env: { ...OURS, ...env } });

async function countIn(vault: string, env: Record<string, string>): Promise<number> {
  const { stdout } = await home.run(['--vault', vault, 'list', '--json'], { env });
  return (JSON.parse(stdout) as unknown[]).length;
}

const json = ({ stdout }: Ended): CopyResult & { readonly dryRun: boolean } =>
  JSON.parse(stdout) as CopyResult & { readonly dryRun: boolean };

async function passwordFile(text: string): Promise<string> {
  const path = home.file(`password-${text}`);
  await writeFile(path, `${text}\n`, { mode: 0o600 });
  return path;
}

describe('copy', () => {
  it('--to brings our backups to another vault, and says so', async () => {
    const { exit, stdout } = await copy(['--to', other], { CAIRN_TO_PASSWORD: 'other' });
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^[0-9a-f]{8} .* docs → [0-9a-f]{8}\ncopied 1 backup: /);
    expect(await countIn(other, OTHER)).toBe(1);
  });

  it('--from brings its backups into ours', async () => {
    await backUp(other, OTHER, 'docs', '--name', 'theirs');
    expect(await copy(['--from', other], { CAIRN_FROM_PASSWORD: 'other' })).toMatchObject({ exit: 0 });
    expect([await countIn(ours, OURS), await countIn(other, OTHER)]).toEqual([2, 1]);
  });

  it('has nothing to do the second time', async () => {
    await copy(['--to', other], { CAIRN_TO_PASSWORD: 'other' });
    const { exit, stdout } = await copy(['--to', other], { CAIRN_TO_PASSWORD: 'other' });
    expect([exit, stdout]).toEqual([0, 'nothing to copy: 1 backup there already\n']);
  });

  it('--dry-run shows what would be copied, and copies nothing', async () => {
    const { exit, stdout } = await copy(['--to', other, '-n'], { CAIRN_TO_PASSWORD: 'other' });
    expect(exit).toBe(0);
    expect(stdout).toContain('would copy 1 backup: ');
    expect(await countIn(other, OTHER)).toBe(0);
  });

  it('takes only what is asked for', async () => {
    await backUp(ours, OURS, 'docs', '--host', 'web', '--tag', 'x');
    await copy(['--to', other, '--host', 'web', '--tag', 'x'], { CAIRN_TO_PASSWORD: 'other' });
    expect(await countIn(other, OTHER)).toBe(1);
  });

  it('--json prints what became of each backup', async () => {
    const run = await copy(['--to', other, '--json'], { CAIRN_TO_PASSWORD: 'other' });
    expect(json(run)).toMatchObject({
      schema: 1,
      dryRun: false,
      copies: [{ outcome: 'copied', backup: { name: 'docs' }, id: expect.stringMatching(/^[0-9a-f]{64}$/) }],
      lost: [],
      lostBlobs: 0,
      blobs: expect.any(Number),
      bytes: expect.any(Number),
      packs: 2,
      storedBytes: expect.any(Number),
    });
  });

  it('of a backup that needs damaged data names it, copies the others and ends with 3', async () => {
    await damageLargestPack();
    await writeFile(home.file('docs', 'a.bin'), 'small now');
    await backUp(ours, OURS, 'docs', '--force');
    const run = await copy(['--to', other, '--json'], { CAIRN_TO_PASSWORD: 'other' });
    expect(run.exit).toBe(3);
    expect(errorOf(run).code).toBe('COPY_PARTIAL');
    expect(json(run).copies.map(({ outcome }) => outcome)).toEqual(['failed', 'copied']);
    expect(json(run).lost).toMatchObject([{ type: 'data', code: 'BLOB_CORRUPT' }]);
    expect(await home.run(['--vault', other, 'check', '--read-data'], { env: OTHER })).toMatchObject({ exit: 0 });
  });

  it('names on a terminal which backup could not be copied, and why', async () => {
    await damageLargestPack();
    const { stdout, stderr } = await copy(['--to', other], { CAIRN_TO_PASSWORD: 'other' });
    expect(stdout).toMatch(/ docs: not copied: data blob [0-9a-f]{8} in data\//);
    expect(stderr).toContain('warning: data blob');
  });
});

async function damageLargestPack(): Promise<void> {
  const entries = await readdir(join(ours, 'data'), { recursive: true, withFileTypes: true });
  let largest = { path: '', bytes: Buffer.alloc(0) };
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    if (bytes.length > largest.bytes.length) largest = { path, bytes };
  }
  largest.bytes[50]! ^= 1;
  await chmod(largest.path, 0o600);
  await writeFile(largest.path, largest.bytes);
}

describe('the password of the second vault', () => {
  it.each<[string, () => Promise<{ args: string[]; env: Record<string, string> }>]>([
    ['a file for --to', async () => ({ args: ['--to-password-file', await passwordFile('other')], env: {} })],
    ['a program for --to', async () => ({ args: ['--to-password-command', 'echo other'], env: {} })],
    [
      'CAIRN_TO_PASSWORD_FILE',
      async () => ({ args: [], env: { CAIRN_TO_PASSWORD_FILE: await passwordFile('other') } }),
    ],
    ['CAIRN_TO_PASSWORD_COMMAND', async () => ({ args: [], env: { CAIRN_TO_PASSWORD_COMMAND: 'echo other' } })],
  ])('comes from %s', async (_, how) => {
    const { args, env } = await how();
    expect(await copy(['--to', other, ...args], env)).toMatchObject({ exit: 0 });
  });

  it.each<[string, () => Promise<{ args: string[]; env: Record<string, string> }>]>([
    ['a file for --from', async () => ({ args: ['--from-password-file', await passwordFile('other')], env: {} })],
    ['a program for --from', async () => ({ args: ['--from-password-command', 'echo other'], env: {} })],
    ['RESTIC_FROM_PASSWORD', async () => ({ args: [], env: { RESTIC_FROM_PASSWORD: 'other' } })],
    [
      'RESTIC_FROM_PASSWORD_FILE',
      async () => ({ args: [], env: { RESTIC_FROM_PASSWORD_FILE: await passwordFile('other') } }),
    ],
    ['RESTIC_FROM_PASSWORD_COMMAND', async () => ({ args: [], env: { RESTIC_FROM_PASSWORD_COMMAND: 'echo other' } })],
  ])('comes from %s', async (_, how) => {
    const { args, env } = await how();
    expect(await copy(['--from', other, ...args], env)).toMatchObject({ exit: 0 });
  });

  it('is never that of ours: 12, with the names that it has', async () => {
    const run = await copy(['--to', other, '--json']);
    expect(run.exit).toBe(12);
    expect(errorOf(run)).toMatchObject({
      code: 'PASSWORD_MISSING',
      hint: expect.stringContaining('CAIRN_TO_PASSWORD_FILE'),
    });
  });

  it('is wrong: 12, and which vault it is about', async () => {
    const run = await copy(['--to', other, '--json'], { CAIRN_TO_PASSWORD: 'wrong' });
    expect(run.exit).toBe(12);
    expect(errorOf(run)).toMatchObject({ code: 'PASSWORD_WRONG', message: expect.stringContaining(other) });
  });
});

describe('the second vault', () => {
  it.each<[string, Record<string, string>]>([
    ['CAIRN_TO_VAULT', { CAIRN_TO_PASSWORD: 'other' }],
    ['CAIRN_FROM_VAULT', { CAIRN_FROM_PASSWORD: 'other' }],
    ['RESTIC_FROM_REPOSITORY', { RESTIC_FROM_PASSWORD: 'other' }],
  ])('comes from %s', async (name, env) => {
    expect(await copy([], { [name]: other, ...env })).toMatchObject({ exit: 0 });
  });

  it('comes from the file that RESTIC_FROM_REPOSITORY_FILE names', async () => {
    const path = home.file('address');
    await writeFile(path, `${other}\n`);
    const env = { RESTIC_FROM_REPOSITORY_FILE: path, RESTIC_FROM_PASSWORD: 'other' };
    expect(await copy([], env)).toMatchObject({ exit: 0 });
  });

  it.each([
    ['is not given', [], 'a copy needs a second vault'],
    ['is given twice', ['--to', 'a', '--from', 'b'], '--from and --to exclude each other'],
    ['is empty', ['--to', ''], '--to is empty'],
  ])('%s: 2', async (_, args, message) => {
    const run = await copy([...args, '--json']);
    expect(run.exit).toBe(2);
    expect(errorOf(run).message).toBe(message);
  });

  it('is ours: 2', async () => {
    const run = await copy(['--to', ours, '--json']);
    expect(run.exit).toBe(2);
    expect(errorOf(run).message).toBe('--to is our own vault');
  });

  it('is ours by another name: 2', async () => {
    const run = await copy(['--to', join(ours, '..', 'ours'), '--json'], { CAIRN_TO_PASSWORD: 'ours' });
    expect(run.exit).toBe(2);
  });

  it('is not there: 10, with the command that makes it', async () => {
    const run = await copy(['--to', home.file('nowhere'), '--json'], { CAIRN_TO_PASSWORD: 'x' });
    expect(run.exit).toBe(10);
    expect(errorOf(run)).toMatchObject({ code: 'VAULT_MISSING', hint: expect.stringContaining('nowhere init') });
  });
});
