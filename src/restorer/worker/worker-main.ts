// The worker thread of a restore: takes jobs in order and answers each with one message.
import { parentPort } from 'node:worker_threads';
import { isCairnError, messageOf } from '../../base/errors.ts';
import { runMix } from '../../kernels/scrypt-thread/run-mix.ts';
import type { FromWorker, Job, JobResult, ToWorker } from '../jobs.ts';
import { runContentJob } from './run-content-job.ts';
import { runCompareJob, runEntriesJob } from './run-entry-jobs.ts';
import { runTreeJob } from './run-tree-job.ts';
import { createWorkerContext, createWorkerTools, type WorkerContext } from './worker-context.ts';
import { announceStarted } from '../../base/start-worker.ts';

// While the main thread still loads the index.
const tools = createWorkerTools();
let context: WorkerContext | undefined;

parentPort?.on('message', (message: ToWorker) => {
  if (message.kind === 'setup') {
    context = createWorkerContext(tools, message.setup);
    return;
  }
  if (message.kind === 'end') {
    context?.[Symbol.dispose]();
    parentPort?.close();
    return;
  }
  if (message.kind === 'mix') {
    runMix(message);
    return;
  }
  const result = attempt(message.job);
  free(message.job);
  const answer: FromWorker = { id: message.id, result };
  parentPort?.postMessage(answer, result.kind === 'tree' ? [result.records] : []);
});

/** Gives fetched bytes back at once: left to the garbage collector, hundreds of megabytes would pile up. */
function free(job: Job): void {
  if (job.kind === 'content' && job.source.kind === 'sealed') job.source.bytes.buffer.transfer(0);
}

function attempt(job: Job): JobResult {
  try {
    if (context === undefined) throw new Error('a job came before the setup');
    return run(context, job);
  } catch (error) {
    const known = isCairnError(error) ? error : undefined;
    return { kind: 'fatal', code: known?.code ?? 'RESTORE_FAILED', message: messageOf(error), hint: known?.hint };
  }
}

function run(context: WorkerContext, job: Job): JobResult {
  switch (job.kind) {
    case 'tree':
      return runTreeJob(context, job);
    case 'content':
      return runContentJob(context, job);
    case 'entries':
      return runEntriesJob(context, job);
    case 'compare':
      return runCompareJob(context, job);
    default:
      return job satisfies never;
  }
}

announceStarted();
