// A worker thread that compresses blocks of an archive until it is ended. It never returns to its event loop, because
// waiting in the ring wakes up sooner.
import { workerData } from 'node:worker_threads';
import { announceStarted } from '../../base/start-worker.ts';
import { BlockRing } from './block-ring.ts';
import { BlockPacker } from './compress-block.ts';
import type { CompressSetup } from './messages.ts';

// SAFETY: only `BlockCompressor` starts this thread, with a setup of this type.
const setup: CompressSetup = workerData;
const ring = new BlockRing(setup.ring);
const packer = new BlockPacker(setup.codec);

announceStarted();

for (;;) {
  const block = ring.waitAndClaim();
  ring.finish(block, packer.pack(block));
}
