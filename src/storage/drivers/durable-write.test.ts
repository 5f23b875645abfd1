import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { type DurableWrite, writeFileDurably, type WriteSystem } from './durable-write.ts';

let folder = '';
let path = '';

beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'cairn-write-'));
  path = join(folder, 'name');
});

afterEach(async () => {
  await fs.rm(folder, { recursive: true });
});

const wanted = (write: Partial<DurableWrite> = {}): DurableWrite => ({
  path,
  name: 'name',
  parts: [utf8('new '), utf8('content')],
  mode: 0o400,
  ifAbsent: false,
  durable: true,
  syncFolder: async () => {},
  ...write,
});

const sayingAbsent: typeof fs.lstat = async () => {
  throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
};

/** The real system, which records its calls and fails one of them. */
function watched(calls: string[], failing?: string): WriteSystem {
  const step = (call: string): void => {
    calls.push(call);
    if (call === failing) throw Object.assign(new Error(`EIO: ${call}`), { code: 'EIO', syscall: call });
  };
  const open: typeof fs.open = async (...args) => {
    step('open');
    const handle = await fs.open(...args);
    for (const method of ['writev', 'chmod', 'sync', 'close'] as const) {
      const real = handle[method].bind(handle) as (...args: unknown[]) => Promise<unknown>;
      const wrapped = async (...inner: unknown[]): Promise<unknown> => {
        // Closed for real even when told to fail, so that no handle leaks.
        if (method === 'close') await real();
        step(method);
        return method === 'close' ? undefined : real(...inner);
      };
      Object.defineProperty(handle, method, { value: wrapped });
    }
    return handle;
  };
  return {
    open,
    rename: async (...args) => (step('rename'), fs.rename(...args)),
    link: async (...args) => (step('link'), fs.link(...args)),
    unlink: async (...args) => (step('unlink'), fs.unlink(...args)),
    lstat: fs.lstat,
  };
}

/** Writes five bytes at a time. */
const shortWriting: typeof fs.open = async (...args) => {
  const handle = await fs.open(...args);
  const writev = async (parts: readonly Uint8Array[]): Promise<{ bytesWritten: number }> => {
    const { bytesWritten } = await handle.write(Buffer.concat(parts).subarray(0, 5));
    return { bytesWritten };
  };
  Object.defineProperty(handle, 'writev', { value: writev });
  return handle;
};

const noLinks: typeof fs.link = async () => {
  throw Object.assign(new Error('EPERM'), { code: 'EPERM', syscall: 'link' });
};

describe('writeFileDurably', () => {
  it('syncs the file before it gets its name, and the folder after', async () => {
    const calls: string[] = [];
    await writeFileDurably(wanted({ syncFolder: async () => void calls.push('sync folder') }), watched(calls));
    expect(calls).toEqual(['open', 'writev', 'chmod', 'sync', 'close', 'rename', 'sync folder']);
  });

  it('takes the name by a link where it must be absent', async () => {
    const calls: string[] = [];
    const syncFolder = async (): Promise<void> => void calls.push('sync folder');
    await writeFileDurably(wanted({ ifAbsent: true, syncFolder }), watched(calls));
    expect(calls.slice(3)).toEqual(['sync', 'close', 'link', 'unlink', 'sync folder']);
    expect(await fs.readdir(folder)).toEqual(['name']);
  });

  it.each(['open', 'writev', 'chmod', 'sync', 'close', 'rename'])(
    'leaves the old content and nothing else when %s fails',
    async (failing) => {
      await fs.writeFile(path, 'old');
      await expect(writeFileDurably(wanted(), watched([], failing))).rejects.toThrow(`EIO: ${failing}`);
      expect(await fs.readdir(folder)).toEqual(['name']);
      expect(await fs.readFile(path, 'utf8')).toBe('old');
    },
  );

  it.each(['open', 'writev', 'chmod', 'sync', 'close', 'rename'])(
    'leaves the old content and nothing else when %s fails for a stream',
    async (failing) => {
      await fs.writeFile(path, 'old');
      const parts = Readable.from([new Uint8Array(3_000_000)]);
      await expect(writeFileDurably(wanted({ parts }), watched([], failing))).rejects.toThrow(`EIO: ${failing}`);
      expect(await fs.readdir(folder)).toEqual(['name']);
      expect(await fs.readFile(path, 'utf8')).toBe('old');
    },
  );

  it('writes a stream in large pieces, whatever the size of its chunks', async () => {
    const calls: string[] = [];
    const parts = Readable.from(Array.from({ length: 2000 }, (_, index) => new Uint8Array(1000).fill(index)));
    await writeFileDurably(wanted({ parts }), watched(calls));
    expect(calls.filter((call) => call === 'writev')).toHaveLength(2);
    expect((await fs.readFile(path)).length).toBe(2_000_000);
  });

  it('writes the rest after short writes, across the edges of parts', async () => {
    const parts = ['abc', '', 'd', 'efghijklm', 'nopqrstuvw'].map(utf8);
    await writeFileDurably(wanted({ parts }), { ...watched([]), open: shortWriting });
    expect(await fs.readFile(path, 'utf8')).toBe('abcdefghijklmnopqrstuvw');
  });

  it('works where the file system has no hard links', async () => {
    await writeFileDurably(wanted({ ifAbsent: true }), { ...watched([]), link: noLinks });
    expect(await fs.readFile(path, 'utf8')).toBe('new content');
    await expect(writeFileDurably(wanted({ ifAbsent: true }), { ...watched([]), link: noLinks })).rejects.toMatchObject(
      {
        code: 'OBJECT_EXISTS',
      },
    );
  });

  it('loses the race for an absent name without a trace', async () => {
    await fs.writeFile(path, 'theirs');
    await expect(
      writeFileDurably(wanted({ ifAbsent: true }), { ...watched([]), lstat: sayingAbsent }),
    ).rejects.toMatchObject({
      code: 'OBJECT_EXISTS',
    });
    expect(await fs.readdir(folder)).toEqual(['name']);
    expect(await fs.readFile(path, 'utf8')).toBe('theirs');
  });

  it('removes the temporary file when stopped before the rename', async () => {
    const controller = new AbortController();
    const open: typeof fs.open = async (...args) => {
      expect(basename(String(args[0]))).toMatch(/^name-tmp-\d+$/);
      controller.abort(new Error('enough'));
      return fs.open(...args);
    };
    await expect(writeFileDurably(wanted({ signal: controller.signal }), { ...watched([]), open })).rejects.toThrow(
      'enough',
    );
    expect(await fs.readdir(folder)).toEqual([]);
  });
});
