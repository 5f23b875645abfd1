import { mapConcurrent } from '../../base/concurrency.ts';
import type { ErrorCode } from '../../base/error-codes.ts';
import { isCairnError, messageOf } from '../../base/errors.ts';
import { readBlob } from '../../repository/blob-reader.ts';
import { objectName } from '../../repository/layout.ts';
import { ByteBudget } from '../../base/byte-budget.ts';
import { FileWay, type ContentPlan, type PackPart, type PartLimits } from './content-plan.ts';
import { TargetKind, type ContentBytes, type ContentJob, type ContentResult } from '../jobs.ts';
import { JobRecordsBuilder } from '../records/job-records.ts';
import type { PartFiles } from './part-files.ts';
import { shownPath, type RestoreRun } from '../restore-run.ts';

const MIB = 1024 * 1024;
// Small enough that two workers end at about the same time, large enough that messages cost nothing.
const LOCAL_LIMITS: PartLimits = { bytes: 4 * MIB, writes: 1024, gap: MIB };
const REMOTE_LIMITS: PartLimits = { bytes: 32 * MIB, writes: 65_536, gap: MIB };

// Fetched by the main thread and not yet written by a worker: two packs of the usual size.
const MAX_FETCHED_BYTES = 40 * MIB;

interface BuiltJob {
  readonly job: ContentJob;
  /** The plan's write behind each target. */
  readonly writes: readonly number[];
}

/** Reads every needed blob once and writes it to all its places. */
export class ContentRestore {
  readonly #run: RestoreRun;
  readonly #plan: ContentPlan;
  readonly #parts: PartFiles;
  readonly #budget = new ByteBudget(MAX_FETCHED_BYTES);

  constructor(run: RestoreRun, plan: ContentPlan, parts: PartFiles) {
    this.#run = run;
    this.#plan = plan;
    this.#parts = parts;
  }

  async run(): Promise<void> {
    const { workers, signal, repository } = this.#run;
    const { localPath, connections } = repository.storage.features;
    const isLocal = localPath !== undefined;
    const limit = isLocal ? workers.size * 2 : Math.min(4, Math.max(2, connections));
    const parts = this.#plan.parts(isLocal ? LOCAL_LIMITS : REMOTE_LIMITS);
    await mapConcurrent(parts, { limit, signal }, async (part) => {
      if (isLocal) {
        await this.#runJob(part.writes, { kind: 'pack', packNumber: part.packNumber });
        return;
      }
      using _held = await this.#budget.acquire(part.end - part.start);
      await this.#runJob(part.writes, await this.#fetch(part));
    });
  }

  async #fetch(part: PackPart): Promise<ContentBytes> {
    const { repository, index, signal } = this.#run;
    const name = objectName('pack', index.packId(part.packNumber));
    const range = { offset: part.start, length: part.end - part.start, signal };
    try {
      return { kind: 'sealed', offset: part.start, bytes: await repository.storage.read(name, range) };
    } catch {
      signal.throwIfAborted();
      // Each blob is then tried for itself, with its other copies, and the errors told from there.
      return { kind: 'sealed', offset: part.start, bytes: new Uint8Array(0) };
    }
  }

  async #runJob(writes: Iterable<number>, source: ContentBytes): Promise<void> {
    const built = this.#build(writes, source);
    if (built.writes.length === 0) return;
    const result = await this.#run.workers.run(built.job, source.kind === 'sealed' ? [source.bytes.buffer] : []);
    // A worker that was stopped says nothing of what it left out.
    this.#run.signal.throwIfAborted();
    const again = this.#account(built, result);
    for (const group of again) await this.#tryCopies(group);
    this.#run.meter.tick();
  }

  /** The job for some writes of one pack; those of files that were given up are left out. */
  #build(writes: Iterable<number>, source: ContentBytes): BuiltJob {
    const plan = this.#plan;
    const records = new JobRecordsBuilder(this.#run);
    const kept: number[] = [];
    const blobs: number[] = [];
    const firstTarget: number[] = [];
    const targets: number[] = [];
    for (const write of writes) {
      const file = plan.file(write);
      const way = plan.way(file);
      const place = way === FileWay.whole ? records.add(plan.reference(file)) : this.#parts.acquire(file);
      if (place === undefined) continue;
      if (blobs.at(-1) !== plan.blob(write)) {
        blobs.push(plan.blob(write));
        firstTarget.push(kept.length);
      }
      targets.push(targetKind(way), place, plan.offset(write));
      kept.push(write);
    }
    firstTarget.push(kept.length);
    const job: ContentJob = {
      kind: 'content',
      source,
      blobs: Uint32Array.from(blobs),
      firstTarget: Uint32Array.from(firstTarget),
      targets: Float64Array.from(targets),
      records: records.build(),
    };
    return { job, writes: kept };
  }

  /** Books a result. Returns the writes to be tried from other copies, blob by blob. */
  #account({ job, writes }: BuiltJob, result: ContentResult): number[][] {
    const { meter, problems } = this.#run;
    meter.files += result.files;
    meter.bytes += result.bytes;
    for (const { at, code, message } of result.notes) {
      const write = writes[at];
      if (write !== undefined) problems.add(this.#pathOf(write), code, message);
    }
    for (const { at, code, message } of result.failedTargets) {
      const write = writes[at];
      if (write !== undefined) this.#lose(write, code, message);
    }
    const again: number[][] = [];
    const undone = new Set<number>();
    for (const { at } of result.failedBlobs) {
      const group = writes.slice(job.firstTarget[at], job.firstTarget[at + 1]);
      for (const write of group) undone.add(write);
      again.push(group);
    }
    for (const write of writes) this.#release(write, undone.has(write) ? 0 : 1);
    return again;
  }

  #release(write: number, written: number): void {
    const file = this.#plan.file(write);
    if (this.#plan.way(file) !== FileWay.whole) this.#parts.release(file, written);
  }

  /** The blob was bad where the worker read it: read it again, from every pack that has a copy. */
  async #tryCopies(writes: readonly number[]): Promise<void> {
    const { repository, index, signal } = this.#run;
    const id = index.blobId(this.#plan.blob(writes[0] ?? 0));
    let plain: Uint8Array;
    try {
      plain = await readBlob(repository, index, 'data', id, { signal });
    } catch (error) {
      signal.throwIfAborted();
      for (const write of writes) this.#lose(write, isCairnError(error) ? error.code : 'STORAGE_IO', messageOf(error));
      return;
    }
    await this.#runJob(writes, { kind: 'plain', blobs: [plain] });
  }

  #lose(write: number, code: ErrorCode, message: string): void {
    const file = this.#plan.file(write);
    const way = this.#plan.way(file);
    if (way !== FileWay.whole) {
      const more = way === FileWay.patch ? '; the file that was there may now hold old and new parts' : '';
      this.#parts.fail(file, (path) => this.#run.problems.add(path, code, message + more));
      return;
    }
    this.#run.failed.add(this.#plan.reference(file));
    this.#run.problems.add(this.#pathOf(write), code, message);
  }

  #pathOf(write: number): string {
    return shownPath(this.#run, this.#plan.reference(this.#plan.file(write)));
  }
}

function targetKind(way: number): number {
  if (way === FileWay.whole) return TargetKind.wholeFile;
  return way === FileWay.parts ? TargetKind.newFile : TargetKind.existingFile;
}
