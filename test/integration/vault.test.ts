import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import type { StorageLogEntry } from '../../src/storage/layers/log.ts';
import { initVault, openVault, vaultExists } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';
import type { PasswordSource, VaultNotice } from '../../src/vault/vault-options.ts';

const password = new Secret('correct horse');
let scratch: string;
let source: string;
let vault: Vault;
let notices: VaultNotice[];

/** The vault with another password, and nothing kept in this user's own cache. */
const open = (url: string, secret: PasswordSource): Promise<Vault> =>
  openVault(url, { password: secret, cache: false });

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-vault-'));
  source = join(scratch, 'documents');
  notices = [];
  await mkdir(join(source, 'deep', 'er'), { recursive: true });
  await writeFile(join(source, 'a.txt'), 'first');
  await writeFile(join(source, 'deep', 'er', 'b.pdf'), 'second');
  await symlink('a.txt', join(source, 'link'));
  vault = await initVault(join(scratch, 'vault'), {
    password,
    generatedKey: true,
    jobs: 1,
    cache: { folder: join(scratch, 'cache') },
    onNotice: (notice) => notices.push(notice),
  });
});

afterEach(async () => {
  await vault.close();
  await rm(scratch, { recursive: true });
});

async function* endless(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  while (!signal.aborted)
    yield await new Promise<Uint8Array>((resolve) => setTimeout(resolve, 5, Buffer.alloc(1 << 20)));
}

const textOf = async (parts: AsyncIterable<Uint8Array>): Promise<string> =>
  Buffer.concat(await Array.fromAsync(parts)).toString();

describe('opening', () => {
  it('asks for the password only where there is a vault', async () => {
    let asked = 0;
    const ask = (): Promise<Secret> => {
      asked++;
      return Promise.resolve(password);
    };
    await expect(open(join(scratch, 'nothing'), ask)).rejects.toMatchObject({
      code: 'VAULT_MISSING',
    });
    expect(asked).toBe(0);
    await (await open(vault.url, ask)).close();
    expect(asked).toBe(1);
  });

  it('looks once whether there is a vault', async () => {
    const operations: string[] = [];
    const storage = { onOperation: ({ operation, name }: StorageLogEntry) => operations.push(`${operation} ${name}`) };
    await (await openVault(vault.url, { password, cache: false, storage })).close();
    expect(operations.filter((one) => one.endsWith(' config'))).toEqual(['read config']);
  });

  it('a wrong password, an empty one, and a second init are refused', async () => {
    await expect(open(vault.url, 'wrong')).rejects.toMatchObject({ code: 'PASSWORD_WRONG' });
    await expect(open(vault.url, '')).rejects.toThrow(TypeError);
    await expect(initVault(vault.url, { password })).rejects.toMatchObject({ code: 'VAULT_EXISTS' });
    expect(await vaultExists(vault.url)).toBe(true);
    expect(await vaultExists(join(scratch, 'nothing'))).toBe(false);
  });
});

const refuse = (): Promise<void> => Promise.reject(new Error('no'));

