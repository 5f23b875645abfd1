import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryId } from '../../../test/support/node-arbitrary.ts';
import type { PackEntry } from './pack-header.ts';
import { decodePackHeader, decodePackTrailer, encodePackHeader, packHeaderEntrySize } from './pack-header.ts';

const PACK_CORRUPT = expect.objectContaining({ code: 'PACK_CORRUPT' });
const entries = fc
  .array(
    fc.record({
      type: fc.constantFrom('data' as const, 'tree' as const),
      id: arbitraryId(),
      length: fc.integer({ min: 32, max: 1_000_000 }),
      uncompressedLength: fc.oneof(fc.constant(0), fc.nat(0xffff_ffff)),
    }),
    { minLength: 1, maxLength: 20 },
  )
  .map((list) => {
    let offset = 0;
    return list.map((entry): PackEntry => {
      offset += entry.length;
      return { ...entry, offset: offset - entry.length };
    });
  });
const id = 'ab'.repeat(32) as PackEntry['id'];
const raw: PackEntry = { type: 'data', id, offset: 0, length: 40, uncompressedLength: 0 };

describe('pack header', () => {
  it('decodes to the entries that were encoded, with their offsets', () => {
    fc.assert(
      fc.property(entries, (list) => {
        const end = list.reduce((sum, entry) => sum + entry.length, 0);
        expect(decodePackHeader(encodePackHeader(list), end)).toEqual(list);
      }),
    );
  });

  it('has the size of its entries', () => {
    fc.assert(
      fc.property(entries, (list) => {
        expect(encodePackHeader(list).length).toBe(list.reduce((sum, entry) => sum + packHeaderEntrySize(entry), 0));
      }),
    );
  });

  it('has the layout of the format', () => {
    const tree: PackEntry = { type: 'tree', id, offset: 40, length: 0x01020304, uncompressedLength: 511 };
    expect(Buffer.from(encodePackHeader([raw, tree])).toString('hex')).toBe(
      `0028000000${'ab'.repeat(32)}0304030201ff010000${'ab'.repeat(32)}`,
    );
  });

  it('refuses to encode a gap between blobs', () => {
    expect(() => encodePackHeader([{ ...raw, offset: 1 }])).toThrow(PACK_CORRUPT);
  });

  it('refuses every truncation that is not between entries', () => {
    const plain = encodePackHeader([raw]);
    for (let size = 0; size < plain.length; size++)
      expect(() => decodePackHeader(plain.subarray(0, size))).toThrow(PACK_CORRUPT);
  });

  it('refuses a header that does not start where the blobs end', () => {
    expect(() => decodePackHeader(encodePackHeader([raw]), 41)).toThrow(PACK_CORRUPT);
  });

  it('refuses a compressed blob of no bytes', () => {
    const plain = encodePackHeader([{ ...raw, uncompressedLength: 1 }]);
    plain[5] = 0;
    expect(() => decodePackHeader(plain)).toThrow(PACK_CORRUPT);
  });

  it.each([
    ['an unknown type', 0, 4],
    ['a blob shorter than a seal', 1, 31],
  ])('refuses %s', (_what, at, byte) => {
    const plain = Buffer.concat([encodePackHeader([raw]), Buffer.alloc(4)]);
    plain[at] = byte;
    expect(() => decodePackHeader(plain)).toThrow(PACK_CORRUPT);
  });
});

describe('decodePackTrailer', () => {
  it('finds the header of the smallest pack', () => {
    expect(decodePackTrailer(Uint8Array.from([69, 0, 0, 0]), 105)).toEqual({ headerOffset: 32, headerLength: 69 });
  });

  it.each([
    ['a header longer than the pack', [70, 0, 0, 0], 73],
    ['a header shorter than one entry', [68, 0, 0, 0], 200],
    ['a header above 16 MiB', [1, 0, 0, 1], 2 ** 30],
    ['less than a length', [1, 0, 0], 100],
  ])('refuses %s', (_what, tail, size) => {
    expect(() => decodePackTrailer(Uint8Array.from(tail), size)).toThrow(PACK_CORRUPT);
  });
});
