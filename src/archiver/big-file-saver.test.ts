import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../base/bytes.ts';
import { ID_SIZE } from '../base/ids.ts';
import { BigFileSaver } from './big-file-saver.ts';
import type { SegmentResult, SegmentTask, TaskDone } from './worker/messages.ts';
import type { TaskRunner } from './worker-pool.ts';

// Files of hundreds of megabytes as a model: one byte stands for a block of 64 KiB, and the chunker works
// like the real ones: a cut depends on a few bytes before it and on the distance to the chunk's start.
const BLOCK = 64 * 1024;
const MIN_BLOCKS = 8;
const NORMAL_BLOCKS = 16;
const MAX_BLOCKS = 128;
const SEGMENT_BYTES = 64 * 1024 * 1024;
const SEGMENT_BLOCKS = SEGMENT_BYTES / BLOCK;

function cut(blocks: Uint8Array, start: number): number {
  const end = Math.min(blocks.length, start + MAX_BLOCKS);
  for (let at = start + MIN_BLOCKS; at < end; at++) {
    const hash = (blocks[at - 1] ?? 0) * 31 + (blocks[at - 2] ?? 0) * 17 + (blocks[at - 3] ?? 0) * 7;
    if (hash % (at - start < NORMAL_BLOCKS ? 32 : 8) === 0) return at;
  }
  return end;
}

/** "Hash" of a chunk: where it lies and what it holds. */
function idOf(blocks: Uint8Array, start: number, end: number): Uint8Array {
  const id = Buffer.alloc(ID_SIZE);
  id.writeUInt32LE(start, 0);
  id.writeUInt32LE(end, 4);
  id.writeUInt32LE(crc32(blocks.subarray(start, end)), 8);
  return id;
}

/** What one worker alone makes of the file. */
function sequential(blocks: Uint8Array): Uint8Array {
  const ids: Uint8Array[] = [];
  for (let start = 0; start < blocks.length;) {
    const end = cut(blocks, start);
    ids.push(idOf(blocks, start, end));
    start = end;
  }
  return concatBytes(ids);
}

/** The rules of `SegmentTask`. */
function cutSegment(task: SegmentTask, blocks: Uint8Array): SegmentResult {
  const stops = [...task.stops];
  const starts: number[] = [];
  const ids: Uint8Array[] = [];
  let at = task.start / BLOCK;
  let stopped = -1;
  while (at < blocks.length && at * BLOCK < task.end && stopped < 0) {
    stopped = stops.indexOf(at * BLOCK);
    if (stopped >= 0) break;
    const end = cut(blocks, at);
    if (at * BLOCK >= task.start + task.skipBytes) {
      starts.push(at * BLOCK);
      ids.push(idOf(blocks, at, end));
    }
    at = end;
  }
  const next = at * BLOCK;
  const atEnd = stopped < 0 && at >= blocks.length;
  return {
    kind: 'segment',
    starts: Float64Array.from([...starts, next]),
    ids: concatBytes(ids),
    next,
    stopped,
    atEnd,
  };
}

/** Runs segments at once; the n-th task sees the file as `fileAt(n)` has it. */
class FakePool implements TaskRunner {
  readonly tasks: { readonly task: SegmentTask; readonly urgent: boolean }[] = [];
  readonly #fileAt: (taskNumber: number) => Uint8Array;

  constructor(fileAt: (taskNumber: number) => Uint8Array) {
    this.#fileAt = fileAt;
  }

  async ready(): Promise<void> {}

