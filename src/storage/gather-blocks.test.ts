import { expect, it } from 'vitest';
import { gatherBlocks } from './gather-blocks.ts';

async function* chunksOf(...sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let next = 0;
  for (const size of sizes) yield Uint8Array.from({ length: size }, () => next++);
}

it.each([
  [[], []],
  [[3, 1], [[0, 1, 2, 3]]],
  [[9], [[0, 1, 2, 3], [4, 5, 6, 7], [8]]],
  [
    [1, 6, 1],
    [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ],
  ],
])('gathers chunks of %j bytes in blocks of 4', async (sizes, blocks) => {
  const gathered = gatherBlocks(chunksOf(...sizes), () => new Uint8Array(4));
  expect(await Array.fromAsync(gathered, (block) => Array.from(block))).toEqual(blocks);
});

it('takes no memory for a block before its first byte is there', async () => {
  let taken = 0;
  const take = (): Uint8Array => {
    taken++;
    return new Uint8Array(4);
  };
  await Array.fromAsync(gatherBlocks(chunksOf(4, 4), take));
  expect(taken).toBe(2);
});
