// A worker thread of the copy: verifies blobs and seals them again into packs, which the main thread stores.
import { parentPort, workerData } from 'node:worker_threads';
import { isCairnError, messageOf } from '../../base/errors.ts';
import { createCodec } from '../../kernels/codec.ts';
import { BlobCopier } from './blob-copier.ts';
import type { CopierSetup, FromCopyWorker, ToCopyWorker } from './messages.ts';
import { announceStarted } from '../../base/start-worker.ts';

// SAFETY: only the lanes of a copy start this thread, with a setup of this type.
const setup: CopierSetup = workerData;
const copier = new BlobCopier(createCodec(), setup);

parentPort?.on('message', (message: ToCopyWorker) => {
  try {
    receive(message);
  } catch (error) {
    const known = isCairnError(error) ? error : undefined;
    send({ kind: 'failed', code: known?.code, message: messageOf(error), hint: known?.hint });
  }
});

function receive(message: ToCopyWorker): void {
  switch (message.kind) {
    case 'job': {
      if (message.spare !== undefined) copier.addSpare(message.spare);
      const answer = copier.copy(message.job);
      // At once: the collector does not see how much there is behind a small object.
      if (message.job.kind === 'sealed') message.job.bytes.buffer.transfer(0);
      send(
        { kind: 'copied', answer },
        answer.packs.map(({ buffer }) => buffer.buffer),
      );
      return;
    }
    case 'flush': {
      const open = copier.flush();
      send({ kind: 'flushed', open }, open === undefined ? [] : [open.buffer.buffer]);
      return;
    }
    default:
      message satisfies never;
  }
}

function send(message: FromCopyWorker, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

announceStarted();
