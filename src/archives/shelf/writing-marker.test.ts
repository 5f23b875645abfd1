import { describe, expect, it } from 'vitest';
import type { Clock } from '../../base/clock.ts';
import { openMemoryStorage } from '../../storage/drivers/memory.ts';
import { appendOnly } from '../../storage/layers/append-only.ts';
import { listShelf, markerOf } from './shelf-listing.ts';
import { settleShelf } from './settle-shelf.ts';
import { decodeMarker, encodeMarker, isDead, type MarkerFile, WritingMarker } from './writing-marker.ts';

const now = Date.parse('2026-11-25T12:00:00Z');
const clock: Clock = { nowNs: () => BigInt(now) * 1_000_000n, sleep: () => new Promise(() => {}) };
const self = {
  hostname: 'desk',
  username: 'ann',
  pid: 10,
  uid: 1,
  gid: 1,
  pidSpace: 'here',
  isAlive: (pid: number) => pid !== 666,
};
const marker: MarkerFile = {
  host: 'desk',
  pid: 10,
  pidSpace: 'here',
  startedAt: new Date(now),
  refreshedAt: new Date(now),
};
const { signal } = new AbortController();
const object = 'archives/a/a.20261125T120000Z.tar.zst';

describe('the marker of an archive that is being written', () => {
  it('comes back as it was written', () => {
    expect(decodeMarker(encodeMarker(marker))).toEqual(marker);
    expect(decodeMarker(encodeMarker({ ...marker, pidSpace: undefined }))).toEqual({ ...marker, pidSpace: undefined });
  });

  it.each([
    ['of a process that runs', {}, false],
    ['of a process of here that is gone', { pid: 666 }, true],
    ['of the same number on another machine', { pid: 666, pidSpace: 'there' }, false],
    ['of a system that does not tell where its numbers mean something', { pid: 666, pidSpace: undefined }, false],
    ['that was refreshed within the day', { refreshedAt: new Date(now - 23 * 3_600_000) }, false],
    ['that was not', { refreshedAt: new Date(now - 25 * 3_600_000) }, true],
  ])('%s: dead is %3$s', (_, parts, dead) => {
    expect(isDead({ ...marker, ...parts }, { clock, self })).toBe(dead);
  });

  it('of somebody who writes is left alone, with what he wrote', async () => {
    const storage = openMemoryStorage();
    await using _ = await WritingMarker.place(storage, object, { self: { ...self, pid: 5 } }, signal);
    await storage.write(object, new Uint8Array(1));
    expect(await settleShelf(storage, await listShelf(storage), { self, signal })).toEqual([]);
    expect((await listShelf(storage))[0]).toMatchObject({ hasMarker: true, sizeBytes: 1 });
  });

  it('is not taken twice', async () => {
    const storage = openMemoryStorage();
    await using _ = await WritingMarker.place(storage, object, { self }, signal);
    await expect(WritingMarker.place(storage, object, { self }, signal)).rejects.toMatchObject({
      code: 'OBJECT_EXISTS',
    });
  });

  it('that somebody removed is noticed before the sidecar is written', async () => {
    const storage = openMemoryStorage();
    await using placed = await WritingMarker.place(storage, object, { self }, signal);
    await placed.assertOurs(signal);
    await storage.remove(markerOf(object));
    await expect(placed.assertOurs(signal)).rejects.toMatchObject({ code: 'LOCK_LOST' });
  });

  it('stays in a storage for adding only, and is no error there', async () => {
    const storage = appendOnly(openMemoryStorage());
    const placed = await WritingMarker.place(storage, object, { self }, signal);
    await placed.remove(signal);
    expect((await listShelf(storage))[0]).toMatchObject({ hasMarker: true });
  });
});