describe('backup and restore', () => {
  it('brings a directory back as TO/<last component>', async () => {
    const backup = await vault.backup(source, { tags: ['t'] });
    expect(backup).toMatchObject({ status: 'complete', name: 'documents', tags: ['t'], problems: [] });
    const result = await vault.restore('documents', { to: join(scratch, 'out') });
    expect(result.destination).toBe(join(scratch, 'out', 'documents'));
    execFileSync('diff', ['-r', '--no-dereference', source, result.destination]);
  });

  it('brings a single file back under its name', async () => {
    await vault.backup(join(source, 'a.txt'));
    await vault.restore('a.txt', { to: join(scratch, 'out') });
    expect(await readdir(join(scratch, 'out'))).toEqual(['a.txt']);
  });

  it('rebuilds full paths when asked, and for several paths', async () => {
    await vault.backup([join(source, 'a.txt'), join(source, 'deep')], { name: 'two' });
    await vault.restore('two', { to: join(scratch, 'out') });
    expect(await readFile(join(scratch, 'out', source, 'a.txt'), 'utf8')).toBe('first');
    await vault.backup(source);
    await vault.restore('documents', { to: join(scratch, 'abs'), absolute: true });
    expect(await readFile(join(scratch, 'abs', source, 'deep', 'er', 'b.pdf'), 'utf8')).toBe('second');
  });

  it('restores one path, and what patterns choose', async () => {
    await vault.backup(source);
    await vault.restore('latest', { to: join(scratch, 'one'), path: 'deep/er' });
    expect(await readdir(join(scratch, 'one', 'er'))).toEqual(['b.pdf']);
    await vault.restore('latest', { to: join(scratch, 'in'), include: ['*.pdf'] });
    expect(await readdir(join(scratch, 'in', 'documents'))).toEqual(['deep']);
    await vault.restore('latest', { to: join(scratch, 'ex'), exclude: ['deep', 'link'] });
    expect(await readdir(join(scratch, 'ex', 'documents'))).toEqual(['a.txt']);
    await expect(vault.restore('latest', { to: scratch, include: ['a'], exclude: ['b'] })).rejects.toThrow(TypeError);
  });

  it('fails where no pattern of what to take matches, rather than restore nothing', async () => {
    await vault.backup(source);
    await vault.archive(source, { name: 'portable' });
    for (const reference of ['documents', 'portable']) {
      const restoring = vault.restore(reference, { to: join(scratch, 'in'), include: ['*.typo'] });
      await expect(restoring).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' });
    }
  });

  it('does not take an empty folder to restore into for the current one', async () => {
    await vault.backup(source);
    await expect(vault.restore('documents', { to: '' })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  });

  it('does not touch what exists without being told what to do with it', async () => {
    await vault.backup(source);
    const target = join(scratch, 'out', 'documents');
    await mkdir(target, { recursive: true });
    await writeFile(join(target, 'a.txt'), 'mine');
    await expect(vault.restore('latest', { to: join(scratch, 'out') })).rejects.toMatchObject({
      code: 'TARGET_EXISTS',
    });
    expect(await readdir(target)).toEqual(['a.txt']);
    expect(await readFile(join(target, 'a.txt'), 'utf8')).toBe('mine');
    await vault.restore('latest', { to: join(scratch, 'out'), overwrite: 'always' });
    expect(await readFile(join(target, 'a.txt'), 'utf8')).toBe('first');
  });

  it('asks `confirm` with what is there, and obeys a refusal', async () => {
    await vault.backup(source);
    const target = join(scratch, 'out', 'documents');
    const states: string[] = [];
    const confirm = ({ state, destination }: { state: string; destination: string }): Promise<void> => {
      states.push(`${state} ${destination}`);
      return Promise.resolve();
    };
    await vault.restore('latest', { to: join(scratch, 'out'), confirm });
    await vault.restore('latest', { to: join(scratch, 'out'), confirm });
    expect(states).toEqual([`free ${target}`, `occupied ${target}`]);
    await rm(target, { recursive: true });
    await expect(vault.restore('latest', { to: join(scratch, 'out'), confirm: refuse })).rejects.toThrow('no');
    expect(await readdir(join(scratch, 'out'))).toEqual([]);
  });

  it('refuses a target inside the vault, also through a symlink, and deleting around it', async () => {
    await vault.backup(source);
    await symlink(join(scratch, 'vault'), join(scratch, 'alias'));
    const before = await readdir(join(scratch, 'vault'));
    for (const to of [join(scratch, 'vault'), join(scratch, 'alias', 'x', 'y')]) {
      await expect(vault.restore('latest', { to })).rejects.toMatchObject({ code: 'TARGET_INSIDE_VAULT' });
    }
    expect(await readdir(join(scratch, 'vault'))).toEqual(before);
    const around = { to: scratch, absolute: true, delete: true, overwrite: 'always' } as const;
    await expect(vault.restore('latest', around)).rejects.toMatchObject({ code: 'TARGET_INVALID' });
  });

  it('leaves the vault itself out of a backup of what holds it', async () => {
    await vault.backup(scratch, { name: 'all' });
    const paths = await Array.fromAsync(vault.ls('all'), ({ path }) => path);
    expect(paths.some((path) => path.startsWith(join(scratch, 'vault')))).toBe(false);
    expect(paths).toContain(join(source, 'a.txt'));
  });

  it('saves a stream as a file', async () => {
    await vault.backup(Readable.from([Buffer.from('from '), 'a stream']), { name: 'notes.txt' });
    expect(await textOf(vault.cat('notes.txt', 'notes.txt'))).toBe('from a stream');
  });

  it('saves what it verified before it stored it', async () => {
    const lines = Buffer.from('a line that repeats\n'.repeat(10_000));
    await vault.backup(Readable.from([lines]), { name: 'lines.txt', verifyWrites: true });
    expect(await textOf(vault.cat('lines.txt', 'lines.txt'))).toBe(lines.toString());
  });

  it('saves nothing when the command fails', async () => {
    const failing = { type: 'command', command: 'sh', args: ['-c', 'echo half; exit 7'] } as const;
    await expect(vault.backup(failing)).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
    expect(await Array.fromAsync(vault.list())).toEqual([]);
  });

  it('says which backup is the same when nothing changed', async () => {
    // A stream with fixed metadata: of files, the folders above them count as well, and /tmp always changes.
    const metadata = { mode: 0o644, mtimeNs: 0n, uid: 0, gid: 0, user: '', group: '' };
    const same = { type: 'stream', name: 'same', metadata, open: () => Readable.from([Buffer.from('same')]) } as const;
    const time = '2026-11-19T12:00:00Z';
    const first = await vault.backup(same, { time });
    const second = await vault.backup(same, { skipIfUnchanged: true, time });
    expect(second).toMatchObject({ status: 'unchanged', id: first.id });
    expect(await Array.fromAsync(vault.list())).toHaveLength(1);
  });

  it('previews without saving', async () => {
    const preview = await vault.previewBackup(source);
    expect(preview.counts).toMatchObject({ filesNew: 2, totalBytes: 11 });
    expect(await Array.fromAsync(vault.list())).toEqual([]);
    expect((await readdir(join(scratch, 'vault'))).toSorted()).toEqual(['config', 'keys', 'locks']);
  });

  it('tells what is before, done and failed, with one session id', async () => {
    const events: string[] = [];
    let session = '';
    vault.on('backup.before', ({ sessionId }) => {
      session = sessionId;
    });
    vault.on('backup.done', ({ sessionId, result }) => events.push(`${sessionId === session} ${result.name}`));
    vault.on('backup.failed', ({ sessionId, error }) => events.push(`${sessionId === session} ${String(error)}`));
    await vault.backup(source);
    await vault.backup(join(scratch, 'none')).then(undefined, () => {});
    expect(events[0]).toBe('true documents');
    expect(events[1]).toMatch(/^true CairnError: nothing to back up/);
  });

  it('an abort ends it with ABORTED and leaves no lock', async () => {
    const job = vault.backup({ type: 'stream', name: 'endless', open: endless });
    for await (const _ of job) {
      job.abort(new Error('enough'));
      break;
    }
    await expect(job).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await readdir(join(scratch, 'vault', 'locks'))).toEqual([]);
  });
});

