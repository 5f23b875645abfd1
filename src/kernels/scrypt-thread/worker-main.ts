// A thread that mixes for one key derivation. It loads next to nothing: the compiled kernels and their memory come with
// the task.
import { parentPort } from 'node:worker_threads';
import { announceStarted } from '../../base/start-worker.ts';
import type { MixTask } from './mix-task.ts';

type Mix = (lane: number, r: number, n: number, from: number, to: number) => void;

/** V8 begins with quickly made code, and goes on with fast code from the next call on. */
const STEPS_PER_CALL = 1024;

parentPort?.on('message', ({ module, memory, lane, lanes, r, N }: MixTask) => {
  const kernels = new WebAssembly.Instance(module, { env: { memory } }).exports as Record<string, Mix>;
  const mix = kernels[lanes === 3 ? 'scryptMixThree' : 'scryptMix'];
  for (let step = 0; step < 2 * N; step += STEPS_PER_CALL)
    mix?.(lane, r, N, step, Math.min(step + STEPS_PER_CALL, 2 * N));
  parentPort?.postMessage('mixed');
});

announceStarted();
