// A worker thread that compresses blocks of an archive.
import { parentPort, workerData } from 'node:worker_threads';
import { announceStarted } from '../../base/start-worker.ts';
import { createCodec } from '../../kernels/codec.ts';
import { compressBlock } from './compress-block.ts';
import type { CompressAnswer, CompressSetup, CompressTask } from './messages.ts';

const setup = workerData as CompressSetup;
const codec = createCodec();

parentPort?.on('message', ({ block, size }: CompressTask) => {
  const memory = setup.blocks[block];
  if (memory === undefined) throw new Error(`there is no block ${block}`);
  const answer: CompressAnswer = { block, size: compressBlock(setup.codec, codec, memory, size) };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- the port of a thread has no origin
  parentPort?.postMessage(answer);
});

announceStarted();
