import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import type { Storage } from '../storage.ts';
import { openLocalStorage } from './local.ts';

let root = '';
let storage: Storage;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cairn-local-'));
  storage = openLocalStorage(root);
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const modeOf = async (name: string): Promise<string> => ((await stat(join(root, name))).mode & 0o777).toString(8);
const names = async (prefix = ''): Promise<string[]> =>
  (await Array.fromAsync(storage.list(prefix), ({ name }) => name)).toSorted();

describe.skipIf(process.platform === 'win32')('modes of a local storage', () => {
  it('keep everybody else out', async () => {
    await storage.write('data/ab/x', utf8('x'));
    expect([await modeOf('data'), await modeOf('data/ab'), await modeOf('data/ab/x')]).toEqual(['700', '700', '400']);
  });

  it('let the group in where it may read config, as restic does', async () => {
    await writeFile(join(root, 'config'), 'c');
    await chmod(join(root, 'config'), 0o440);
    await storage.write('data/ab/x', utf8('x'));
    expect(await modeOf('data/ab/x')).toBe('440');
    expect(Number.parseInt(await modeOf('data'), 8) & 0o057).toBe(0o050);
  });

  it('do not stop an object from being replaced or removed', async () => {
    await storage.write('config', utf8('1'));
    await storage.write('config', utf8('2'));
    await storage.remove('config');
    expect(await readdir(root)).toEqual([]);
  });
});

describe('a local storage', () => {
  it('holds objects as plain files below its path', async () => {
    await storage.write('data/ab/x', [utf8('1'), utf8('2')]);
    expect(await readFile(join(root, 'data/ab/x'), 'utf8')).toBe('12');
    expect(storage.features.localPath).toBe(root);
  });

  it('does not list unfinished writes, strangers or folders', async () => {
    await mkdir(join(root, 'index/empty'), { recursive: true });
    await writeFile(join(root, 'index/a-tmp-123'), 'half');
    await writeFile(join(root, 'index/é'), 'stranger');
    await storage.write('index/a', utf8('whole'));
    expect(await names()).toEqual(['index/a']);
  });

  it('follows a folder that was moved elsewhere and linked, but not in circles', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'cairn-elsewhere-'));
    try {
      await symlink(elsewhere, join(root, 'data'));
      await mkdir(join(root, 'index'));
      await symlink(root, join(root, 'index/loop'));
      await symlink('nowhere', join(root, 'index/dangling'));
      await storage.write('data/ab/x', utf8('x'));
      expect(await names()).toEqual(['data/ab/x']);
    } finally {
      await rm(elsewhere, { recursive: true });
    }
  });

  it('makes folders again that someone removed', async () => {
    await storage.write('data/ab/x', utf8('x'));
    await rm(join(root, 'data'), { recursive: true });
    await storage.write('data/ab/y', utf8('y'));
    expect(await names()).toEqual(['data/ab/y']);
  });

  it('does not write where its own directory is missing: the disk may not be mounted', async () => {
    const unmounted = openLocalStorage(join(root, 'mnt/vault'));
    await expect(unmounted.write('config', utf8('c'))).rejects.toMatchObject({ code: 'STORAGE_UNREACHABLE' });
    await expect(unmounted.write('data/ab/x', utf8('c'))).rejects.toMatchObject({ code: 'STORAGE_UNREACHABLE' });
    expect(await readdir(root)).toEqual([]);
    await unmounted.create();
    await unmounted.write('data/ab/x', utf8('c'));
  });

  it('reports a folder that cannot be listed instead of calling it empty', async () => {
    await symlink('self', join(root, 'self'));
    const looping = openLocalStorage(join(root, 'self'));
    await expect(Array.fromAsync(looping.list('index/'))).rejects.toMatchObject({ code: 'STORAGE_IO' });
  });

  it('removes old leftovers of interrupted writes only', async () => {
    await storage.write('index/a', utf8('whole'));
    for (const name of ['old-tmp-1', 'young-tmp-2']) await writeFile(join(root, 'index', name), 'half');
    const old = new Date(Date.now() - 2 * 3_600_000);
    for (const name of ['old-tmp-1', 'a']) await utimes(join(root, 'index', name), old, old);
    expect(await storage.abortStaleUploads?.(3_600_000)).toBe(1);
    expect((await readdir(join(root, 'index'))).toSorted()).toEqual(['a', 'young-tmp-2']);
  });
});
