import type { Worker } from 'node:worker_threads';
import { CairnError } from '../../base/errors.ts';
import { startWorker } from '../../base/start-worker.ts';
import type { Codec } from '../../kernels/codec.ts';
import type { UnfilledPack } from '../pack-filler.ts';
import { BlobCopier } from './blob-copier.ts';
import type { CopierSetup, CopyAnswer, CopyJob, FromCopyWorker, ToCopyWorker } from './messages.ts';

/** Where the work of a copy is done that takes a processor. */
export interface CopyLanes extends AsyncDisposable {
  /** Jobs that make progress at once. */
  readonly size: number;
  copy(job: CopyJob): Promise<CopyAnswer>;
  /** The packs that are not full. Only while nothing else runs. */
  flush(): Promise<UnfilledPack[]>;
  /** Takes memory of a stored pack for the next one. */
  recycle(buffer: ArrayBuffer): void;
}

/** On the main thread: starting others takes longer than a small copy. */
export function inlineLanes(codec: Codec, setup: CopierSetup): CopyLanes {
  const copier = new BlobCopier(codec, setup);
  return {
    size: 1,
    copy: async (job) => copier.copy(job),
    flush: async () => {
      const open = copier.flush();
      return open === undefined ? [] : [open];
    },
    recycle: (buffer) => copier.addSpare(buffer),
    [Symbol.asyncDispose]: async () => {},
  };
}

interface Lane {
  readonly worker: Worker;
  readonly waiting: PromiseWithResolvers<FromCopyWorker>[];
}

/** In worker threads. */
export class WorkerLanes implements CopyLanes {
  readonly size: number;
  readonly #lanes: readonly Lane[];
  readonly #spares: ArrayBuffer[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(setup: CopierSetup, workers: number) {
    this.size = workers;
    this.#lanes = Array.from({ length: workers }, () => this.#start(setup));
  }

  async copy(job: CopyJob): Promise<CopyAnswer> {
    const lane = this.#lanes.reduce((best, one) => (one.waiting.length < best.waiting.length ? one : best));
    const spare = this.#spares.pop();
    const transfer = [
      ...(spare === undefined ? [] : [spare]),
      ...(job.kind === 'sealed' ? [job.bytes.buffer, job.ids.buffer] : []),
    ];
    const answer = await this.#ask(lane, { kind: 'job', job, spare }, transfer);
    if (answer.kind !== 'copied') throw new CairnError('INTERNAL', `a thread of the copy answered ${answer.kind}`);
    return answer.answer;
  }

  async flush(): Promise<UnfilledPack[]> {
    const answers = await Promise.all(this.#lanes.map((lane) => this.#ask(lane, { kind: 'flush' }, [])));
    return answers.flatMap((answer) => (answer.kind === 'flushed' && answer.open !== undefined ? [answer.open] : []));
  }

  recycle(buffer: ArrayBuffer): void {
    if (this.#spares.length < this.#lanes.length) this.#spares.push(buffer);
    // At once: the collector does not see how much there is behind a small object.
    else buffer.transfer(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(new CairnError('ABORTED', 'the copy was stopped'));
    await Promise.all(this.#lanes.map(({ worker }) => worker.terminate()));
  }

  #start(setup: CopierSetup): Lane {
    const worker = startWorker('repository/copy/worker-main', {
      workerData: setup,
      // Nearly all its memory is outside of the heap; a small young generation keeps it that way.
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    const lane: Lane = { worker, waiting: [] };
    worker.on('message', (message: FromCopyWorker) => {
      if (message.kind === 'failed') this.#fail(errorOf(message));
      else lane.waiting.shift()?.resolve(message);
    });
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', () =>
      this.#fail(new CairnError('INTERNAL', 'a thread of the copy ended before its work was done')),
    );
    return lane;
  }

  async #ask(lane: Lane, message: ToCopyWorker, transfer: readonly ArrayBuffer[]): Promise<FromCopyWorker> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const answer = Promise.withResolvers<FromCopyWorker>();
    lane.waiting.push(answer);
    lane.worker.postMessage(message, transfer);
    return await answer.promise;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { waiting } of this.#lanes) {
      for (const answer of waiting.splice(0)) answer.reject(this.#failure.error);
    }
  }
}

function errorOf({ code, message, hint }: Extract<FromCopyWorker, { readonly kind: 'failed' }>): Error {
  if (code === undefined) return new Error(message);
  return new CairnError(code, message, hint === undefined ? {} : { hint });
}
