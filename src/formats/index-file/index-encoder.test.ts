import { expect, it } from 'vitest';
import { idFromBytes, type BlobId, type PackId } from '../../base/ids.ts';
import { encodePackHeader, type PackEntry } from '../pack/pack-header.ts';
import { encodeIndexFile } from './index-file.ts';
import { IndexEncoder } from './index-encoder.ts';

const id = (seed: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, i) => (seed * 31 + i * 7) & 0xff);

function entries(seed: number, count: number): PackEntry[] {
  let offset = 0;
  return Array.from({ length: count }, (_, i) => {
    const length = 33 + (((seed + i) * 104_729) % 5_000_000);
    const entry: PackEntry = {
      type: i % 3 === 0 ? 'tree' : 'data',
      id: idFromBytes<BlobId>(id(seed + i)),
      offset,
      length,
      uncompressedLength: i % 2 === 0 ? 0 : length * 3,
    };
    offset += length;
    return entry;
  });
}

it('writes what the general encoder writes', () => {
  const packs = [1, 2, 3].map((seed) => ({ id: id(seed), blobs: entries(seed * 1000, seed * 20) }));
  const encoder = new IndexEncoder();
  for (const pack of packs) encoder.add({ id: pack.id, header: encodePackHeader(pack.blobs) });
  const general = encodeIndexFile(packs.map((pack) => ({ id: idFromBytes<PackId>(pack.id), blobs: pack.blobs })));
  expect(Buffer.from(encoder.finish()).toString()).toBe(Buffer.from(general).toString());
});

it('writes an index of no packs as the general encoder does', () => {
  expect(new IndexEncoder().finish()).toEqual(new Uint8Array(encodeIndexFile([])));
});

it('refuses a header that ends within an entry', () => {
  const header = encodePackHeader(entries(1, 2));
  expect(() => new IndexEncoder().add({ id: id(1), header: header.subarray(0, -1) })).toThrow(/damaged/);
});
