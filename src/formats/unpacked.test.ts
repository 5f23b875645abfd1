import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isCairnError } from '../base/errors.ts';
import { createCodec } from '../kernels/codec.ts';
import { decodeUnpacked, encodeUnpacked, UnpackedMemory } from './unpacked.ts';
import { zstdSizeBound } from './zstd-size.ts';

const codec = createCodec({ prefer: 'portable' });
const json = Buffer.from(`{"list":[${'"text",'.repeat(5000)}0]}`);

/** A frame of one empty raw block and `blocks` blocks that each repeat one byte 128 Ki times. */
function bomb(blocks: number): Uint8Array {
  const frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
  const header = (131_072 << 3) | (1 << 1);
  for (let i = 0; i < blocks; i++) frame.push(header & 255, (header >> 8) & 255, header >> 16, 0x61);
  return Uint8Array.from([...frame, 1, 0, 0]);
}

describe('encodeUnpacked', () => {
  it('compresses in version 2 and says so in the first byte', () => {
    const plain = encodeUnpacked(codec, json, 2);
    expect([plain[0], plain.length < json.length]).toEqual([2, true]);
  });

  it('leaves the document as it is in version 1', () => {
    expect(encodeUnpacked(codec, json, 1)).toEqual(json);
  });
});

describe('decodeUnpacked', () => {
  it('gives back what was encoded, for any content', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(Buffer.from(decodeUnpacked(codec, encodeUnpacked(codec, bytes, 2)))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('puts documents of any size into memory that is used again', () => {
    const memory = new UnpackedMemory();
    for (const size of [3, 300_000, 0, 7]) {
      const bytes = new Uint8Array(size).fill(size);
      expect(Buffer.from(decodeUnpacked(codec, encodeUnpacked(codec, bytes, 2), memory))).toEqual(Buffer.from(bytes));
    }
  });

  it('takes a document of version 1', () => {
    expect(decodeUnpacked(codec, json)).toEqual(json);
  });

  it('takes a frame that does not tell its size', () => {
    const plain = Buffer.concat([Buffer.from([2]), zstdCompressSync(json)]);
    expect(Buffer.from(decodeUnpacked(codec, plain))).toEqual(json);
  });

  it.each([[[]], [[0x03, 0x7b]], [[0x28, 0xb5, 0x2f, 0xfd]]])('refuses the encoding of %j', (bytes) => {
    expect(() => decodeUnpacked(codec, Uint8Array.from(bytes))).toThrow(
      expect.objectContaining({ code: 'FORMAT_INVALID' }),
    );
  });

  it('refuses data that would fill gigabytes before it allocates them', () => {
    const plain = Buffer.concat([Buffer.from([2]), bomb(10_000)]);
    expect(() => decodeUnpacked(codec, plain)).toThrow(expect.objectContaining({ code: 'COMPRESSION_INVALID' }));
  });

  it('refuses any truncation with COMPRESSION_INVALID', () => {
    const plain = encodeUnpacked(codec, json, 2);
    for (let size = 1; size < plain.length; size++) {
      expect(() => decodeUnpacked(codec, plain.subarray(0, size))).toThrow(
        expect.objectContaining({ code: 'COMPRESSION_INVALID' }),
      );
    }
  });

  it('answers damaged data with a typed error or some document, never with another exception', () => {
    const plain = encodeUnpacked(codec, json, 2);
    fc.assert(
      fc.property(fc.nat(plain.length - 1), fc.nat(255), (at, byte) => {
        const damaged = Uint8Array.from(plain);
        damaged[at] = byte;
        try {
          decodeUnpacked(codec, damaged);
        } catch (error) {
          expect(isCairnError(error)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('zstdSizeBound', () => {
  it('is the exact size of a frame that tells it', () => {
    expect(zstdSizeBound(zstdCompressSync(json, { pledgedSrcSize: json.length }))).toBe(json.length);
  });

  it('does not believe a content size that the blocks cannot fill', () => {
    const lying = [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 9, 0, 0, 0x61];
    expect(zstdSizeBound(Uint8Array.from(lying))).toBe(1);
  });

  it('steps over skippable frames', () => {
    const skippable = Buffer.from('502a4d1803000000616263', 'hex');
    expect(zstdSizeBound(Buffer.concat([skippable, bomb(1), skippable]))).toBe(131_072);
  });
});