  async run(task: SegmentTask, { urgent }: { urgent: boolean }): Promise<TaskDone> {
    const number = this.tasks.push({ task, urgent });
    await Promise.resolve();
    const blobs = { dataBlobs: 0, dataAdded: 0, dataAddedPacked: 0 };
    return { kind: 'done', blobs, result: cutSegment(task, this.#fileAt(number - 1)) };
  }
}

interface Saved {
  readonly content: Uint8Array;
  readonly sizeBytes: number;
  readonly pool: FakePool;
  readonly countedBytes: number;
}

async function save(sizeBlocks: number, fileAt: (taskNumber: number) => Uint8Array): Promise<Saved> {
  const pool = new FakePool(fileAt);
  let countedBytes = 0;
  const saver = new BigFileSaver(pool, (_, bytes) => (countedBytes += bytes));
  const saved = await saver.save(utf8('/file'), sizeBlocks * BLOCK, undefined);
  return { ...saved, pool, countedBytes };
}

function noiseOf(seed: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = seed | 1;
  for (let i = 0; i < size; i++) {
    state = Math.imul(state, 1_664_525) + 1_013_904_223;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

const anySize = fc.oneof(
  fc.integer({ min: SEGMENT_BLOCKS, max: 7 * SEGMENT_BLOCKS }),
  fc.integer({ min: 1, max: 7 }).map((count) => count * SEGMENT_BLOCKS),
  fc
    .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: -130, max: 130 }))
    .map(([n, d]) => n * SEGMENT_BLOCKS + d + 130),
);

/** Noise, one byte over and over, a repeated pattern, and noise with long runs of one byte. */
const anyContent: fc.Arbitrary<(size: number) => Uint8Array> = fc.oneof(
  fc.integer().map((seed) => (size: number) => noiseOf(seed, size)),
  fc.nat({ max: 255 }).map((byte) => (size: number) => new Uint8Array(size).fill(byte)),
  fc.uint8Array({ minLength: 2, maxLength: 400 }).map((pattern) => (size: number) => {
    return Uint8Array.from({ length: size }, (_, i) => pattern[i % pattern.length] ?? 0);
  }),
  fc
    .tuple(fc.integer(), fc.nat({ max: 255 }), fc.integer({ min: 1, max: 12 }))
    .map(([seed, byte, runs]) => (size: number) => {
      const bytes = noiseOf(seed, size);
      for (let i = 0; i < runs; i++) {
        const at = (Math.imul(seed | 1, i + 7) >>> 0) % size;
        bytes.fill(byte, at, at + ((i * 397) % 1500));
      }
      return bytes;
    }),
);

describe('BigFileSaver', () => {
  it('cuts as one sequential pass would, whatever the file holds', async () => {
    await fc.assert(
      fc.asyncProperty(anySize, anyContent, async (size, contentOf) => {
        const blocks = contentOf(size);
        const saved = await save(size, () => blocks);
        expect(Buffer.from(saved.content).equals(sequential(blocks))).toBe(true);
        expect(saved.sizeBytes).toBe(size * BLOCK);
      }),
      { numRuns: 300 },
    );
  });

  it('saves a file that grew before it was read up to its new end', async () => {
    await fc.assert(
      fc.asyncProperty(anySize, fc.integer({ min: 1, max: 3000 }), fc.integer(), async (size, more, seed) => {
        const blocks = noiseOf(seed, size + more);
        const saved = await save(size, () => blocks);
        expect(Buffer.from(saved.content).equals(sequential(blocks))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('saves a file that shrank before it was read up to its new end', async () => {
    await fc.assert(
      fc.asyncProperty(anySize, fc.double({ min: 0, max: 1, noNaN: true }), fc.integer(), async (size, share, seed) => {
        const blocks = noiseOf(seed, Math.floor(size * share));
        const saved = await save(size, () => blocks);
        expect(Buffer.from(saved.content).equals(sequential(blocks))).toBe(true);
        expect(saved.sizeBytes).toBe(blocks.length * BLOCK);
      }),
      { numRuns: 100 },
    );
  });

  it('gives chunks without gap or overlap, of the size it tells, from a file that changes all the time', async () => {
    const version = fc.tuple(fc.integer({ min: 0, max: 4 }), fc.double({ min: 0, max: 1.2, noNaN: true }));
    await fc.assert(
      fc.asyncProperty(anySize, fc.array(version, { minLength: 1, maxLength: 20 }), async (size, versions) => {
        const saved = await save(size, (number) => {
          const [seed, share] = versions[number % versions.length] ?? [0, 1];
          return noiseOf(seed, Math.floor(size * share));
        });
        const view = Buffer.from(saved.content);
        let next = 0;
        for (let at = 0; at < view.length; at += ID_SIZE) {
          expect(view.readUInt32LE(at)).toBe(next);
          next = view.readUInt32LE(at + 4);
        }
        expect(saved.sizeBytes).toBe(next * BLOCK);
      }),
      { numRuns: 300 },
    );
  });

  it('lets bridges overtake the segments that wait', async () => {
    const blocks = noiseOf(5, 3 * SEGMENT_BLOCKS);
    const { pool } = await save(blocks.length, () => blocks);
    const bridges = pool.tasks.filter(({ task }) => task.start % SEGMENT_BYTES !== 0);
    expect(bridges.length).toBeGreaterThan(0);
    expect(bridges.every(({ urgent }) => urgent)).toBe(true);
    expect(pool.tasks.filter(({ urgent }) => !urgent)).toHaveLength(3);
  });

  it('counts each byte once', async () => {
    const blocks = noiseOf(6, 3 * SEGMENT_BLOCKS + 77);
    const { countedBytes } = await save(blocks.length, () => blocks);
    expect(countedBytes).toBe(blocks.length * BLOCK);
  });

  it('fails when a segment fails', async () => {
    const blocks = noiseOf(7, 4 * SEGMENT_BLOCKS);
    const failing = save(blocks.length, (number) => {
      if (number >= 1) throw new Error('cannot read');
      return blocks;
    });
    await expect(failing).rejects.toThrow('cannot read');
  });
});
