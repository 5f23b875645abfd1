// Two runs on one shelf, each stopped at every request of its own in turn while the other goes on: whoever is told that an archive
// was stored has one, also where the other takes it for dead, as a clock that is a day ahead does.
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../base/clock.ts';
import { utf8 } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import { openMemoryStorage } from '../../storage/drivers/memory.ts';
import { appendOnly } from '../../storage/layers/append-only.ts';
import { StorageLayer } from '../../storage/layers/storage-layer.ts';
import type { ObjectName, Storage, StorageOptions, WriteOptions } from '../../storage/storage.ts';
import type { Sidecar } from '../sidecar.ts';
import { deleteArchive } from './delete-archive.ts';
import { settleShelf, type SettledArchive } from './settle-shelf.ts';
import { isComplete, listShelf, markerOf, type ShelfItem, sidecarOf } from './shelf-listing.ts';
import { putArchive } from './write-archive.ts';

const { signal } = new AbortController();
const time = new Date('2026-11-25T23:30:05Z');
const object = 'archives/mydir/mydir.20261125T233005Z.tar';
const aheadMs = 3 * 24 * 60 * 60_000;
const aheadClock: Clock = {
  nowNs: () => BigInt(Date.now() + aheadMs) * 1_000_000n,
  sleep: () => new Promise(() => {}),
};

function self(pid: number): NonNullable<Parameters<typeof putArchive>[3]['self']> {
  return { hostname: `host${pid}`, username: '', pid, uid: 1, gid: 1, pidSpace: `space${pid}`, isAlive: () => true };
}

const sidecar: Sidecar = {
  name: 'mydir',
  host: 'here',
  time,
  tags: [],
  paths: [],
  codec: 'none',
  encryption: 'none',
  headerBytes: 0,
  fileCount: 0,
  directoryCount: 0,
  sourceBytes: 0,
  tarBytes: 5,
  storedBytes: 5,
  storedSha256: '0'.repeat(64),
  tarSha256: '0'.repeat(64),
  problems: 0,
  program: 'test',
};

/** Waits before its request of a number until it is opened. */
class Gate extends StorageLayer {
  readonly #at: number;
  readonly #reached = Promise.withResolvers<void>();
  readonly #opened = Promise.withResolvers<void>();
  count = 0;

  constructor(inner: Storage, at: number) {
    super(inner);
    this.#at = at;
  }

