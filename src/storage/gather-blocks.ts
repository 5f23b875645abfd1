/**
 * The same bytes in blocks, each as long as the memory that `take` gives for it, the last one shorter; no block where there
 * are no bytes. `take` is called when the first byte of block `index` (from 0) is there, and waited for. Chunks are copied, so that
 * small ones cost no more than large ones and none is looked at once the next one is asked for.
 */
export async function* gatherBlocks(
  chunks: AsyncIterable<Uint8Array>,
  take: (index: number) => Uint8Array | Promise<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let block: Uint8Array | undefined;
  let filled = 0;
  let index = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      block ??= await take(index++);
      const count = Math.min(block.length - filled, chunk.length - at);
      block.set(chunk.subarray(at, at + count), filled);
      at += count;
      filled += count;
      if (filled < block.length) continue;
      yield block;
      block = undefined;
      filled = 0;
    }
  }
  if (block !== undefined) yield block.subarray(0, filled);
}
