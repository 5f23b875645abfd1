import { expect, it, vi } from 'vitest';
import { openStreamSource } from '../../sources/stdin/stream-source.ts';
import { BlockCompressor } from './block-compressor.ts';
import { makeArchive } from './make-archive.ts';

/** Never comes to its end by itself, and cannot be closed. */
const stubborn = (): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]: () => ({
    next: () => Promise.resolve({ done: false, value: new Uint8Array(1024 * 1024) }),
    return: () => Promise.reject(new Error('cannot be closed')),
  }),
});

it('ends its threads also where its stream cannot be closed', async () => {
  const end = vi.spyOn(BlockCompressor.prototype, Symbol.asyncDispose);
  const archive = await makeArchive(openStreamSource({ name: 'a', open: stubborn, sizeBytes: 2 ** 40 }), {
    name: 'a',
    time: new Date(),
    codec: 'zstd',
    encryptTo: undefined,
    program: 'test',
    jobs: 1,
    signal: new AbortController().signal,
    onProblem: () => {},
    onProgress: () => {},
  });
  for await (const _ of archive.chunks) break;
  await expect(archive[Symbol.asyncDispose]()).rejects.toThrow('cannot be closed');
  expect(end).toHaveBeenCalledOnce();
  await end.mock.results[0]?.value;
  vi.restoreAllMocks();
});
