// A worker thread of the check: verifies one pack after the other, each while it is being read.
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../base/errors.ts';
import { createCodec } from '../../kernels/codec.ts';
import { BlobIndex } from '../index/blob-index.ts';
import type { Finding } from './finding.ts';
import { LocalPacks } from './local-packs.ts';
import type { CheckPackJob, CheckWorkerSetup, FromCheckWorker, ToCheckWorker } from './messages.ts';
import { PackVerifier, verifyAtOnce } from './verify-pack.ts';
import { PieceVerifier } from './verify-pieces.ts';
import { announceStarted } from '../../base/start-worker.ts';

// SAFETY: only `pack-check.ts` starts this thread, with a setup of this type.
const setup: CheckWorkerSetup = workerData;
const index = new BlobIndex(setup.index);
const codec = createCodec();
const verifier = new PackVerifier(codec, setup.key, index, setup.blobCounts);
const pieces = new PieceVerifier(codec, setup.key, index, setup.blobCounts);
const packs = setup.localPath === undefined ? undefined : new LocalPacks(setup.localPath);
let last: Promise<void> = Promise.resolve();

parentPort?.on('message', (message: ToCheckWorker) => {
  last = last.then(async () => send(await check(message)));
});

function send(result: FromCheckWorker): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- the port of a thread has no origin
  parentPort?.postMessage(result);
}

async function check(message: ToCheckWorker): Promise<FromCheckWorker> {
  const { id, job } = message;
  try {
    if (message.kind === 'pack') return { id, kind: 'checked', findings: await verify(message.job) };
    const { packNumber, piece, bytes } = message.job;
    return { id, kind: 'looked-at', isGood: pieces.verify(packNumber, piece, bytes) };
  } catch (error) {
    return { id, kind: 'failed', error: messageOf(error) };
  } finally {
    // Given back at once: left to the garbage collector, hundreds of megabytes would pile up.
    job.bytes?.buffer.transfer(0);
  }
}

async function verify({ packNumber, sizeBytes, bytes }: CheckPackJob): Promise<readonly Finding[]> {
  pieces.drop(packNumber);
  if (bytes !== undefined) return verifyAtOnce(verifier, packNumber, bytes);
  const findings = await verifyLocal(packNumber, sizeBytes);
  // Read once more before it is told: memory or a cable may have been at fault.
  return findings.length === 0 ? findings : verifyLocal(packNumber, sizeBytes);
}

async function verifyLocal(packNumber: number, sizeBytes: number): Promise<readonly Finding[]> {
  if (packs === undefined) throw new Error('a pack came without its bytes');
  return await packs.read(index.packId(packNumber), sizeBytes, async (pack) => {
    const steps = verifier.verify(packNumber, pack.bytes);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      const arrival = pack.arrival(step.value);
      if (arrival !== undefined) await arrival;
    }
  });
}

announceStarted();
