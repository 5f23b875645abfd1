import type { Worker } from 'node:worker_threads';

/** A thread that says nothing for so long is ended all the same. */
const START_MS = 5000;

/**
 * A thread that is ended while it binds native functions takes the whole process with it: koffi cannot throw in a
 * thread that is going away, and aborts. So `terminate` waits until the thread has loaded its modules, and `started[0]` is 1.
 */
export function endingLate(worker: Worker, started: Int32Array): Worker {
  const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const terminate = worker.terminate.bind(worker);
  worker.terminate = async () => {
    const wait = Atomics.waitAsync(started, 0, 0, START_MS);
    if (wait.async) await Promise.race([wait.value, gone]);
    return terminate();
  };
  return worker;
}
