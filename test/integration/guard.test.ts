// A risky change between a backup and its way back.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { initVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';

let scratch: string;
let app: string;
let storage: Storage;
let vault: Vault;

beforeEach(async () => {
  scratch = fs.mkdtempSync(join(tmpdir(), 'cairn-guard-'));
  app = join(scratch, 'app');
  write({
    'db/main': 'one',
    'db/index': 'x'.repeat(100_000),
    'conf.json': '{}',
    '.cairnignore': '*.cache',
    'a.cache': 'c',
  });
  fs.chmodSync(join(app, 'conf.json'), 0o640);
  fs.utimesSync(join(app, 'db'), 1_700_000_000, 1_700_000_000);
  storage = openMemoryStorage();
  const password = new Secret('correct horse');
  vault = await initVault(storage, { password, generatedKey: true, jobs: 1, cache: false });
});
afterEach(async () => {
  await vault.close();
  fs.rmSync(scratch, { recursive: true });
});

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(join(app, name, '..'), { recursive: true });
    fs.writeFileSync(join(app, name), text);
  }
}

/** Every entry with what a rollback has to bring back. */
function stateOf(folder: string): Record<string, string> {
  const entries = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    ['', ...entries].map((name) => {
      const stat = fs.lstatSync(join(folder, name));
      const content = stat.isFile() ? fs.readFileSync(join(folder, name), 'utf8').slice(0, 100) : '';
      return [name, `${stat.mode.toString(8)} ${stat.mtimeMs} ${stat.size} ${content}`];
    }),
  );
}

const tagsOf = async (): Promise<readonly string[][]> =>
  (await Array.fromAsync(vault.list())).map(({ tags }) => [...tags]);

class MigrationError extends Error {}

/** A change that writes these files and fails. */
function failingAfter(files: Readonly<Record<string, string>>): () => never {
  return () => {
    write(files);
    throw new MigrationError();
  };
}

const never = (): never => {
  throw new Error('it was begun');
};

describe('a change that goes well', () => {
  it('gives its value, and leaves a backup that is held', async () => {
    const { value, backup, released } = await vault.guard(app, () => 42, { label: 'before-2.0', name: 'app' });
    expect([value, released, backup.name]).toEqual([42, false, 'app']);
    expect(await tagsOf()).toEqual([['hold:before-2.0']]);
    await vault.deleteOlderThan('1s', {}, { now: new Date(Date.now() + 60_000) });
    await expect(vault.delete('latest')).rejects.toMatchObject({ code: 'BACKUP_HELD' });
    expect(await tagsOf()).toHaveLength(1);
  });

  it('releases the hold when asked', async () => {
    const { released } = await vault.guard(app, () => write({ 'db/main': 'two' }), { release: 'on-success' });
    expect([released, await tagsOf()]).toEqual([true, [[]]]);
  });

  it('gives the backup as it is there, also after its release gave it another id', async () => {
    const { backup } = await vault.guard(app, () => {}, { release: 'on-success', tags: ['a'] });
    expect(await Array.fromAsync(vault.list())).toMatchObject([{ id: backup.id, tags: backup.tags }]);
  });

  it('is told of its backup, which is whole by then', async () => {
    await vault.guard(app, async ({ backup }) => expect(await vault.get(backup.id)).toMatchObject({ id: backup.id }));
  });
});

