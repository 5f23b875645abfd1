import { mapConcurrent } from '../../base/concurrency.ts';
import type { ErrorCode } from '../../base/error-codes.ts';
import { isCairnError, messageOf } from '../../base/errors.ts';
import { ArrivingPieces, type ArrivedPiece } from '../../repository/arriving-pieces.ts';
import { readBlob } from '../../repository/blob-reader.ts';
import { blobSize } from '../../repository/blob-size.ts';
import { objectName } from '../../repository/layout.ts';
import type { OnBytes } from '../../storage/storage.ts';
import { ByteBudget } from '../../base/byte-budget.ts';
import { FileWay, type ContentPlan, type PackPart, type PartLimits } from './content-plan.ts';
import { TargetKind, type ContentBytes, type ContentJob, type ContentResult } from '../jobs.ts';
import { JobRecordsBuilder } from '../records/job-records.ts';
import type { PartFiles } from './part-files.ts';
import { shownPath, type RestoreRun } from '../restore-run.ts';

const MIB = 1024 * 1024;
// Small enough that two workers end at about the same time, large enough that messages cost nothing.
const LOCAL_LIMITS: PartLimits = { bytes: 4 * MIB, writes: 1024, gap: MIB };
// One request each.
const REMOTE_LIMITS: PartLimits = { bytes: 32 * MIB, writes: 65_536, gap: MIB };

// Fetched by the main thread and not yet written by a worker: two packs of the usual size.
const MAX_FETCHED_BYTES = 40 * MIB;
// Where packs come in pieces: one for each connection that is being filled, and some that wait for a worker.
const PIECE_LIMITS: PartLimits = { bytes: 2 * MIB, writes: 1024, gap: MIB };
const MAX_PIECES_BYTES = 24 * MIB;
// Read again, blob by blob, because they were damaged: a largest one, or many.
const MAX_AGAIN_BYTES = 8 * MIB;

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
  readonly #againBudget = new ByteBudget(MAX_AGAIN_BYTES);

  constructor(run: RestoreRun, plan: ContentPlan, parts: PartFiles) {
    this.#run = run;
    this.#plan = plan;
    this.#parts = parts;
  }

  async run(): Promise<void> {
    const { workers, signal, repository } = this.#run;
    const { localPath, connections, handsOver } = repository.storage.features;
    if (localPath !== undefined) {
      await mapConcurrent(this.#plan.parts(LOCAL_LIMITS), { limit: workers.size * 2, signal }, (part) =>
        this.#runJob(part.writes, { kind: 'pack', packNumber: part.packNumber }),
      );
      return;
    }
    const parts = this.#plan.parts(REMOTE_LIMITS);
    if (handsOver === true) {
      await this.#runPieces(parts, Math.max(2, connections));
      return;
    }
    await mapConcurrent(parts, { limit: Math.min(4, Math.max(2, connections)), signal }, async (part) => {
      using _held = await this.#budget.acquire(part.end - part.start);
      await this.#runJob(part.writes, await this.#fetch(part));
    });
  }

  /** Work on what has come of a part begins while the rest is on its way; the next part begins when all has come. */
  async #runPieces(parts: Iterable<PackPart>, limit: number): Promise<void> {
    const { signal } = this.#run;
    const running = new Set<Promise<void>>();
    let failure: { readonly error: unknown } | undefined;
    const budget = new ByteBudget(MAX_PIECES_BYTES);
    const deliver = ({ piece, bytes, held }: ArrivedPiece<PackPart>): void => {
      const run = this.#runJob(piece.writes, { kind: 'sealed', offset: piece.start, bytes }, held)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => running.delete(run));
      running.add(run);
    };
    try {
      await mapConcurrent(parts, { limit, signal }, async (part) => {
        if (failure !== undefined) throw failure.error;
        const pieces = [...this.#plan.pieces(part, PIECE_LIMITS)];
        using arriving = new ArrivingPieces(pieces, budget, deliver);
        await this.#receive(part, arriving);
        for (const { writes, start } of arriving.missing) {
          await this.#runJob(writes, { kind: 'sealed', offset: start, bytes: new Uint8Array(0) });
        }
      });
    } finally {
      await Promise.all(running);
    }
    if (failure !== undefined) throw failure.error;
  }

  async #receive(part: PackPart, arriving: ArrivingPieces<PackPart>): Promise<void> {
    const { repository, index, signal } = this.#run;
    const name = objectName('pack', index.packId(part.packNumber));
    const onBytes: OnBytes = (bytes, position) => arriving.take(bytes, position);
    try {
      const range = { offset: part.start, length: part.end - part.start, onBytes, signal };
      const bytes = await repository.storage.read(name, range);
      await arriving.take(bytes, part.start);
    } catch {
      // Each blob that did not come is then tried for itself, with its other copies, and the errors told from there.
      signal.throwIfAborted();
    }
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

  /**
   * `held` is given back when the worker has used the bytes: what then is read again waits for a connection, and those wait for memory
   * while they hand bytes over.
   */
  async #runJob(writes: Iterable<number>, source: ContentBytes, held?: Disposable): Promise<void> {
    let built: BuiltJob;
    let result: ContentResult;
    try {
      built = this.#build(writes, source);
      if (built.writes.length === 0) return;
      result = await this.#run.workers.run(built.job, source.kind === 'sealed' ? [source.bytes.buffer] : []);
    } finally {
      held?.[Symbol.dispose]();
    }
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
    const record = this.#plan.blob(writes[0] ?? 0);
    const id = index.blobId(record);
    using _held = await this.#againBudget.acquire(blobSize(index.location(record)));
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
