// Every request to the storage gone wrong in turn, while an archive is written or deleted: what is listed is whole, and the next
// run settles what is left.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageOf } from '../base/errors.ts';
import { openFilesSource } from '../sources/files/files-source.ts';
import { openMemoryStorage } from '../storage/drivers/memory.ts';
import { faulty, type FaultEffect, type FaultyStorage } from '../storage/layers/faulty.ts';
import { readEntries } from './read/read-entries.ts';
import { openArchive } from './read/open-archive.ts';
import { objectBytes } from './read/object-bytes.ts';
import { deleteArchive } from './shelf/delete-archive.ts';
import { readShelf, type StoredArchive } from './shelf/read-shelf.ts';
import { isComplete, listShelf } from './shelf/shelf-listing.ts';
import { putArchive } from './shelf/write-archive.ts';
import { makeArchive } from './write/make-archive.ts';

let source: string;
beforeAll(() => {
  source = fs.mkdtempSync(join(tmpdir(), 'cairn-archive-'));
  fs.writeFileSync(join(source, 'file'), 'content');
});
afterAll(() => fs.rmSync(source, { recursive: true, force: true }));

const { signal } = new AbortController();
/** A process of this machine that is gone: whoever comes next may settle what it left. */
const gone = { hostname: 'desk', username: 'ann', pid: 999, uid: 1, gid: 1, pidSpace: 'here', isAlive: () => false };

async function put(storage: FaultyStorage, name = 'mydir'): Promise<StoredArchive> {
  const time = new Date('2026-11-25T23:30:05Z');
  await using content = await makeArchive(await openFilesSource({ targets: [source] }), {
    name,
    time,
    codec: 'zstd',
    encryptTo: undefined,
    program: 'test',
    jobs: 1,
    signal,
    onProblem: () => {},
    onProgress: () => {},
  });
  return await putArchive(storage, { name, time, codec: 'zstd', encrypted: false }, content, { signal, self: gone });
}

const effects: readonly FaultEffect[] = [{ how: 'fail' }, { how: 'fail-after' }];

async function operationsOf(run: (storage: FaultyStorage) => Promise<unknown>): Promise<number> {
  const storage = faulty(openMemoryStorage());
  await run(storage);
  return storage.operations.length;
}

/** What is listed can be read to its end. */
async function expectWhole(storage: FaultyStorage): Promise<StoredArchive[]> {
  const warnings: string[] = [];
  const archives = await readShelf(storage, { signal, onWarning: (message) => void warnings.push(message) });
  expect(warnings).toEqual([]);
  for (const { object, sizeBytes, sidecar } of archives) {
    const bytes = objectBytes(storage, object, sizeBytes);
    const { tar } = await openArchive(bytes, { sidecar, identities: () => Promise.reject(new Error('none')), signal });
    await readEntries(tar, { entry: () => {}, data: () => {}, end: () => {}, unknown: () => {} });
  }
  return archives;
}

async function sweep(
  prepare: (storage: FaultyStorage) => Promise<unknown>,
  run: (storage: FaultyStorage) => Promise<unknown>,
  check: (storage: FaultyStorage, failed: boolean) => Promise<void>,
): Promise<number> {
  const before = await operationsOf(prepare);
  const after = await operationsOf(async (storage) => {
    await prepare(storage);
    await run(storage);
  });
  let trials = 0;
  for (const effect of effects) {
    for (const [at, forGood] of [...Array(after - before).keys()].flatMap((n) => [
      [n, false] as const,
      [n, true] as const,
    ])) {
      const storage = faulty(openMemoryStorage());
      await prepare(storage);
      const number = storage.operations.length + at;
      storage.inject({ ...effect, ...(forGood ? { from: number } : { at: number }) });
      const failed = await run(storage).then(
        () => false,
        () => true,
      );
      storage.heal();
      try {
        await check(storage, failed);
      } catch (error) {
        const what = `${effect.how} ${forGood ? 'from' : 'at'} ${at} of ${after - before}: ${messageOf(error)}`;
        throw new Error(what, { cause: error });
      }
      trials++;
    }
  }
  return trials;
}

describe('an archive that is written while the storage fails', () => {
  it('is listed whole or not at all, and the next run leaves nothing else behind', async () => {
    const trials = await sweep(
      async () => {},
      put,
      async (storage, failed) => {
        const listed = await expectWhole(storage);
        if (!failed) expect(listed).toHaveLength(1);
        await put(storage, 'other');
        const items = await listShelf(storage, { signal });
        expect(items.filter((item) => !isComplete(item) || item.hasMarker || item.hasTombstone)).toEqual([]);
        expect((await expectWhole(storage)).length).toBe(listed.length + 1);
      },
    );
    expect(trials).toBeGreaterThan(30);
  });
});

describe('an archive that is deleted while the storage fails', () => {
  it('is listed whole or not at all, and the next run leaves nothing of it', async () => {
    const object = 'archives/mydir/mydir.20261125T233005Z.tar.zst';
    await sweep(
      put,
      (storage) => deleteArchive(storage, object, signal),
      async (storage, failed) => {
        const listed = await expectWhole(storage);
        if (!failed) expect(listed).toEqual([]);
        await put(storage, 'other');
        const names = (await Array.fromAsync(storage.list(''))).map(({ name }) => name).sort();
        const left = listed.length === 1 ? [object, `${object}.json`] : [];
        expect(names.filter((name) => name.startsWith('archives/mydir/'))).toEqual(left);
      },
    );
  });
});

describe('B15: two archives of one name in one second', () => {
  it('get different names', async () => {
    const storage = faulty(openMemoryStorage());
    expect((await put(storage)).stored).toBe('mydir.20261125T233005Z.tar.zst');
    expect((await put(storage)).stored).toBe('mydir.20261125T233005Z-2.tar.zst');
    const together = await Promise.all([put(storage), put(storage), put(storage)]);
    expect(new Set(together.map(({ stored }) => stored)).size).toBe(3);
    expect(await expectWhole(storage)).toHaveLength(5);
  });
});
