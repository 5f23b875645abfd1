import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createCodec } from '../kernels/codec.ts';
import { CompressionProbe, zstdLevel } from './compression.ts';

const probe = new CompressionProbe(createCodec());
const noise = (size: number): Uint8Array => new Uint8Array(randomBytes(size));

/** Noise with text from `at` on. */
function noiseWithText(size: number, at: number, textSize: number): Uint8Array {
  const bytes = noise(size);
  bytes.fill(0x61, at, at + textSize);
  return bytes;
}

describe('CompressionProbe', () => {
  it('finds noise not worth compressing', () => {
    expect(probe.isWorthwhile(noise(1_000_000))).toBe(false);
  });

  it('finds text worth compressing', () => {
    expect(probe.isWorthwhile(Buffer.from('some text, '.repeat(50_000)))).toBe(true);
  });

  it.each([
    ['head', 0],
    ['middle', 500_000 - 8192],
    ['tail', 1_000_000 - 16_384],
  ])('looks at the %s', (_, at) => {
    expect(probe.isWorthwhile(noiseWithText(1_000_000, at, 16_384))).toBe(true);
  });

  it('does not look at small blobs: they are simply compressed', () => {
    expect(probe.isWorthwhile(noise(128 * 1024 - 1))).toBe(true);
    expect(probe.isWorthwhile(noise(128 * 1024))).toBe(false);
  });
});

describe('zstdLevel', () => {
  it('rises from name to name, and `off` has none', () => {
    const levels = (['fastest', 'auto', 'better', 'max'] as const).map((name) => zstdLevel(name) ?? 0);
    expect(levels).toEqual([...new Set(levels)].sort((a, b) => a - b));
    expect(zstdLevel('off')).toBeUndefined();
  });
});
