import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import { createStreamRing, StreamRingReader, StreamRingWriter, type StreamRing } from './stream-ring.ts';

const SLOT_BYTES = 1024 * 1024;
const neverAborted = (): void => {};

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Whether a read would not block: slots are used in turn, so one that is filled is the reader's next. */
function isReadable(ring: StreamRing): boolean {
  return new Int32Array(ring.states).some((state) => state !== 0);
}

/** Writes the parts and reads them in this one thread; `readSizes` are used in turn. */
async function carry(parts: readonly Uint8Array[], readSizes: readonly number[]): Promise<Uint8Array> {
  const ring = createStreamRing();
  const reader = new StreamRingReader(ring, neverAborted);
  const writer = new StreamRingWriter(ring);
  const written = (async () => {
    for (const part of parts) await writer.write(part);
    await writer.end();
  })();
  const taken: Uint8Array[] = [];
  for (let turn = 0; ;) {
    await settle();
    while (isReadable(ring)) {
      const target = new Uint8Array(readSizes[turn++ % readSizes.length] ?? 1);
      const count = reader.read(target);
      if (count === 0) {
        await written;
        expect(reader.read(target)).toBe(0);
        return concatBytes(taken);
      }
      taken.push(target.subarray(0, count));
    }
  }
}

const noise = new Uint8Array(randomBytes(9 * SLOT_BYTES));

describe('the stream ring', () => {
  it('carries the same bytes, however they are written and read', async () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 3 * SLOT_BYTES }), fc.constant(SLOT_BYTES)), {
      maxLength: 6,
    });
    const readSizes = fc.array(fc.integer({ min: 20_000, max: 2 * SLOT_BYTES }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(sizes, readSizes, async (writes, reads) => {
        const parts: Uint8Array[] = [];
        let at = 0;
        for (const size of writes) parts.push(noise.subarray(at, (at = Math.min(at + size, noise.length))));
        const read = await carry(parts, reads);
        expect(equalBytes(read, noise.subarray(0, at))).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  it('carries single bytes', async () => {
    const parts = Array.from({ length: 300 }, (_, i) => noise.subarray(i, i + 1));
    expect(equalBytes(await carry(parts, [1]), noise.subarray(0, 300))).toBe(true);
  });

  it('carries an empty stream', async () => {
    expect(await carry([], [10])).toHaveLength(0);
  });

  it('makes the writer wait when the reader has fallen behind', async () => {
    const ring = createStreamRing();
    const writer = new StreamRingWriter(ring);
    let isDone = false;
    const written = writer.write(noise.subarray(0, 5 * SLOT_BYTES)).then(() => (isDone = true));
    await settle();
    expect(isDone).toBe(false);
    new StreamRingReader(ring, neverAborted).read(new Uint8Array(SLOT_BYTES));
    await written;
    expect(isDone).toBe(true);
  });

  it('tells the reader that the stream broke, never that it ended', async () => {
    const ring = createStreamRing();
    const writer = new StreamRingWriter(ring);
    await writer.write(noise.subarray(0, SLOT_BYTES + 10));
    await writer.fail();
    const reader = new StreamRingReader(ring, neverAborted);
    expect(reader.read(new Uint8Array(SLOT_BYTES))).toBe(SLOT_BYTES);
    expect(() => reader.read(new Uint8Array(10))).toThrow(expect.objectContaining({ code: 'ABORTED' }));
  });

  it.each([4 * SLOT_BYTES, 4 * SLOT_BYTES - 5])(
    'ends a writer of %i bytes that waits when the reader is gone',
    async (size) => {
      const writer = new StreamRingWriter(createStreamRing());
      await writer.write(noise.subarray(0, size));
      const ended = writer.end();
      await settle();
      writer.giveUp(new Error('the storage is full'));
      await expect(ended).rejects.toThrow('the storage is full');
      await expect(writer.write(noise.subarray(0, 1))).rejects.toThrow('the storage is full');
    },
  );

  it('ends a waiting reader when the run is stopped', () => {
    const reader = new StreamRingReader(createStreamRing(), () => {
      throw new CairnError('ABORTED', 'stopped');
    });
    expect(() => reader.read(new Uint8Array(10))).toThrow(expect.objectContaining({ code: 'ABORTED' }));
  });
});
