import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { BLOB_DATA, BLOB_TREE, BlobIndex } from './blob-index.ts';

const idOf = (n: number | string): Uint8Array => createHash('sha256').update(String(n)).digest();

describe('BlobIndex', () => {
  it('finds what was added as records, in the packs they name', () => {
    const index = BlobIndex.create({ blobs: 100, packs: 4 });
    const packs = ['p', 'q'].map((name) => index.addPack(idOf(name)));
    const records = new Int32Array(99 * 12);
    for (let i = 0; i < 99; i++) {
      new Uint8Array(records.buffer, i * 48, 32).set(idOf(i));
      records.set([(i % 2) | (i % 3 === 0 ? 0x80000000 : 0), i, 200, 300], i * 12 + 8);
    }
    index.addRecords(records, packs.toReversed());
    for (let i = 0; i < 99; i++) {
      const place = { packNumber: packs[1 - (i % 2)], offset: i, length: 200, uncompressedLength: 300 };
      expect(index.locations(i % 3 === 0 ? BLOB_TREE : BLOB_DATA, idOf(i))).toEqual([place]);
      expect(index.has(i % 3 === 0 ? BLOB_DATA : BLOB_TREE, idOf(i))).toBe(false);
    }
  });

  it('takes no record where not all of them have room', () => {
    const index = BlobIndex.create({ blobs: 16, packs: 1 });
    const pack = index.addPack(idOf('p'));
    for (let i = 0; i < 10; i++) index.add(BLOB_DATA, idOf(i), pack, i, 1, 1);
    expect(() => index.addRecords(new Int32Array(7 * 12), [pack])).toThrow(/room for 16 blobs/);
    expect(index.size).toBe(10);
  });

  it('finds what was added and nothing else', () => {
    const index = BlobIndex.create({ blobs: 1000, packs: 4 });
    const pack = index.addPack(idOf('pack'));
    for (let i = 0; i < 1000; i++) index.add(BLOB_DATA, idOf(i), pack, i * 100, 100, 300);
    for (let i = 0; i < 1000; i++) expect(index.find(BLOB_DATA, idOf(i))).toBe(i);
    for (let i = 1000; i < 2000; i++) expect(index.has(BLOB_DATA, idOf(i))).toBe(false);
  });

  it('keeps tree and data blobs of the same bytes apart', () => {
    const index = BlobIndex.create({ blobs: 10, packs: 1 });
    index.add(BLOB_TREE, idOf(1), index.addPack(idOf('p')), 0, 50, 0);
    expect(index.has(BLOB_DATA, idOf(1))).toBe(false);
    expect(index.has(BLOB_TREE, idOf(1))).toBe(true);
  });

  it('knows which packs hold trees', () => {
    const index = BlobIndex.create({ blobs: 10, packs: 3 });
    const packs = ['p', 'q', 'r'].map((name) => index.addPack(idOf(name)));
    packs.forEach((pack, i) => index.add(i === 1 ? BLOB_TREE : BLOB_DATA, idOf(i), pack, 0, 1, 1));
    index.claim(BLOB_TREE, idOf('not stored yet'));
    expect([...index.treePacks()]).toEqual([0, 1, 0]);
  });

  it('knows where the blobs of each pack end', () => {
    const index = BlobIndex.create({ blobs: 10, packs: 3 });
    const [one, two] = ['p', 'q'].map((name) => index.addPack(idOf(name))) as [number, number];
    index.add(BLOB_DATA, idOf(1), one, 500, 100, 1);
    index.add(BLOB_TREE, idOf(2), one, 0, 500, 1);
    index.add(BLOB_TREE, idOf(3), two, 0xffffffff, 0xfffffffe, 1);
    index.claim(BLOB_DATA, idOf('not stored yet'));
    expect([...index.packEnds()]).toEqual([600, 0xffffffff + 0xfffffffe]);
  });

  it('forgets packs, but not the blobs that another one has too', () => {
    const index = BlobIndex.create({ blobs: 10, packs: 3 });
    const [one, two] = ['p', 'q'].map((name) => index.addPack(idOf(name))) as [number, number];
    index.add(BLOB_DATA, idOf(1), one, 0, 100, 1);
    index.add(BLOB_DATA, idOf(2), one, 100, 100, 1);
    index.add(BLOB_TREE, idOf(2), two, 0, 60, 0);
    index.add(BLOB_DATA, idOf(1), two, 60, 100, 1);
    const rest = index.without(new Set([one]));
    expect([rest.packId(two), rest.packCount]).toEqual([index.packId(two), 2]);
    expect([rest.has(BLOB_DATA, idOf(1)), rest.has(BLOB_DATA, idOf(2)), rest.has(BLOB_TREE, idOf(2))]).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('keeps offsets and lengths up to 2^32 - 1', () => {
    const index = BlobIndex.create({ blobs: 10, packs: 1 });
    const pack = index.addPack(idOf('p'));
    index.add(BLOB_DATA, idOf(1), pack, 0xffffffff, 0xfffffffe, 0xfffffffd);
    expect(index.location(0)).toEqual({
      packNumber: pack,
      offset: 0xffffffff,
      length: 0xfffffffe,
      uncompressedLength: 0xfffffffd,
    });
  });

  it('gives a claim to the first caller only', () => {
    const index = BlobIndex.create({ blobs: 10, packs: 1 });
    expect(index.claim(BLOB_DATA, idOf(1))).toBe(0);
    expect(index.claim(BLOB_DATA, idOf(1))).toBe(-1);
  });

  it('gives each of many blobs to one of several threads that claim them all at once', async () => {
    const blobs = 20_000;
    const threads = 4;
    const index = BlobIndex.create({ blobs: blobs * threads, packs: 1 });
    const ids = Buffer.concat(Array.from({ length: blobs }, (_, i) => idOf(i)));
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const program = `
      const { parentPort, workerData } = require('node:worker_threads');
      import(workerData.module).then(({ BlobIndex }) => {
        const index = new BlobIndex(workerData.memory);
        Atomics.add(workerData.gate, 0, 1);
        while (Atomics.load(workerData.gate, 0) < workerData.threads);
        const won = [];
        for (let i = 0; i < workerData.ids.length; i += 32)
          if (index.claim(0, workerData.ids.subarray(i, i + 32)) >= 0) won.push(i / 32);
        parentPort.postMessage(won);
      });`;
    const module = new URL('blob-index.ts', import.meta.url).href;
    const workerData = { module, memory: index.memory, ids, gate, threads };
    const won = await Promise.all(
      Array.from({ length: threads }, async () => {
        const [numbers] = (await once(new Worker(program, { eval: true, workerData }), 'message')) as [number[]];
        return numbers;
      }),
    );
    expect(won.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: blobs }, (_, i) => i));
  });

  it('hides the place of a claimed blob until it is placed', () => {
    const index = BlobIndex.create({ blobs: 10, packs: 1 });
    const record = index.claim(BLOB_TREE, idOf(1));
    expect(index.location(record)).toBeUndefined();
    index.place(record, index.addPack(idOf('p')), 7, 8, 9);
    expect(index.locations(BLOB_TREE, idOf(1))).toEqual([
      { packNumber: 0, offset: 7, length: 8, uncompressedLength: 9 },
    ]);
    expect(index.blobType(record)).toBe(BLOB_TREE);
  });

  it('lists every copy of a blob', () => {
    const index = BlobIndex.create({ blobs: 10, packs: 2 });
    for (const name of ['a', 'b']) index.add(BLOB_DATA, idOf(1), index.addPack(idOf(name)), 0, 1, 1);
    const packs = index.locations(BLOB_DATA, idOf(1)).map((location) => index.packId(location.packNumber));
    expect(packs).toEqual(['a', 'b'].map((name) => Buffer.from(idOf(name)).toString('hex')));
  });

  it('shares its memory with whoever attaches to it', () => {
    const index = BlobIndex.create({ blobs: 10, packs: 1 });
    const other = new BlobIndex(index.memory);
    index.claim(BLOB_DATA, idOf(1));
    expect(other.claim(BLOB_DATA, idOf(1))).toBe(-1);
  });

  it('says so when it is full instead of losing a blob', () => {
    const index = BlobIndex.create({ blobs: 16, packs: 1 });
    for (let i = 0; i < 16; i++) index.claim(BLOB_DATA, idOf(i));
    expect(() => index.claim(BLOB_DATA, idOf(17))).toThrow(/room for 16 blobs/);
  });

  it('keeps everything when it grows', () => {
    const index = BlobIndex.create({ blobs: 16, packs: 1 });
    const pack = index.addPack(idOf('p'));
    for (let i = 0; i < 16; i++) index.add(BLOB_DATA, idOf(i), pack, i, 1, 1);
    const larger = index.grown({ blobs: 100, packs: 10 });
    for (let i = 0; i < 16; i++) expect(larger.location(larger.find(BLOB_DATA, idOf(i)))?.offset).toBe(i);
    expect(larger.packId(0)).toBe(index.packId(0));
    expect(larger.claim(BLOB_DATA, idOf(99))).toBe(16);
  });

  it('needs at most 56 bytes a blob, pack ids of one pack per eleven blobs included', () => {
    const blobs = 110_000;
    const index = BlobIndex.create({ blobs, packs: blobs / 11 });
    const id = new Uint8Array(32);
    const view = new DataView(id.buffer);
    for (let i = 0; i < blobs; i++) {
      if (i % 11 === 0) index.addPack(id);
      view.setUint32(0, Math.imul(i, 2654435761) >>> 0);
      view.setUint32(4, i);
      index.add(BLOB_DATA, id, index.packCount - 1, 0, 1, 1);
    }
    expect(index.usedBytes / blobs).toBeLessThanOrEqual(56);
  });
});
