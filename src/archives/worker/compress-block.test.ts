import { randomBytes } from 'node:crypto';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes, utf8 } from '../../base/bytes.ts';
import { createCodec } from '../../kernels/codec.ts';
import { BLOCK_BYTES, BLOCK_ROOM } from '../codec.ts';
import { compressBlock } from './compress-block.ts';
import { isFlat } from './flat-bytes.ts';

const KIB = 1024;
const text = utf8('the quick brown fox jumps over the lazy dog, again and again. '.repeat(10_000));

function pack(codec: 'zstd' | 'gzip' | 'none', content: Uint8Array): Uint8Array {
  const out = new Uint8Array(BLOCK_ROOM);
  return out.subarray(0, compressBlock(codec, createCodec(), content, out));
}

describe('a block', () => {
  it('comes back from its frames, wherever text and noise change places in it', () => {
    const part = fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 300 * KIB }));
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 3 }), (parts) => {
        const content = concatBytes(parts.map(([noise, size]) => (noise ? randomBytes(size) : text.subarray(0, size))));
        expect(equalBytes(zstdDecompressSync(pack('zstd', content)), content)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('of noise has room, whatever the codec', () => {
    const noise = randomBytes(BLOCK_BYTES);
    expect(equalBytes(zstdDecompressSync(pack('zstd', noise)), noise)).toBe(true);
    expect(equalBytes(gunzipSync(pack('gzip', noise)), noise)).toBe(true);
    expect(equalBytes(pack('none', noise), noise)).toBe(true);
  });

  it('shrinks where that is worth it', () => {
    expect(pack('zstd', text).length).toBeLessThan(text.length / 20);
    expect(pack('gzip', text).length).toBeLessThan(text.length / 20);
  });
});

describe('flat bytes', () => {
  it('are noise, and never text, base64, or noise with text in it', () => {
    expect(isFlat(randomBytes(256 * KIB))).toBe(true);
    expect(isFlat(text.subarray(0, 256 * KIB))).toBe(false);
    expect(isFlat(utf8(randomBytes(192 * KIB).toString('base64')))).toBe(false);
    expect(isFlat(concatBytes([randomBytes(128 * KIB), text.subarray(0, 128 * KIB)]))).toBe(false);
  });
});
