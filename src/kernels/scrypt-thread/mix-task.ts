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
  /** Is told when it is done. */
  readonly done: MessagePort;
}
