import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { equalBytes } from '../base/bytes.ts';
import { writeZstdStored, zstdStoredSize } from './zstd-stored.ts';

describe('a stored zstd frame', () => {
  it.each([0, 1, 131_071, 131_072, 131_073, 1_000_000])('of %i bytes is what zstd decompresses', (size) => {
    const content = randomBytes(size);
    const out = new Uint8Array(zstdStoredSize(size));
    expect(writeZstdStored(content, out)).toBe(out.length);
    expect(equalBytes(zstdDecompressSync(out), content)).toBe(true);
    expect(equalBytes(execFileSync('zstd', ['-dc'], { input: out }), content)).toBe(true);
  });
});
