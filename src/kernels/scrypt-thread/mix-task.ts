import type { MessagePort } from 'node:worker_threads';

/** One call of the kernel `scryptMix`, or `scryptMixThree`, over a memory that two threads share. */
export interface MixTask {
  readonly kind: 'mix';
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly lane: number;
  readonly lanes: 1 | 3;
  readonly r: number;
  readonly N: number;
  /** Takes `MixAnswer`s, and is closed after the last. */
  readonly done: MessagePort;
}

/** `slow`: the memory is slow to touch for the first time. */
export type MixAnswer = 'slow' | 'mixed';
