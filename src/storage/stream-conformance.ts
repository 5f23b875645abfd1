import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { equalBytes, utf8 } from '../base/bytes.ts';
import type { ErrorCode } from '../base/error-codes.ts';
import { hasCode } from '../base/errors.ts';
import type { ObjectName, Storage } from './storage.ts';

/** A promise of `writeStream`, and how to see whether a storage keeps it. */
export interface StreamCase {
  readonly name: string;
  readonly body: (storage: Storage) => Promise<void>;
}

/** What `writeStream` has to do where a storage takes all names. */
export const streamCases: readonly StreamCase[] = [
  {
    name: 'stores a stream and tells its size',
    async body(storage) {
      assert.deepEqual(await storage.writeStream('archives/a', streamOf('one ', '', 'two ', 'three')), {
        sizeBytes: 13,
      });
      assert.equal(await text(storage, 'archives/a'), 'one two three');
      assert.deepEqual(await storage.stat('archives/a'), { name: 'archives/a', sizeBytes: 13 });
    },
  },
  {
    name: 'stores an empty stream',
    async body(storage) {
      assert.deepEqual(await storage.writeStream('archives/a', streamOf()), { sizeBytes: 0 });
      assert.deepEqual(await storage.stat('archives/a'), { name: 'archives/a', sizeBytes: 0 });
    },
  },
  {
    name: 'stores a long stream of chunks of all sizes that its source uses again',
    async body(storage) {
      const hash = createHash('sha256');
      const sizeBytes = 21 * 1024 * 1024 + 5;
      const chunks = patterned(sizeBytes, (chunk) => hash.update(chunk));
      assert.deepEqual(await storage.writeStream('archives/a', chunks), { sizeBytes });
      const stored = createHash('sha256').update(await storage.read('archives/a'));
      assert.equal(stored.digest('hex'), hash.digest('hex'));
    },
  },
  {
    name: 'replaces an object with a stream',
    async body(storage) {
      await storage.write('archives/a', utf8('a longer text'));
      await storage.writeStream('archives/a', streamOf('short'));
      assert.equal(await text(storage, 'archives/a'), 'short');
    },
  },
  {
    name: 'refuses to replace with a stream and ifAbsent',
    async body(storage) {
      await storage.writeStream('archives/a', streamOf('first'), { ifAbsent: true });
      const second = storage.writeStream('archives/a', streamOf('second'), { ifAbsent: true });
      await rejectsWith('OBJECT_EXISTS', second);
      assert.equal(await text(storage, 'archives/a'), 'first');
    },
  },
  {
    name: 'shows nothing of a stream before it has ended',
    async body(storage) {
      const seen: (string | undefined)[] = [];
      const look = async (): Promise<void> => {
        seen.push((await storage.stat('archives/a')) === undefined ? undefined : 'object');
        for await (const { name } of storage.list('archives/')) seen.push(name);
      };
      await storage.writeStream('archives/a', watched(12 * 1024 * 1024, look));
      assert.deepEqual(seen, [undefined]);
    },
  },
  {
    name: 'passes on the error of a stream unchanged and keeps what was there',
    async body(storage) {
      await storage.write('archives/kept', utf8('old'));
      for (const name of ['archives/kept', 'archives/new']) {
        for (const sizeBytes of [0, 10, 12 * 1024 * 1024]) {
          const failure = Object.assign(new Error('the source failed'), { code: 'ENOENT', syscall: 'open' });
          await assert.rejects(storage.writeStream(name, failing(sizeBytes, failure)), (error) => error === failure);
        }
      }
      assert.deepEqual(await names(storage), ['archives/kept']);
      assert.equal(await text(storage, 'archives/kept'), 'old');
    },
  },
  {
    name: 'stops a stream with the reason of an aborted signal, also while its source is silent',
    async body(storage) {
      for (const sizeBytes of [0, 10, 12 * 1024 * 1024]) {
        const stop = new AbortController();
        const reason = new Error('enough');
        const source = silent(sizeBytes, () => stop.abort(reason));
        const writing = storage.writeStream('archives/a', source, { signal: stop.signal });
        await assert.rejects(writing, (error) => error === reason);
      }
      assert.deepEqual(await names(storage), []);
    },
  },
  {
    name: 'ends the source of a stream that it gives up',
    async body(storage) {
      const stop = new AbortController();
      let isEnded = false;
      const source = async function* (): AsyncGenerator<Uint8Array> {
        try {
          for (let chunk = 1; ; chunk++) {
            if (chunk === 3) stop.abort(new Error('enough'));
            yield utf8('x'.repeat(1000));
          }
        } finally {
          await Promise.resolve();
          isEnded = true;
        }
      };
      await assert.rejects(storage.writeStream('archives/a', source(), { signal: stop.signal }));
      assert.ok(isEnded, 'the source was left open');
      await rejectsWith('OBJECT_NAME_INVALID', storage.writeStream('../x', streamOf('x')));
    },
  },
  {
    name: 'stores several streams at once, and serves others meanwhile',
    async body(storage) {
      await storage.write('archives/source', new Uint8Array(200_000).fill(7));
      const copy = async function* (): AsyncGenerator<Uint8Array> {
        for (let offset = 0; offset < 200_000; offset += 50_000) {
          yield await storage.read('archives/source', { offset, length: 50_000 });
        }
      };
      const targets = ['archives/a', 'archives/b', 'archives/c'];
      await Promise.all(targets.map((name) => storage.writeStream(name, copy())));
      const original = await storage.read('archives/source');
      for (const name of targets) assert.ok(equalBytes(await storage.read(name), original), 'content differs');
    },
  },
];

async function* streamOf(...chunks: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield utf8(chunk);
}

/** So many bytes in chunks of many sizes, all in the same memory. */
async function* patterned(sizeBytes: number, tell: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  const memory = new Uint8Array(3 * 1024 * 1024);
  const sizes = [1, 65_536, 16, 1_048_577, 64_000, 3 * 1024 * 1024];
  let left = sizeBytes;
  for (let index = 0; left > 0; index++) {
    const chunk = memory.subarray(0, Math.min(left, sizes[index % sizes.length] ?? 1));
    for (let at = 0; at < chunk.length; at += 61) chunk[at] = (at + index * 7) & 255;
    tell(chunk);
    left -= chunk.length;
    yield chunk;
    memory.fill(0);
  }
}

/** Calls `look` after the last chunk. */
async function* watched(sizeBytes: number, look: () => Promise<void>): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(sizeBytes);
  await look();
}

async function* failing(sizeBytes: number, failure: Error): AsyncGenerator<Uint8Array> {
  if (sizeBytes > 0) yield new Uint8Array(sizeBytes);
  throw failure;
}

/** Says nothing any more after so many bytes. */
async function* silent(sizeBytes: number, onSilence: () => void): AsyncGenerator<Uint8Array> {
  if (sizeBytes > 0) yield new Uint8Array(sizeBytes);
  setTimeout(onSilence, 1);
  await new Promise(() => {});
}

async function text(storage: Storage, name: ObjectName): Promise<string> {
  return Buffer.from(await storage.read(name)).toString();
}

async function names(storage: Storage): Promise<string[]> {
  return (await Array.fromAsync(storage.list(''), ({ name }) => name)).toSorted();
}

async function rejectsWith(code: ErrorCode, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => hasCode(error, code));
}
