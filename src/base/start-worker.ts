import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { getEnvironmentData, setEnvironmentData, Worker, type WorkerOptions } from 'node:worker_threads';
import { endingLate } from './ending-late.ts';
import { packageFile, runsFromSource } from './package-files.ts';

/**
 * Starts a worker thread with the main module at this path below `src/`, without its extension. Built, that module is
 * one file with all that the thread needs (scripts/bundle.ts): a thread loads its modules anew, and files are what costs.
 */
export function startWorker(module: string, options: WorkerOptions = {}): Worker {
  const url = packageFile(runsFromSource ? `${module}.ts` : `bundle/${module.replaceAll('/', '-')}.js`);
  const started = new Int32Array(new SharedArrayBuffer(4));
  setEnvironmentData(STARTED_KEY, started);
  return endingLate(new Worker(url, { env: workerEnvironment(), ...options }), started);
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
