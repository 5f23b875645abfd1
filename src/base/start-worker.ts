import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { getEnvironmentData, setEnvironmentData, Worker, type WorkerOptions } from 'node:worker_threads';
import { endingLate } from './ending-late.ts';
import { packageFile, runsFromSource } from './package-files.ts';

/** What the threads of one kind run, and how each of them is started. */
export interface WorkerKind {
  readonly module: string;
  readonly options: WorkerOptions;
}

const flags = new WeakMap<Worker, Int32Array>();
const begun = new Map<WorkerKind, Worker[]>();

/**
 * Starts a thread that somebody will soon take (`takeWorker`), so that it loads while the rest of the program does. It
 * has no part in how long the process lives until it is taken.
 */
export function beginWorker(kind: WorkerKind): Worker {
  const worker = startWorker(kind.module, kind.options);
  // A thread that cannot run is found out by whoever takes the next one.
  worker.on('error', ignore);
  worker.unref();
  begun.set(kind, [...(begun.get(kind) ?? []), worker]);
  return worker;
}

/** A thread of this kind: one that was begun, or else a new one. */
export function takeWorker(kind: WorkerKind): Worker {
  for (let worker = begun.get(kind)?.shift(); worker !== undefined; worker = begun.get(kind)?.shift()) {
    if (worker.threadId === GONE) continue;
    worker.off('error', ignore);
    worker.ref();
    return worker;
  }
  return startWorker(kind.module, kind.options);
}

/** Ends the threads that nobody took, for those who are about to end the process. */
export async function endBegunWorkers(): Promise<void> {
  const workers = [...begun.values()].flat();
  begun.clear();
  for (const worker of workers) worker.ref();
  await Promise.all(workers.map((worker) => worker.terminate()));
}

/** What `threadId` is once a thread has ended. */
const GONE = -1;

function ignore(): void {}

/**
 * Starts a worker thread with the main module at this path below `src/`, without its extension. Built, that module is
 * one file with all that the thread needs (scripts/bundle.ts): a thread loads its modules anew, and files are what costs.
 */
export function startWorker(module: string, options: WorkerOptions = {}): Worker {
  const url = packageFile(runsFromSource ? `${module}.ts` : `bundle/${module.replaceAll('/', '-')}.js`);
  const started = new Int32Array(new SharedArrayBuffer(4));
  setEnvironmentData(STARTED_KEY, started);
  const worker = endingLate(new Worker(url, { env: workerEnvironment(), ...options }), started);
  flags.set(worker, started);
  return worker;
}

/** Whether a thread has loaded its modules and said so (`announceStarted`). */
export function hasStarted(worker: Worker): boolean {
  const started = flags.get(worker);
  return started !== undefined && Atomics.load(started, 0) === 1;
}

const STARTED_KEY = 'cairn.started';

/** Said by a thread that uses native functions, once its modules are loaded. */
export function announceStarted(): void {
  const started: unknown = getEnvironmentData(STARTED_KEY);
  if (!(started instanceof Int32Array)) return;
  Atomics.store(started, 0, 1);
  Atomics.notify(started, 0);
}

/** Threads do not take over the compile cache of the process, but each reads the variable. */
function workerEnvironment(): NodeJS.ProcessEnv {
  const folder = getCompileCacheDir();
  // Node keeps one folder per version in the one that it is given.
  return folder === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: dirname(folder) };
}
