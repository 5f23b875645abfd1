import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BLOB_DATA, BlobIndex } from '../index/blob-index.ts';
import { type PackRead, planReads, type ReadLimits } from './pack-reads.ts';

const limits: ReadLimits = { bytes: 1000, gap: 10, blobs: 100 };

interface Place {
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
}

function indexOf(places: readonly Place[]): BlobIndex {
  const index = BlobIndex.create({ blobs: places.length, packs: 8 });
  for (let pack = 0; pack < 8; pack++) index.addPack(new Uint8Array(32).fill(pack));
  places.forEach(({ pack, offset, length }, at) => {
    const id = new Uint8Array(32);
    new DataView(id.buffer).setUint32(0, Math.imul(at + 1, 0x9e3779b1) >>> 0);
    id[31] = at;
    index.add(BLOB_DATA, id, pack, offset, length, 0);
  });
  return index;
}

function readsOf(places: readonly Place[], wanted: readonly number[], more: Partial<ReadLimits> = {}): PackRead[] {
  return [...planReads(indexOf(places), Uint32Array.from(wanted), { ...limits, ...more })];
}

const brief = ({ packNumber, offset, length, records }: PackRead): unknown => [
  packNumber,
  offset,
  length,
  [...records],
];

describe('the reads of a copy', () => {
  it('are none for no blobs', () => {
    expect(readsOf([], [])).toEqual([]);
  });

  it('fetch neighbours with one request, by ascending offset', () => {
    const places = [0, 100, 200].map((offset) => ({ pack: 0, offset, length: 100 }));
    expect(readsOf(places, [2, 0, 1]).map(brief)).toEqual([[0, 0, 300, [0, 1, 2]]]);
  });

  it('fetch across a small gap, and not across a large one', () => {
    const places = [0, 110, 221].map((offset) => ({ pack: 0, offset, length: 100 }));
    expect(readsOf(places, [0, 1, 2]).map(brief)).toEqual([
      [0, 0, 210, [0, 1]],
      [0, 221, 100, [2]],
    ]);
  });

  it('never go over a limit of bytes, unless one blob does', () => {
    const places = [
      { pack: 0, offset: 0, length: 600 },
      { pack: 0, offset: 600, length: 600 },
      { pack: 0, offset: 1200, length: 5000 },
    ];
    expect(readsOf(places, [0, 1, 2]).map(({ length }) => length)).toEqual([600, 600, 5000]);
  });

  it('have no more blobs than the limit', () => {
    const places = [0, 40, 80].map((offset) => ({ pack: 0, offset, length: 40 }));
    expect(readsOf(places, [0, 1, 2], { blobs: 2 }).map(({ records }) => records.length)).toEqual([2, 1]);
  });

  it('go pack by pack, also where the blobs come in another order', () => {
    const places = [
      { pack: 3, offset: 0, length: 50 },
      { pack: 1, offset: 0, length: 50 },
      { pack: 3, offset: 50, length: 50 },
    ];
    expect(readsOf(places, [0, 1, 2]).map(brief)).toEqual([
      [1, 0, 50, [1]],
      [3, 0, 100, [0, 2]],
    ]);
  });

  it('cover every wanted blob once, in a range of its own pack, and no byte twice', () => {
    const pack = fc.array(fc.integer({ min: 33, max: 900 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fc.array(pack, { minLength: 1, maxLength: 5 }), fc.nat(), (packs, seed) => {
        const places = packs.flatMap((lengths, pack) => {
          let offset = 0;
          return lengths.map((length) => ({ pack, offset: (offset += length) - length, length }));
        });
        const wanted = places.map((_, at) => at).filter((at) => ((seed >> (at % 30)) & 1) === 0);
        const reads = readsOf(places, wanted);
        expect(reads.flatMap(({ records }) => [...records]).sort((a, b) => a - b)).toEqual(wanted);
        let [lastPack, lastEnd] = [-1, 0];
        for (const { packNumber, offset, length, records } of reads) {
          expect(packNumber > lastPack || offset >= lastEnd).toBe(true);
          for (const record of records) {
            const place = places[record];
            expect(place?.pack).toBe(packNumber);
            expect(place !== undefined && place.offset >= offset).toBe(true);
            expect(place !== undefined && place.offset + place.length <= offset + length).toBe(true);
          }
          [lastPack, lastEnd] = [packNumber, offset + length];
        }
      }),
    );
  });
});
