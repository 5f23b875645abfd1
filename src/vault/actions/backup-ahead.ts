import type { Source } from '../../archiver/source.ts';
import { Scout } from '../../archiver/scout.ts';
import { WorkerPool } from '../../archiver/worker-pool.ts';
import { type BackupSource, openSource, type OpenSourceOptions } from './backup-source.ts';

export interface BackupAheadOptions extends OpenSourceOptions {
  readonly jobs: number | undefined;
}

/**
 * What a backup can do before its vault is open: start the worker threads, list the source and look at
 * its entries, while the key is being derived. Nothing is read or written.
 */
export class BackupAhead implements AsyncDisposable {
  readonly source: Source;
  readonly pool: WorkerPool;
  readonly scout: Scout;
  readonly #scouting: Promise<void>;

  private constructor(source: Source, jobs: number | undefined) {
    this.source = source;
    this.pool = new WorkerPool(jobs);
    this.scout = new Scout(this.pool);
    // What goes wrong here is found again, and reported, by the backup itself.
    this.#scouting = this.scout.run(source.root).catch(() => {});
  }

  /** Throws what `openSource` throws: a source that cannot be backed up needs no password. */
  static async begin(source: BackupSource, options: BackupAheadOptions): Promise<BackupAhead> {
    return new BackupAhead(await openSource(source, options), options.jobs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.scout.stop();
    await this.#scouting;
    await this.pool[Symbol.asyncDispose]();
  }
}