const found = async (pattern: string, options = {}): Promise<string[]> =>
  Array.fromAsync(vault.find(pattern, options), ({ entry }) => entry.path.slice(source.length));

describe('looking inside', () => {
  beforeEach(async () => {
    await vault.backup(source, { time: '2026-11-18T10:00:00Z' });
    await writeFile(join(source, 'c.txt'), 'third');
    await writeFile(join(source, 'a.txt'), 'first, changed');
    await vault.backup(source, { time: '2026-11-19T10:00:00Z', tags: ['second'] });
  });

  it('lists oldest first, and filters', async () => {
    const times = await Array.fromAsync(vault.list(), ({ time }) => time.toISOString());
    expect(times).toEqual(['2026-11-18T10:00:00.000Z', '2026-11-19T10:00:00.000Z']);
    expect(await Array.fromAsync(vault.list({ tags: { all: ['second'] } }))).toHaveLength(1);
  });

  it('finds by reference and time', async () => {
    expect(await vault.get('documents@2026-11-18')).toMatchObject({
      exactTime: expect.stringContaining('2026-11-18') as string,
    });
    expect(await vault.get('documents', { at: '2026-11-18Z' })).toMatchObject({ parent: null });
    expect(await vault.get('latest')).toMatchObject({ parent: expect.any(String) as string });
  });

  it('ls shows all, a folder, or one entry', async () => {
    const names = async (options: Parameters<Vault['ls']>[1]): Promise<string[]> =>
      Array.fromAsync(vault.ls('latest', options), ({ path }) => path.slice(source.length));
    expect((await names({})).filter((path) => path !== '')).toContain('/deep/er/b.pdf');
    expect(await names({ path: source })).toEqual(['/a.txt', '/c.txt', '/deep', '/link']);
    expect(await names({ path: 'deep' })).toEqual(['/deep/er']);
    expect(await names({ path: 'deep', recursive: true })).toEqual(['/deep/er', '/deep/er/b.pdf']);
    expect(await names({ path: 'a.txt' })).toEqual(['/a.txt']);
    await expect(names({ path: 'nothing' })).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' });
  });

  it('find looks into every backup, also where folders are shared', async () => {
    expect(await found('*.pdf')).toEqual(['/deep/er/b.pdf', '/deep/er/b.pdf']);
    expect(await found('c.*')).toEqual(['/c.txt']);
    expect(await found('C.*', { ignoreCase: true })).toEqual(['/c.txt']);
    expect(await found('er/*')).toEqual(['/deep/er/b.pdf', '/deep/er/b.pdf']);
    expect(await found('*', { type: 'symlink' })).toEqual(['/link', '/link']);
    expect(await found('nothing')).toEqual([]);
  });

  it('diff tells what changed', async () => {
    const changes: string[] = [];
    const result = await vault.diff('documents@2026-11-18', 'latest', {
      onChange: ({ modifier, entry }) => changes.push(`${modifier} ${entry.path.slice(source.length)}`),
    });
    expect(changes).toEqual(['M /a.txt', '+ /c.txt']);
    expect(result.changedFiles).toBe(1);
    expect(await vault.diff('documents@2026-11-18', 'latest')).toEqual(result);
  });

  it('cat prints a file of the wanted time, and refuses folders', async () => {
    expect(await textOf(vault.cat('documents@2026-11-18', 'a.txt'))).toBe('first');
    expect(await textOf(vault.cat('documents', join(source, 'a.txt')))).toBe('first, changed');
    await expect(textOf(vault.cat('documents', 'deep'))).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' });
    await expect(textOf(vault.cat('documents', '/'))).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' });
  });

  it('stats count both, and what they share once', async () => {
    const stats = await vault.stats();
    expect(stats).toMatchObject({ snapshots: 2, restoreBytes: 11 + 25 });
    expect((await vault.stats({ reference: 'documents@2026-11-18' })).restoreBytes).toBe(11);
  });

  it('check finds a good vault good, and names a damaged pack', async () => {
    expect((await vault.check({ readData: 'all' })).isGood).toBe(true);
    const packs = await readdir(join(scratch, 'vault', 'data'), { recursive: true, withFileTypes: true });
    const pack = packs.find((entry) => entry.isFile())!;
    const path = join(pack.parentPath, pack.name);
    const bytes = await readFile(path);
    bytes[10]! ^= 1;
    await rm(path);
    await writeFile(path, bytes);
    const result = await vault.check({ readData: 'all' });
    expect(result.isGood).toBe(false);
    expect(result.findings.some(({ object }) => object.includes(pack.name))).toBe(true);
  });
});

describe('keys', () => {
  it('are added, tried, changed and removed', async () => {
    const second = new Secret('second');
    const id = await vault.addKey(second);
    expect(await vault.keys()).toHaveLength(2);
    await using again = await open(vault.url, second);
    expect(again.keyId).toBe(id);
    await expect(again.removeKey(id)).rejects.toMatchObject({ code: 'KEY_LAST' });
    await again.removeKey(vault.keyId);
    await again.changePassword(new Secret('third'));
    await expect(open(vault.url, second)).rejects.toMatchObject({ code: 'PASSWORD_WRONG' });
    await (await open(vault.url, 'third')).close();
  });
});
