import { randomBytes } from 'node:crypto';
import type { BlockBlobClient } from '@azure/storage-blob';
import { mapConcurrent } from '../../../base/concurrency.ts';
import { hasCode } from '../../../base/errors.ts';
import { ChunkSource } from '../../chunk-source.ts';
import { gatherBlocks } from '../../gather-blocks.ts';
import { runOnce } from '../../run-once.ts';
import type { ObjectName, WriteStreamOptions, WrittenStream } from '../../storage.ts';
import { PartMemory, streamPartBytes } from '../part-memory.ts';
import type { AzureRequest } from './azure-patience.ts';

export interface AzureStream {
  readonly name: ObjectName;
  readonly options: WriteStreamOptions;
  readonly connections: number;
  /** Makes requests, and says in our words what is refused. */
  readonly run: <T>(signal: AbortSignal, work: (abort: AzureRequest) => Promise<T>) => Promise<T>;
}

/**
 * Stages the blocks of a stream and commits them at the end. Azure throws away by itself, after a week, what was staged
 * and never committed; it can be neither listed nor removed before (REST reference, "Put Block").
 */
export async function writeAzureStream(
  blob: BlockBlobClient,
  chunks: AsyncIterable<Uint8Array>,
  { name, options, connections, run }: AzureStream,
): Promise<WrittenStream> {
  const { perRequest = runOnce } = options;
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const source = new ChunkSource(chunks, signal);
  const memory = new PartMemory(signal);
  const blocks = gatherBlocks(source, (index) => memory.take(streamPartBytes(index)));
  // Two streams to one name must not take each other's blocks.
  const stream = randomBytes(8).toString('hex');
  const ids = await mapConcurrent(blocks, { limit: connections, signal }, async (block, index) => {
    // All ids of a blob have to be of one length.
    const id = Buffer.from(`${stream}-${String(index).padStart(6, '0')}`).toString('base64');
    const what = `write part ${index + 1} of ${name}`;
    try {
      await perRequest({ what, signal }, () => run(signal, (abort) => blob.stageBlock(id, block, block.length, abort)));
    } catch (error) {
      // Whoever waits for the next chunk, or for room, waits no longer.
      stop.abort(error);
      throw error;
    }
    memory.release(block);
    return id;
  });
  let tries = 0;
  await perRequest({ what: `write ${name}`, signal }, async () => {
    tries++;
    try {
      await run(signal, (abort) => blob.commitBlockList(ids, { ...abort, ...conditionOf(options) }));
    } catch (error) {
      // Carried out before, and only the answer was lost?
      if (tries === 1 || !hasCode(error, 'OBJECT_EXISTS')) throw error;
      const list = await run(signal, (abort) => blob.getBlockList('committed', abort));
      if (list.committedBlocks?.map((block) => block.name).join() !== ids.join()) throw error;
    }
  });
  return { sizeBytes: source.sizeBytes };
}

function conditionOf({ ifAbsent }: WriteStreamOptions): { readonly conditions?: { readonly ifNoneMatch: string } } {
  return ifAbsent === true ? { conditions: { ifNoneMatch: '*' } } : {};
}
