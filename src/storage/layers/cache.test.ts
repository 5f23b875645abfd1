import { chmod, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import type { RepositoryId } from '../../base/ids.ts';
import { openMemoryStorage } from '../drivers/memory.ts';
import { cached, type CachedStorage, type CacheLayerOptions } from './cache.ts';
import { faulty, type FaultyStorage } from './faulty.ts';

const id = (digits: string): string => digits.repeat(32);
const repository = id('00') as RepositoryId;
const index = `index/${id('1a')}`;
const pack = `data/2b/${id('2b')}`;

let folder = '';
let remote: FaultyStorage;

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'cairn-cache-')), 'cairn');
  remote = faulty(openMemoryStorage());
});

afterEach(async () => {
  await rm(join(folder, '..'), { recursive: true, force: true });
});

const open = (options: Partial<CacheLayerOptions> = {}): Promise<CachedStorage> =>
  cached(remote, { folder, repository, ...options });
const text = async (storage: CachedStorage, name: string): Promise<string> =>
  Buffer.from(await storage.read(name)).toString();
const reads = (): number => remote.operations.filter(({ kind }) => kind === 'read').length;
const path = (entry: string): string => join(folder, repository, entry);
const indexPath = (): string => path(`index/1a/${id('1a')}`);

/** Overwrites an entry, which is read-only on purpose. */
async function spoil(file: string, content: string): Promise<void> {
  await chmod(file, 0o600);
  await writeFile(file, content);
}

describe('cached', () => {
  it('reads an index file from the storage once, also by a later process', async () => {
    await remote.write(index, utf8('content'));
    expect(await text(await open(), index)).toBe('content');
    expect(await text(await open(), index)).toBe('content');
    expect(reads()).toBe(1);
  });

  it('lays its directory out as restic does and marks it as a cache', async () => {
    const storage = await open();
    await storage.write(index, utf8('content'));
    expect(await readFile(indexPath(), 'utf8')).toBe('content');
    expect(await readFile(path('version'), 'utf8')).toBe('1');
    expect(await readFile(join(folder, 'CACHEDIR.TAG'), 'utf8')).toMatch(
      /^Signature: 8a477f597d28d172789f06886806bc55/,
    );
  });

  it('serves what it wrote without asking the storage', async () => {
    const storage = await open();
    await storage.write(`snapshots/${id('3c')}`, [utf8('a'), utf8('b')]);
    expect(await text(storage, `snapshots/${id('3c')}`)).toBe('ab');
    expect(reads()).toBe(0);
  });

  it('keeps nothing of a write that failed', async () => {
    const storage = await open();
    remote.inject({ how: 'fail', times: 1 });
    await expect(storage.write(index, utf8('content'))).rejects.toThrow('injected');
    await expect(storage.read(index)).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
  });

  it.each(['config', `keys/${id('4d')}`, `locks/${id('4d')}`, pack, 'index/strange'])(
    'never keeps %s',
    async (name) => {
      const storage = await open();
      await storage.write(name, utf8('one'));
      await storage.read(name);
      await remote.write(name, utf8('two'));
      expect(await text(storage, name)).toBe('two');
    },
  );

  it('fetches a whole tree pack for the first part asked of it, once for all who ask', async () => {
    const storage = await open();
    await remote.write(pack, utf8('0123456789'));
    storage.cachePack(pack);
    const offsets = [2, 4, 6];
    const parts = await Promise.all(offsets.map((offset) => storage.read(pack, { offset, length: 2 })));
    expect(parts.map((part) => Buffer.from(part).toString())).toEqual(['23', '45', '67']);
    expect(reads()).toBe(1);
  });

  it('asks the caller which packs hold trees', async () => {
    const storage = await open({ isTreePack: (name) => name === pack });
    await storage.write(pack, utf8('trees'));
    expect(await readFile(path(pack), 'utf8')).toBe('trees');
  });

  it('drops on a listing what the storage does not have any more', async () => {
    const storage = await open({ isTreePack: () => true });
    for (const name of [index, pack, `index/${id('5e')}`]) await storage.write(name, utf8('x'));
    for (const name of [index, pack]) await remote.remove(name);
    await Array.fromAsync(storage.list('index/'));
    expect(await readdir(path('index/1a'))).toEqual([]);
    expect(await readdir(path('index/5e'))).toEqual([id('5e')]);
    expect(await readdir(path('data/2b'))).toEqual([id('2b')]);
    await Array.fromAsync(storage.list('data/'));
    expect(await readdir(path('data/2b'))).toEqual([]);
  });

  it('drops nothing when the listing fails', async () => {
    const storage = await open();
    await storage.write(index, utf8('x'));
    remote.inject({ how: 'lose-from-listing', entry: () => true });
    remote.inject({ how: 'fail-after' });
    await expect(Array.fromAsync(storage.list('index/'))).rejects.toThrow('injected');
    expect(await readdir(path('index/1a'))).toEqual([id('1a')]);
  });

  it('drops on a listing what has another size', async () => {
    const storage = await open();
    await storage.write(index, utf8('content'));
    await spoil(indexPath(), '');
    await Array.fromAsync(storage.list('index/'));
    expect(await text(storage, index)).toBe('content');
  });

  it('forgets a damaged entry once, so that it is fetched again', async () => {
    const storage = await open();
    await storage.write(index, utf8('content'));
    await spoil(indexPath(), 'damaged');
    expect(await text(storage, index)).toBe('damaged');
    expect(await storage.forget(index)).toBe(true);
    expect(await text(storage, index)).toBe('content');
    expect(await storage.forget(index)).toBe(false);
  });

  it('fetches an entry again that is too short for the range', async () => {
    const storage = await open();
    await storage.write(index, utf8('content'));
    await spoil(indexPath(), 'con');
    expect(Buffer.from(await storage.read(index, { offset: 4, length: 3 })).toString()).toBe('ent');
  });

  it('works on without the cache when it cannot be written, and says so once', async () => {
    const problems: unknown[] = [];
    const storage = await open({ onProblem: (error) => problems.push(error) });
    await remote.write(index, utf8('content'));
    await rm(path('.'), { recursive: true });
    await writeFile(path('.'), 'in the way');
    expect(await text(storage, index)).toBe('content');
    expect(await text(storage, index)).toBe('content');
    expect(problems).toHaveLength(1);
  });

  it('marks its directory as used', async () => {
    await open();
    const old = new Date('2020-01-01');
    await utimes(path('.'), old, old);
    await open();
    expect((await stat(path('.'))).mtime.getFullYear()).toBeGreaterThan(2020);
  });

  it('waits for what another read fetches only until it is stopped', async () => {
    await remote.write(index, utf8('content'));
    remote.inject({ how: 'delay', delayMs: 1000, when: ({ kind }) => kind === 'read' });
    const storage = await open();
    const fetching = storage.read(index);
    const stop = new AbortController();
    const ended: string[] = [];
    const waiting = storage.read(index, { signal: stop.signal }).catch(() => ended.push('stopped'));
    setTimeout(() => stop.abort(), 20);
    await Promise.all([waiting, fetching.then(() => ended.push('fetched'))]);
    expect(ended).toEqual(['stopped', 'fetched']);
  });
});
