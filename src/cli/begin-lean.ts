import { setFlagsFromString } from 'node:v8';

/** As in small-heaps.ts: flags set while threads load make V8 refuse the compiled code that they come with. */
const AFTER_START_MS = 200;
const PAYS_FROM_MS = 5000;

/** V8's last compiler, and looking for garbage of the old generation beside the work, in small steps. */
const FOR_LONG_RUNS = ['turbofan', 'incremental-marking'] as const;

/**
 * Leaves out of the first seconds what V8 does for programs that run long, in commands that begin their threads at once. In runs of
 * a second or two its last compiler takes a tenth of the processor time, for the same few functions in each thread, and the code
 * that the one before makes is nearly as fast. What marks the old generation in the background takes a thirtieth more: it begins as soon as a heap
 * has grown at all, and finds that all of it is in use. What is hot, or garbage, after that is dealt with then.
 */
export function beginLean(): void {
  setTimeout(() => {
    for (const what of FOR_LONG_RUNS) setFlagsFromString(`--no-${what}`);
    setTimeout(() => {
      for (const what of FOR_LONG_RUNS) setFlagsFromString(`--${what}`);
    }, PAYS_FROM_MS).unref();
  }, AFTER_START_MS).unref();
}
