// A worker thread of a prune: copies blobs into new packs, and hands these to the main thread.
import { parentPort, workerData } from 'node:worker_threads';
import { isCairnError, messageOf } from '../../base/errors.ts';
import { createCodec } from '../../kernels/codec.ts';
import { BlobIndex } from '../index/blob-index.ts';
import { BlobCopier } from './blob-copier.ts';
import type { FromRepackWorker, RepackWorkerSetup, ToRepackWorker } from './messages.ts';
import { announceStarted } from '../../base/start-worker.ts';

// SAFETY: only `RepackPool` starts this thread, with a setup of this type.
const setup: RepackWorkerSetup = workerData;
const copier = new BlobCopier(createCodec(), setup.key, new BlobIndex(setup.index), setup.rules, (pack, buffer) =>
  send({ kind: 'pack', pack, buffer }, [buffer.buffer]),
);

parentPort?.on('message', (message: ToRepackWorker) => {
  try {
    receive(message);
  } catch (error) {
    send({ kind: 'failed', code: isCairnError(error) ? error.code : undefined, message: messageOf(error) });
  }
});

function receive(message: ToRepackWorker): void {
  switch (message.kind) {
    case 'copy':
      send({ kind: 'copied', job: message.job, damaged: copier.copy(message.copy), isOpen: copier.isOpen });
      // Nobody else has them, and a collection may be long in coming: its heap is small.
      message.copy.bytes.buffer.transfer(0);
      return;
    case 'flush':
      flush(message.job);
      return;
    default:
      message satisfies never;
  }
}

function flush(job: number): void {
  const leftovers = copier.flush();
  send(
    { kind: 'flushed', job, leftovers },
    leftovers.map(({ buffer }) => buffer.buffer),
  );
}

function send(message: FromRepackWorker, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

announceStarted();
