import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { endingLate } from './ending-late.ts';

/** A thread that runs `code`, in which `started` is the shared array. */
function thread(code: string): { readonly worker: Worker; readonly started: Int32Array } {
  const started = new Int32Array(new SharedArrayBuffer(4));
  const prelude = `const started = require('node:worker_threads').workerData;`;
  const worker = new Worker(prelude + code, { eval: true, workerData: started });
  return { worker: endingLate(worker, started), started };
}

describe('a thread that ends late', () => {
  it('is not ended before it has loaded', async () => {
    const { worker, started } = thread(`
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      Atomics.store(started, 0, 1);
      Atomics.notify(started, 0);
      setInterval(() => {}, 1000);`);
    await worker.terminate();
    expect(started[0]).toBe(1);
  });

  it('that ended before it loaded is not waited for', async () => {
    const { worker, started } = thread('process.exit(3);');
    await worker.terminate();
    expect(started[0]).toBe(0);
    // Less than it would wait for a thread that lives and says nothing.
  }, 4000);
});
