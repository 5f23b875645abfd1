import { randomBytes } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../base/bytes.ts';
import { decompressed } from './decompress.ts';

const plain = concatBytes([randomBytes(100_000), new Uint8Array(200_000)]);
const packers = { zstd: zstdCompressSync, gzip: gzipSync } as const;

interface Result {
  readonly bytes: Uint8Array;
  /** Whether all of the input was asked for: it is hashed on the way. */
  readonly isAllRead: boolean;
}

async function decompress(input: Uint8Array, pieceSize: number): Promise<Result> {
  let isAllRead = false;
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < input.length; at += pieceSize) yield input.subarray(at, at + pieceSize);
    isAllRead = true;
  };
  const bytes: Uint8Array[] = [];
  for await (const chunk of decompressed(pieces(), () => {})) bytes.push(Uint8Array.from(chunk));
  return { bytes: concatBytes(bytes), isAllRead };
}

async function* failingAfter(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
  throw new Error('the line is down');
}

/** A zstd frame that says nothing (RFC 8878 §3.1.2), as parallel compressors write. */
const skippable = Uint8Array.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);

describe.each(['zstd', 'gzip'] as const)('%s', (codec) => {
  const one = packers[codec](plain);

  it.each([100, 65_536, 1_000_000_000])('of several pieces is all of them, fed %i bytes at a time', async (size) => {
    const { bytes, isAllRead } = await decompress(concatBytes([one, one, packers[codec](Buffer.from('x')), one]), size);
    expect(bytes.length).toBe(3 * plain.length + 1);
    expect(Buffer.compare(bytes, concatBytes([plain, plain, Buffer.from('x'), plain]))).toBe(0);
    expect(isAllRead).toBe(true);
  });

  it.each([1, 100, 50_000])('without its last %i bytes is damaged', async (missing) => {
    const cut = concatBytes([one, one.subarray(0, one.length - missing)]);
    await expect(decompress(cut, 1_000_000)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' });
  });

  it.each([5, 65_536, 1_000_000])('with something else behind it is damaged, fed %i bytes at a time', async (size) => {
    for (const behind of [Buffer.from('something else'), concatBytes([new Uint8Array(600), Buffer.from('x')])]) {
      const input = concatBytes([packers[codec](Buffer.from('x')), behind]);
      await expect(decompress(input, size)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' });
    }
  });

  it('passes on what its input throws', async () => {
    const running = Array.fromAsync(decompressed(failingAfter(one.subarray(0, 50_000)), () => {}));
    await expect(running).rejects.toThrow('the line is down');
  });

  it('that nobody wants any more stops its input', async () => {
    let isStopped = false;
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield one;
      } finally {
        isStopped = true;
      }
    };
    for await (const _ of decompressed(endless(), () => {})) break;
    expect(isStopped).toBe(true);
  });
});

it('zeros behind gzip, such as fill up a block of a tape, are skipped and read', async () => {
  const { bytes, isAllRead } = await decompress(concatBytes([gzipSync(plain), new Uint8Array(300_000)]), 65_536);
  expect(bytes.length).toBe(plain.length);
  expect(isAllRead).toBe(true);
});

it('zstd with frames that hold nothing is what the others hold', async () => {
  const one = zstdCompressSync(plain);
  const { bytes } = await decompress(concatBytes([skippable, one, skippable, skippable, one, skippable]), 1_000_000);
  expect(bytes.length).toBe(2 * plain.length);
});
