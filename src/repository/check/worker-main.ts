// A worker thread of the check: owns one pack at a time, while the next one is being read.
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../base/errors.ts';
import { createCodec } from '../../kernels/codec.ts';
import { BlobIndex } from '../index/blob-index.ts';
import { LocalPacks } from './local-packs.ts';
import type { CheckPackJob, CheckPackResult, CheckWorkerSetup } from './messages.ts';
import { PackVerifier } from './verify-pack.ts';

const setup = workerData as CheckWorkerSetup;
const index = new BlobIndex(setup.index);
const verifier = new PackVerifier(createCodec(), setup.key, index, setup.blobCounts);
const packs = setup.localPath === undefined ? undefined : new LocalPacks(setup.localPath);
let last: Promise<void> = Promise.resolve();

parentPort?.on('message', (job: CheckPackJob) => {
  // Reading starts at once; checking waits for its turn.
  const bytes = load(job);
  bytes.catch(() => {});
  last = last.then(async () => send(await check(job, bytes)));
});

function send(result: CheckPackResult): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- the port of a thread has no origin
  parentPort?.postMessage(result);
}

async function load(job: CheckPackJob): Promise<Uint8Array<ArrayBuffer>> {
  if (job.bytes !== undefined) return job.bytes;
  if (packs === undefined) throw new Error('a pack came without its bytes');
  return packs.read(index.packId(job.packNumber), job.sizeBytes);
}

async function check(job: CheckPackJob, loading: Promise<Uint8Array<ArrayBuffer>>): Promise<CheckPackResult> {
  const { packNumber } = job;
  try {
    const bytes = await loading;
    let findings = verifier.verify(packNumber, bytes);
    packs?.release(bytes);
    if (findings.length > 0 && packs !== undefined) {
      // Read once more: memory or a cable may have been at fault.
      const again = await packs.read(index.packId(packNumber), job.sizeBytes);
      findings = verifier.verify(packNumber, again);
      packs.release(again);
    }
    return { packNumber, kind: 'checked', findings };
  } catch (error) {
    return { packNumber, kind: 'failed', error: messageOf(error) };
  }
}
