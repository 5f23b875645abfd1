import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createCodec, SEAL_OVERHEAD, type SealKey } from '../kernels/codec.ts';
import { BlobBatch, type SealedBlob } from './blob-batch.ts';

const codec = createCodec();
const key: SealKey = {
  encrypt: new Uint8Array(32).fill(1),
  macK: new Uint8Array(16).fill(2),
  macR: new Uint8Array(16).fill(3),
};

function sealed(plain: Uint8Array, id: Uint8Array = createHash('sha256').update(plain).digest()): SealedBlob {
  const bytes = new Uint8Array(plain.length + SEAL_OVERHEAD);
  codec.sealInto(key, plain, bytes);
  return { sealed: bytes, id, uncompressedLength: 0 };
}

function compressed(plain: Uint8Array): SealedBlob {
  const frame = new Uint8Array(plain.length + 64);
  const size = codec.compressInto(plain, frame, 3);
  return {
    ...sealed(frame.subarray(0, size), createHash('sha256').update(plain).digest()),
    uncompressedLength: plain.length,
  };
}

const text = (value: string): Buffer => Buffer.from(value.repeat(100));

function outcome(batch: BlobBatch<string>): Record<string, string> {
  return Object.fromEntries(
    batch
      .take()
      .map((blob) => [
        blob.label,
        'plain' in blob
          ? Buffer.from(blob.plain).toString().slice(0, 5)
          : String((blob.error as { code?: string }).code),
      ]),
  );
}

describe('BlobBatch', () => {
  it('gives each blob its own content, compressed or not', () => {
    const batch = new BlobBatch<string>(codec, key);
    batch.add('a', sealed(text('alpha')));
    batch.add('b', compressed(text('bravo')));
    batch.add('c', sealed(text('charl')));
    expect(outcome(batch)).toEqual({ a: 'alpha', b: 'bravo', c: 'charl' });
  });

  it('names what is wrong with a blob, and the others are as good', () => {
    const batch = new BlobBatch<string>(codec, key);
    const broken = sealed(text('broke'));
    broken.sealed[20] = (broken.sealed[20] ?? 0) ^ 1;
    batch.add('broken', broken);
    batch.add('a', sealed(text('alpha')));
    batch.add('another', sealed(text('other'), new Uint8Array(32)));
    batch.add('no zstd', { ...sealed(text('plain')), uncompressedLength: 500 });
    batch.add('b', sealed(text('bravo')));
    expect(outcome(batch)).toEqual({
      broken: 'SEAL_BROKEN',
      a: 'alpha',
      another: 'BLOB_CORRUPT',
      'no zstd': 'COMPRESSION_INVALID',
      b: 'bravo',
    });
  });

  it('takes a recorded size for which there is no memory for a fault of that blob alone', () => {
    const batch = new BlobBatch<string>(codec, key);
    batch.add('huge', { ...sealed(text('alpha')), uncompressedLength: Number.MAX_SAFE_INTEGER });
    batch.add('a', sealed(text('alpha')));
    const [huge, good] = batch.take();
    expect(huge).toMatchObject({ label: 'huge', error: expect.any(RangeError) });
    expect(good).toMatchObject({ label: 'a', plain: new Uint8Array(text('alpha')) });
  });

  it('holds no more after a blob that was larger than it usually holds', () => {
    const batch = new BlobBatch<string>(codec, key);
    batch.add('large', sealed(Buffer.alloc(6 * 1024 * 1024)));
    batch.take();
    const medium = sealed(Buffer.alloc(3 * 1024 * 1024));
    batch.add('medium', medium);
    expect(batch.hasRoomFor(medium)).toBe(false);
  });
});
