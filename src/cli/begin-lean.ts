import { setFlagsFromString } from 'node:v8';

/** As in small-heaps.ts: flags set while threads load make V8 refuse the compiled code that they come with. */
const AFTER_START_MS = 200;
const PAYS_FROM_MS = 5000;

/**
 * Leaves V8's last and costliest compiler out of the first seconds, for commands that begin their threads at once. In runs of
 * a second or two it takes a tenth of the processor time, for the same few functions in each thread, and the code that the one before
 * makes is nearly as fast; what is hot later is compiled then.
 *
 * Nothing of its collector may be left out as well: without marking in steps the threads that compile wait for a collection by the main
 * thread, and for ever where that is ending.
 */
export function beginLean(): void {
  setTimeout(() => {
    setFlagsFromString('--no-turbofan');
    setTimeout(() => setFlagsFromString('--turbofan'), PAYS_FROM_MS).unref();
  }, AFTER_START_MS).unref();
}