describe('a change that fails', () => {
  it('fails with its own error where nobody asked for more, and its backup stays held', async () => {
    const failure = new MigrationError('no');
    await expect(vault.guard(app, () => Promise.reject(failure), { release: 'on-success' })).rejects.toBe(failure);
    expect(await tagsOf()).toEqual([['hold:guard']]);
  });

  it('is rolled back: what it changed, removed and made, and nothing that the source leaves out', async () => {
    const before = stateOf(app);
    const failure = new MigrationError('half done');
    const change = (): never => {
      write({ 'db/main': 'two', 'db/index': 'y'.repeat(100_000), 'db/main-wal': 'journal', 'new/deep/file': 'n' });
      fs.rmSync(join(app, 'conf.json'));
      fs.mkdirSync(join(app, 'conf.json', 'sub'), { recursive: true });
      fs.rmSync(join(app, '.cairnignore'));
      throw failure;
    };
    await expect(vault.guard(app, change, { rollback: true })).rejects.toMatchObject({
      code: 'GUARD_ROLLED_BACK',
      cause: failure,
      facts: { paths: [app], filesRemoved: 6 },
    });
    expect(stateOf(app)).toEqual(before);
  });

  it.each([
    ['removed', () => {}],
    ['replaced', () => fs.writeFileSync(app, 'a file')],
  ] as const)('is rolled back where it %s the source itself', async (_, then) => {
    const { 'a.cache': _leftOut, ...saved } = stateOf(app);
    const change = (): never => {
      fs.rmSync(app, { recursive: true });
      then();
      throw new MigrationError();
    };
    await expect(vault.guard(app, change, { rollback: true })).rejects.toMatchObject({ code: 'GUARD_ROLLED_BACK' });
    expect(stateOf(app)).toEqual(saved);
  });

  it('leaves what it made in a backup of its own, before that is undone', async () => {
    const change = failingAfter({ 'upload.txt': 'somebody’s only copy' });
    const error = await vault.guard(app, change, { rollback: true, name: 'app' }).then(undefined, (error) => error);
    expect(fs.existsSync(join(app, 'upload.txt'))).toBe(false);
    await vault.restore('app.failed', { to: scratch, path: join(app, 'upload.txt') });
    expect(fs.readFileSync(join(scratch, 'upload.txt'), 'utf8')).toBe('somebody’s only copy');
    expect(error).toMatchObject({ facts: { failedState: (await vault.get('app.failed')).id } });
    expect((await vault.get('app')).tags).toEqual(['hold:guard']);
  });

  it('is rolled back although the guard is stopped meanwhile', async () => {
    const stop = new AbortController();
    const change = (): never => {
      write({ 'db/main': 'two' });
      stop.abort();
      throw new MigrationError();
    };
    await expect(vault.guard(app, change, { rollback: true, signal: stop.signal })).rejects.toMatchObject({
      code: 'GUARD_ROLLED_BACK',
    });
    expect(fs.readFileSync(join(app, 'db/main'), 'utf8')).toBe('one');
  });

  it('leaves the source alone where its backup is to go elsewhere', async () => {
    const change = failingAfter({ 'db/main': 'two' });
    await expect(vault.guard(app, change, { rollback: true, to: join(scratch, 'out') })).rejects.toMatchObject({
      code: 'GUARD_ROLLED_BACK',
      facts: { paths: [join(scratch, 'out')] },
    });
    expect(fs.readFileSync(join(app, 'db/main'), 'utf8')).toBe('two');
    expect(fs.readFileSync(join(scratch, 'out/app/db/main'), 'utf8')).toBe('one');
  });

  it('and cannot be rolled back tells both errors', async () => {
    const failure = new MigrationError('no');
    const change = async (): Promise<never> => {
      fs.writeFileSync(join(app, 'db/main'), 'two');
      for await (const { name } of storage.list('data/')) await storage.remove(name);
      throw failure;
    };
    const error = await vault.guard(app, change, { rollback: true }).then(undefined, (error) => error);
    expect(error).toMatchObject({ code: 'GUARD_ROLLBACK_FAILED', cause: { errors: [failure, {}] } });
  });

  it('and cannot be rolled back says in which backup is what it left', async () => {
    const change = async (): Promise<never> => {
      fs.writeFileSync(join(app, 'db/main'), 'two');
      for await (const { name } of storage.list('data/')) await storage.remove(name);
      throw new MigrationError('no');
    };
    const error = await vault.guard(app, change, { rollback: true, name: 'app' }).then(undefined, (error) => error);
    const kept = (await Array.fromAsync(vault.list({ name: 'app.failed' })))[0];
    expect(error).toMatchObject({
      code: 'GUARD_ROLLBACK_FAILED',
      facts: { failedState: kept?.id },
      hint: expect.stringContaining(kept?.id.slice(0, 8) ?? 'none'),
    });
  });
});

describe('a change is not begun', () => {
  it('where the source is missing, or empty where it was not', async () => {
    await expect(vault.guard(join(scratch, 'nowhere'), never)).rejects.toMatchObject({ code: 'SOURCE_MISSING' });
    await vault.backup(app);
    fs.renameSync(app, `${app}.unmounted`);
    fs.mkdirSync(app);
    await expect(vault.guard(app, never, { rollback: true })).rejects.toMatchObject({ code: 'SOURCE_EMPTY' });
  });

  it('where its backup is not whole', async () => {
    const error = await vault.guard([app, join(scratch, 'nowhere')], never).then(undefined, (error) => error);
    // Nothing needs it, so it is not held and retention may have it.
    const [left] = await Array.fromAsync(vault.list());
    expect(left?.tags).toEqual(['partial']);
    expect(error).toMatchObject({ code: 'BACKUP_PARTIAL', facts: { backup: left?.id } });
  });

  it.each([
    ['a stream', (): Readable => Readable.from(['dump']), {}],
    ['all of the machine', (): string => '/', {}],
    ['a label with a comma', (): string => app, { label: 'a,b' }],
  ] as const)('for %s with a rollback in place', async (_, source, options) => {
    await expect(vault.guard(source(), never, { rollback: true, ...options })).rejects.toThrow(TypeError);
    expect(await tagsOf()).toEqual([]);
  });
});