  /** Goes on until the gate, or to the end. */
  async until(running: Promise<unknown>): Promise<void> {
    await Promise.race([this.#reached.promise, running]);
  }

  open(): void {
    this.#opened.resolve();
  }

  async #pass(): Promise<void> {
    if (this.count++ !== this.#at) return;
    this.#reached.resolve();
    await this.#opened.promise;
  }

  override async stat(name: ObjectName, options?: StorageOptions): ReturnType<Storage['stat']> {
    await this.#pass();
    return super.stat(name, options);
  }
  override async read(...args: Parameters<Storage['read']>): ReturnType<Storage['read']> {
    await this.#pass();
    return super.read(...args);
  }
  override async write(name: ObjectName, data: Uint8Array, options?: WriteOptions): Promise<void> {
    await this.#pass();
    await super.write(name, data, options);
  }
  override async writeStream(...args: Parameters<Storage['writeStream']>): ReturnType<Storage['writeStream']> {
    await this.#pass();
    return super.writeStream(...args);
  }
  override async remove(name: ObjectName, options?: StorageOptions): Promise<void> {
    await this.#pass();
    await super.remove(name, options);
  }
}

/** Whether it was stored, as its caller is told. */
async function put(storage: Storage, text = 'first', pid = 1, who = self(pid)): Promise<boolean> {
  const chunks = (async function* (): AsyncGenerator<Uint8Array> {
    yield utf8(text);
  })();
  const wanted = { name: 'mydir', time, codec: 'none', encrypted: false } as const;
  const content = { chunks, describe: () => ({ ...sidecar, program: text }) };
  try {
    await putArchive(storage, wanted, content, { signal, self: who });
    return true;
  } catch {
    return false;
  }
}

async function settle(storage: Storage, items?: readonly ShelfItem[]): Promise<SettledArchive[]> {
  const found = items ?? (await listShelf(storage, { signal }));
  return settleShelf(storage, found, { signal, clock: aheadClock, self: self(9) });
}

/** What is listed is there, and whoever was told of success is listed. */
async function expectNoLie(inner: Storage, stored: boolean): Promise<void> {
  const items = await listShelf(inner, { signal });
  const [item] = items.filter(({ hasTombstone }) => !hasTombstone);
  if (stored) expect(item).toMatchObject({ object, sizeBytes: 5, hasSidecar: true });
  if (item?.hasSidecar === true) expect(item.sizeBytes).toBe(5);
  await settle(inner);
  const left = await listShelf(inner, { signal });
  expect(left.filter(({ hasMarker, hasTombstone }) => hasMarker || hasTombstone)).toEqual([]);
  // Bytes that both left to the other are named by `check`; to remove them could be to remove a third one's.
  expect(left.filter(isComplete).length).toBe(stored ? 1 : 0);
}

const WRITER_REQUESTS = 12;
const SETTLER_REQUESTS = 6;

describe('a writer that is taken for dead', () => {
  it('is told so, or has its archive, wherever the two meet', async () => {
    let refused = 0;
    for (let writerAt = 0; writerAt < WRITER_REQUESTS; writerAt++) {
      for (let settlerAt = 0; settlerAt < SETTLER_REQUESTS; settlerAt++) {
        const inner = openMemoryStorage();
        const [writer, settler] = [new Gate(inner, writerAt), new Gate(inner, settlerAt)];
        const writing = put(writer);
        await writer.until(writing);
        const settling = settle(settler);
        await settler.until(settling);
        writer.open();
        const stored = await writing;
        settler.open();
        await settling;
        if (!stored) refused++;
        try {
          await expectNoLie(inner, stored);
        } catch (error) {
          throw new Error(`writer at ${writerAt}, settler at ${settlerAt}, stored ${stored}`, { cause: error });
        }
      }
    }
    expect(refused).toBeGreaterThan(0);
  });

  it('removes nothing of the one that has its name by now', async () => {
    for (let writerAt = 0; writerAt < WRITER_REQUESTS; writerAt++) {
      const inner = openMemoryStorage();
      const writer = new Gate(inner, writerAt);
      const writing = put(writer);
      await writer.until(writing);
      await settle(inner);
      const storedSecond = await put(inner, 'other', 2);
      writer.open();
      const storedFirst = await writing;
      const complete = (await listShelf(inner, { signal })).filter(isComplete);
      expect([writerAt, complete.length]).toEqual([writerAt, Number(storedFirst) + Number(storedSecond)]);
      for (const one of complete) {
        const text = Buffer.from(await inner.read(one.object)).toString();
        expect(Buffer.from(await inner.read(sidecarOf(one.object))).toString()).toContain(`"program": "${text}"`);
      }
    }
  });
});

describe('a listing that is out of date', () => {
  it('of a deletion does not remove the archive that has the name by now', async () => {
    const inner = openMemoryStorage();
    await put(inner);
    await inner.write(`${object}.deleted.json`, utf8('{}'));
    const items = await listShelf(inner, { signal });
    await settle(inner);
    expect(await put(inner)).toBe(true);
    expect(await settle(inner, items)).toEqual([]);
    await expectNoLie(inner, true);
  });

  it('of a deletion stops where another one has ended it, and the name is that of a new archive', async () => {
    // Before its second look on; a stop inside of one removal is what no storage can rule out.
    for (const at of [1, 3, 5]) {
      const inner = openMemoryStorage();
      await put(inner);
      await inner.write(`${object}.deleted.json`, utf8('{}'));
      const slow = new Gate(inner, at);
      const settling = settle(slow, await listShelf(inner, { signal }));
      await slow.until(settling);
      await settle(inner);
      expect(await put(inner)).toBe(true);
      slow.open();
      await settling;
      await expectNoLie(inner, true);
    }
  });

  it('of a writer does not remove what another one finishes under its name', async () => {
    const inner = openMemoryStorage();
    expect(await put(inner)).toBe(true);
    const items = [{ ...(await listShelf(inner, { signal }))[0], hasMarker: true, hasSidecar: false } as ShelfItem];
    expect(await settle(inner, items)).toEqual([]);
    await deleteArchive(inner, object, signal);
    expect(await settle(inner, items)).toEqual([]);
    expect(await listShelf(inner, { signal })).toEqual([]);
  });
});

it('an archive that may not be removed is not hidden by who tries', async () => {
  const inner = openMemoryStorage();
  expect(await put(inner)).toBe(true);
  await expect(deleteArchive(appendOnly(inner), object, signal)).rejects.toMatchObject({ code: 'STORAGE_APPEND_ONLY' });
  expect((await listShelf(inner, { signal })).filter(isComplete)).toHaveLength(1);
});

it('an archive whose marker alone could not be removed is stored', async () => {
  class NoRemoval extends StorageLayer {
    override async remove(name: ObjectName, options?: StorageOptions): Promise<void> {
      if (name === markerOf(object)) throw new Error('the line is down');
      await super.remove(name, options);
    }
  }
  const inner = openMemoryStorage();
  expect(await put(new NoRemoval(inner))).toBe(true);
  expect((await settle(inner)).map(({ how }) => how)).toEqual(['finished']);
});

it('a machine that may add and not remove makes one archive after the other', async () => {
  class NoRight extends StorageLayer {
    override async remove(name: ObjectName): Promise<void> {
      throw new CairnError('STORAGE_DENIED', `no right to remove ${name}`);
    }
  }
  const inner = openMemoryStorage();
  const dead = { ...self(1), isAlive: () => false };
  expect([await put(new NoRight(inner), 'one', 1, dead), await put(new NoRight(inner), 'two', 1, dead)]).toEqual([
    true,
    true,
  ]);
  expect((await listShelf(inner, { signal })).filter(isComplete)).toHaveLength(2);
});
