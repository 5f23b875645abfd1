import { createHash, randomBytes } from 'node:crypto';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes, utf8 } from '../../base/bytes.ts';
import { type ArchiveCodec, BLOCK_BYTES } from '../codec.ts';
import { archiveStream, type StreamTotals } from './archive-stream.ts';
import { BlockCompressor } from './block-compressor.ts';
import { ChunkFeed } from './chunk-feed.ts';

const unpack: Record<ArchiveCodec, (bytes: Uint8Array) => Uint8Array> = {
  zstd: zstdDecompressSync,
  gzip: gunzipSync,
  none: (bytes) => bytes,
};

/** Blocks that compress and blocks that do not: some are done long before those in front of them. */
function content(blocks: number): Uint8Array {
  const text = utf8('the quick brown fox jumps over the lazy dog. '.repeat(BLOCK_BYTES / 16));
  return concatBytes(
    Array.from({ length: blocks }, (_, at) =>
      at % 3 === 0 ? randomBytes(BLOCK_BYTES) : text.subarray(at, BLOCK_BYTES),
    ),
  );
}

interface Streamed {
  readonly stored: Uint8Array;
  readonly totals: StreamTotals;
}

async function stream(plain: Uint8Array, codec: ArchiveCodec, jobs: number, signal?: AbortSignal): Promise<Streamed> {
  await using compressor = new BlockCompressor(codec, jobs);
  const totals: StreamTotals = { tarBytes: 0, storedBytes: 0, tarSha256: '', storedSha256: '' };
  const feed = new ChunkFeed(
    (async function* () {
      yield plain;
    })(),
  );
  const pieces: Uint8Array[] = [];
  const options = { compressor, encryptor: undefined, totals, onProgress: () => {} };
  for await (const piece of archiveStream(feed, { ...options, signal: signal ?? new AbortController().signal })) {
    pieces.push(piece.slice());
  }
  return { stored: concatBytes(pieces), totals };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('an archive stream', () => {
  it.each([
    { codec: 'zstd', jobs: 1 },
    { codec: 'zstd', jobs: 4 },
    { codec: 'gzip', jobs: 2 },
    { codec: 'none', jobs: 2 },
  ] as const)('keeps the order of blocks with $codec and $jobs threads', async ({ codec, jobs }) => {
    const plain = content(codec === 'gzip' ? 3 : 9);
    const { stored, totals } = await stream(plain, codec, jobs);
    expect(equalBytes(unpack[codec](stored), plain)).toBe(true);
    expect(totals).toEqual({
      tarBytes: plain.length,
      storedBytes: stored.length,
      tarSha256: sha256(plain),
      storedSha256: sha256(stored),
    });
  });

  it.each([0, 1, 2])('ends where the stream ends with block %i', async (blocks) => {
    const plain = randomBytes(blocks * BLOCK_BYTES);
    const { stored } = await stream(plain, 'zstd', 2);
    expect(blocks === 0 ? stored : zstdDecompressSync(stored)).toHaveLength(plain.length);
  });

  it('is the same whoever compressed its blocks', async () => {
    const plain = content(6);
    const [alone, together] = [await stream(plain, 'zstd', 1), await stream(plain, 'zstd', 3)];
    expect(equalBytes(alone.stored, together.stored)).toBe(true);
  });

  it('stops between two blocks when it is told to', async () => {
    const stop = new Error('stop');
    await expect(stream(content(3), 'zstd', 2, AbortSignal.abort(stop))).rejects.toBe(stop);
  });
});
