import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../base/bytes.ts';
import { NOTHING_BEGUN } from './group-digests.ts';
import { LeafBatcher, type LeafReport, type SavedRun } from './leaf-batcher.ts';
import { leafRuns, type LeafNames } from './leaf-runs.ts';
import type { LeafRun, LeafRunResult, LeafTask, TaskDone } from './worker/messages.ts';
import type { TaskQueue, TaskRunner } from './worker-pool.ts';

/** A pool that answers each task with what `answer` makes of its runs, one turn later. */
class FakePool implements TaskRunner, TaskQueue {
  readonly tasks: LeafTask[] = [];
  readonly #answer: (run: LeafRun) => LeafRunResult;
  failure: Error | undefined;
  hasBacklog = false;

  constructor(answer: (run: LeafRun) => LeafRunResult) {
    this.#answer = answer;
  }

  async run(task: LeafTask): Promise<TaskDone> {
    this.tasks.push(task);
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    const stats = { filesNew: 0, filesChanged: 0, filesUnmodified: 0, bytes: 0 };
    return {
      kind: 'done',
      blobs: { dataBlobs: 0, dataAdded: 0, dataAddedPacked: 0 },
      result: { kind: 'leaves', runs: task.runs.map(this.#answer), stats, problems: [] },
    };
  }

  async ready(): Promise<void> {}
}

/** Does the first `most` names of a run; their "nodes" are the names themselves. */
function doSome(most: number): (run: LeafRun) => LeafRunResult {
  return ({ names, groups, begun }) => {
    let end = 0;
    for (let count = 0; count < most && end < names.length; count++) end = names.indexOf(0, end) + 1;
    const done = names.slice(0, end);
    const rest = end === names.length ? undefined : { names: names.slice(end), groups, begun };
    return { parts: end === 0 ? [] : [done], rest, digests: done };
  };
}

function batcherOver(pool: FakePool, onReport: (report: LeafReport) => void = () => {}): LeafBatcher {
  return new LeafBatcher(pool, onReport);
}

function runsOf(count: number): LeafNames[] {
  return leafRuns(
    Array.from({ length: count }, (_, i) => ({ kind: 'leaf', key: String(i).padStart(5, '0'), isFile: true })),
  );
}

const addAll = (batcher: LeafBatcher, directory: string, count: number): Promise<SavedRun>[] =>
  runsOf(count).map((run) =>
    batcher.add({ ...run, directory: utf8(directory), begun: NOTHING_BEGUN, parent: undefined }, run.count),
  );

async function savedNames(runs: readonly Promise<SavedRun>[]): Promise<string> {
  const saved = await Promise.all(runs);
  return Buffer.from(concatBytes(saved.flatMap(({ parts }) => parts as Uint8Array[]))).toString();
}

const allNames = (count: number): string =>
  Buffer.from(concatBytes(runsOf(count).map(({ names }) => names))).toString();

describe('LeafBatcher', () => {
  it('gives the nodes of a directory in the order of its names, however much a worker gives back', async () => {
    const counts = fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(counts, fc.integer({ min: 1, max: 70 }), async (sizes, most) => {
        const batcher = batcherOver(new FakePool(doSome(most)));
        const directories = sizes.map((size, i) => ({ size, runs: addAll(batcher, `/d${i}`, size) }));
        batcher.flush();
        for (const { size, runs } of directories) expect(await savedNames(runs)).toBe(allNames(size));
      }),
      { numRuns: 50 },
    );
  });

  it('puts the digests of a run together that took several tasks', async () => {
    const batcher = batcherOver(new FakePool(doSome(2)));
    const [run] = addAll(batcher, '/a', 5);
    batcher.flush();
    expect(String(Buffer.from((await run)?.digests ?? []))).toBe(allNames(5));
  });

  it('gives no digests of a run of which one task gave none', async () => {
    const some = doSome(2);
    const batcher = batcherOver(
      new FakePool((run) => (run.names.length > 6 ? some(run) : { ...some(run), digests: undefined })),
    );
    const [run] = addAll(batcher, '/a', 3);
    batcher.flush();
    expect((await run)?.digests).toBeUndefined();
  });

  it('puts small directories into one task', () => {
    const pool = new FakePool(doSome(100));
    const batcher = batcherOver(pool);
    for (let i = 0; i < 10; i++) void addAll(batcher, `/d${i}`, 2);
    batcher.flush();
    expect(pool.tasks.map(({ runs }) => runs.length)).toEqual([10]);
  });

  it('puts more into a task while tasks wait for a worker', () => {
    const pool = new FakePool(doSome(1000));
    const batcher = batcherOver(pool);
    void addAll(batcher, '/a', 150);
    const sentAtOnce = pool.tasks.length;
    pool.hasBacklog = true;
    void addAll(batcher, '/b', 150);
    expect([sentAtOnce, pool.tasks.length]).toEqual([2, 2]);
  });

  it('sends what is added until the next turn together', async () => {
    const pool = new FakePool(doSome(100));
    const batcher = batcherOver(pool);
    const runs = ['/a', '/b', '/c'].flatMap((directory) => {
      const added = addAll(batcher, directory, 2);
      batcher.flushSoon();
      return added;
    });
    expect(pool.tasks).toEqual([]);
    await Promise.all(runs);
    expect(pool.tasks.map((task) => task.runs.length)).toEqual([3]);
  });

  it('reports each task once', async () => {
    const reports: string[] = [];
    const batcher = batcherOver(new FakePool(doSome(100)), ({ directory }) =>
      reports.push(String(Buffer.from(directory))),
    );
    const runs = [...addAll(batcher, '/a', 1), ...addAll(batcher, '/b', 1)];
    batcher.flush();
    await Promise.all(runs);
    expect(reports).toEqual(['/b']);
  });

  it('rejects all runs of a task that fails', async () => {
    const pool = new FakePool(doSome(100));
    const batcher = batcherOver(pool);
    const runs = [...addAll(batcher, '/a', 1), ...addAll(batcher, '/b', 1)];
    pool.failure = new Error('the pool has failed');
    batcher.flush();
    expect((await Promise.allSettled(runs)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('rejects a run whose rest fails', async () => {
    const pool: FakePool = new FakePool((run) => {
      pool.failure = new Error('the pool has failed');
      return doSome(1)(run);
    });
    const batcher = batcherOver(pool);
    const [run] = addAll(batcher, '/a', 2);
    batcher.flush();
    await expect(run).rejects.toThrow('the pool has failed');
  });
});
