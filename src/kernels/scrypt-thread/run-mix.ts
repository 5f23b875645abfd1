import type { MixTask } from './mix-task.ts';

type Mix = (lane: number, r: number, n: number, from: number, to: number) => void;

/** V8 begins with quickly made code, and goes on with fast code from the next call on. */
const STEPS_PER_CALL = 1024;

/** The work of a thread that was lent, or made, for a key derivation. It loads nothing: the compiled kernels come with the task. */
export function runMix({ module, memory, lane, lanes, r, N, done }: MixTask): void {
  try {
    const kernels = new WebAssembly.Instance(module, { env: { memory } }).exports as Record<string, Mix>;
    const mix = kernels[lanes === 3 ? 'scryptMixThree' : 'scryptMix'];
    for (let step = 0; step < 2 * N; step += STEPS_PER_CALL)
      mix?.(lane, r, N, step, Math.min(step + STEPS_PER_CALL, 2 * N));
    done.postMessage('mixed');
  } finally {
    // Without a word before: it failed.
    done.close();
  }
}
