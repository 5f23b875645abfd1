import type { MixAnswer, MixTask } from './mix-task.ts';

type Mix = (lane: number, r: number, n: number, from: number, to: number) => void;

/** V8 begins with quickly made code, and goes on with fast code from the next call on. */
const STEPS_PER_CALL = 1024;

/** The work of a thread that was lent, or made, for a key derivation. It loads nothing: the compiled kernels come with the task. */
export function runMix({ module, memory, lane, lanes, r, N, done }: MixTask): void {
  const answer = (text: MixAnswer): void => done.postMessage(text);
  try {
    const kernels = new WebAssembly.Instance(module, { env: { memory } }).exports as Record<string, Mix>;
    const mix = kernels[lanes === 3 ? 'scryptMixThree' : 'scryptMix'];
    let isSlow = false;
    let started = performance.now();
    for (let step = 0; step < 2 * N; step += STEPS_PER_CALL) {
      mix?.(lane, r, N, step, Math.min(step + STEPS_PER_CALL, 2 * N));
      const now = performance.now();
      // The first half goes over new memory; its first call is in slow code.
      if (!isSlow && step > 0 && step < N && isSlowMemory(now - started, 128 * r * lanes * STEPS_PER_CALL)) {
        isSlow = true;
        answer('slow');
      }
      started = now;
    }
    answer('mixed');
  } finally {
    // Without a word before: it failed.
    done.close();
  }
}

/** Mixing takes 0.4 ms a megabyte, first touches included, and several times that where the pages are hard to find. */
const SLOW_MS_PER_BYTE = 3 / (1024 * 1024);

export function isSlowMemory(milliseconds: number, bytes: number): boolean {
  return milliseconds > bytes * SLOW_MS_PER_BYTE;
}
