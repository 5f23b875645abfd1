import { readBlob } from '../../repository/blob-reader.ts';
import { utf8Lossy } from '../../base/bytes.ts';
import type { JobFailure, TreeJob, TreeResult } from '../jobs.ts';
import type { RecordReader } from '../records/entry-record.ts';
import type { RestoreRun } from '../restore-run.ts';

const MAX_TREES_PER_JOB = 64;
// Trees fetched by the main thread are held in memory until a worker has decoded them.
const MAX_FETCHED_PER_JOB = 8;

export interface TreeVisitor {
  /** One entry of a directory. Calls `descend` for the directories it wants to see. */
  visit(directory: number, reference: number, record: RecordReader): void;
  /** All entries of the directory were visited; `complete` is false if some could not be read. */
  leave(directory: number, complete: boolean): void;
}

interface PendingTree {
  readonly directory: number;
  /** Record of the tree blob in the index. */
  readonly blob: number;
}

/** Walks the trees of a snapshot: workers decode them, the visitor sees every entry, parents before children. */
export class TreeWalk {
  readonly #run: RestoreRun;
  readonly #visitor: TreeVisitor;
  readonly #pending: PendingTree[] = [];
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(run: RestoreRun, visitor: TreeVisitor) {
    this.#run = run;
    this.#visitor = visitor;
  }

  /** Asks to see the entries of a directory; `blob` is the record of its tree in the index. */
  descend(directory: number, blob: number): void {
    this.#pending.push({ directory, blob });
  }

  /** Ends when every directory asked for was seen. Throws what ends the run. */
  async finish(): Promise<void> {
    const { workers, signal } = this.#run;
    const limit = workers.size * 2;
    while (this.#failure === undefined && (this.#pending.length > 0 || this.#running.size > 0)) {
      signal.throwIfAborted();
      while (this.#pending.length > 0 && this.#running.size < limit) this.#start(this.#nextBatch(limit));
      await Promise.race(this.#running);
    }
    await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Few trees at a time while there are few, so that all workers have some. */
  #nextBatch(limit: number): PendingTree[] {
    const most = this.#fetches ? MAX_FETCHED_PER_JOB : MAX_TREES_PER_JOB;
    const size = Math.min(most, Math.ceil(this.#pending.length / limit));
    // The newest first: depth before breadth keeps the list of what is pending short.
    return this.#pending.splice(-size);
  }

  get #fetches(): boolean {
    return this.#run.repository.storage.features.localPath === undefined;
  }

  #start(batch: readonly PendingTree[]): void {
    const work = (async () => {
      try {
        await this.#decode(batch, this.#fetches);
      } catch (error) {
        this.#failure ??= { error };
      }
    })();
    this.#running.add(work);
    void work.then(() => this.#running.delete(work));
  }

  async #decode(batch: readonly PendingTree[], fetch: boolean): Promise<void> {
    const wanted: PendingTree[] = [];
    const plain: Uint8Array[] = [];
    for (const tree of batch) {
      const bytes = fetch ? await this.#fetch(tree) : undefined;
      if (fetch && bytes === undefined) continue;
      wanted.push(tree);
      if (bytes !== undefined) plain.push(bytes);
    }
    if (wanted.length === 0) return;
    const job: TreeJob = {
      kind: 'tree',
      directories: wanted.map(({ directory }) => directory),
      blobs: wanted.map(({ blob }) => blob),
      plain: fetch ? plain : undefined,
    };
    const result = await this.#run.workers.run(job);
    this.#visitAll(wanted, result);
    if (result.failed.length > 0) await this.#retry(wanted, result.failed, fetch);
  }

  /** A worker reads one copy of a tree only; the main thread knows the others. */
  async #retry(batch: readonly PendingTree[], failed: readonly JobFailure[], fetched: boolean): Promise<void> {
    const again: PendingTree[] = [];
    for (const { at, code, message } of failed) {
      const tree = batch[at];
      if (tree === undefined) continue;
      if (!fetched) again.push(tree);
      else this.#lost(tree, (path) => this.#run.problems.add(path, code, message));
    }
    if (again.length > 0) await this.#decode(again, true);
  }

  async #fetch(tree: PendingTree): Promise<Uint8Array | undefined> {
    const { repository, index, signal } = this.#run;
    try {
      return await readBlob(repository, index, 'tree', index.blobId(tree.blob), { signal });
    } catch (error) {
      signal.throwIfAborted();
      this.#lost(tree, (path) => this.#run.problems.addError(path, error));
      return undefined;
    }
  }

  #lost(tree: PendingTree, report: (path: string) => void): void {
    report(`/${utf8Lossy(this.#run.directories.path(tree.directory))}`);
    this.#visitor.leave(tree.directory, false);
  }

  #visitAll(batch: readonly PendingTree[], result: TreeResult): void {
    const incomplete = new Set<number>();
    for (const { at, code, message } of result.refused) {
      const directory = batch[at]?.directory ?? 0;
      incomplete.add(directory);
      this.#run.problems.add(`/${utf8Lossy(this.#run.directories.path(directory))}`, code, message);
    }
    const base = this.#run.store.add(new Uint8Array(result.records));
    for (let i = 0; i + 2 < result.spans.length; i += 3) {
      const directory = result.spans[i] ?? 0;
      const end = base + (result.spans[i + 2] ?? 0);
      for (let reference = base + (result.spans[i + 1] ?? 0); reference < end;) {
        const record = this.#run.store.at(reference);
        const { size } = record;
        this.#visitor.visit(directory, reference, record);
        reference += size;
      }
      this.#visitor.leave(directory, !incomplete.has(directory));
    }
    this.#run.meter.tick();
  }
}
