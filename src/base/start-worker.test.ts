import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { beginWorker, endBegunWorkers, takeWorker, type WorkerKind } from './start-worker.ts';

const mixing = (): WorkerKind => ({ module: 'kernels/scrypt-thread/worker-main', options: {} });

describe('a thread that was begun', () => {
  it('is given to who wants one of its kind, once', async () => {
    const kind = mixing();
    const begun = beginWorker(kind);
    const taken = takeWorker(kind);
    const other = takeWorker(kind);
    expect(taken).toBe(begun);
    expect(other).not.toBe(begun);
    await Promise.all([taken.terminate(), other.terminate()]);
  });

  it('is not given to who wants another kind', async () => {
    const begun = beginWorker(mixing());
    const other = takeWorker(mixing());
    expect(other).not.toBe(begun);
    await Promise.all([begun.terminate(), other.terminate()]);
  });

  it('is passed over when it has ended meanwhile', async () => {
    const kind = mixing();
    const begun = beginWorker(kind);
    await begun.terminate();
    const taken = takeWorker(kind);
    expect(taken).not.toBe(begun);
    await taken.terminate();
  });

  it('ends with the others that nobody took', async () => {
    const begun = beginWorker(mixing());
    const gone = once(begun, 'exit');
    await endBegunWorkers();
    await gone;
    expect(begun.threadId).toBe(-1);
  });
});
