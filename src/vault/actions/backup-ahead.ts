import type { Source } from '../../archiver/source.ts';
import { Scout } from '../../archiver/scout.ts';
import { remembersBackups } from '../../archiver/source-memory.ts';
import { WorkerPool } from '../../archiver/worker-pool.ts';
import { type BackupSource, openSource, type OpenSourceOptions } from './backup-source.ts';

export interface BackupAheadOptions extends OpenSourceOptions {
  readonly jobs: number | undefined;
  /** Where backups remember what they saw; `undefined` = they do not. */
  readonly memoryFolder: string | undefined;
  /** Every file will be read. */
  readonly force: boolean;
}

type AheadOfSource = Pick<BackupAheadOptions, 'jobs' | 'memoryFolder' | 'force'>;

/**
 * What a backup can do before its vault is open, while the key is being derived: list the source, and look at its
 * entries. Where all of it will have to be read, as on a machine without any backup yet, the worker threads start
 * instead. Nothing is read or written.
 */
export class BackupAhead implements AsyncDisposable {
  readonly source: Source;
  readonly pool: WorkerPool;
  readonly scout: Scout;
  readonly #scouting: Promise<void>;

  private constructor(source: Source, jobs: number | undefined, readsAll: boolean) {
    this.source = source;
    this.pool = new WorkerPool(jobs);
    if (readsAll) this.pool.start();
    this.scout = new Scout(this.pool);
    // What goes wrong here is found again, and reported, by the backup itself.
    this.#scouting = this.scout.run(source.root, readsAll ? 'list' : 'look').catch(() => {});
  }

  /** Throws what `openSource` throws: a source that cannot be backed up needs no password. */
  static async begin(source: BackupSource, options: BackupAheadOptions): Promise<BackupAhead> {
    return BackupAhead.of(await openSource(source, options), options);
  }

  /** With a source that is open already. */
  static async of(source: Source, { jobs, memoryFolder, force }: AheadOfSource): Promise<BackupAhead> {
    const readsAll = force || !(await remembersBackups(memoryFolder));
    return new BackupAhead(source, jobs, readsAll);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.scout.stop();
    await this.#scouting;
    await this.pool[Symbol.asyncDispose]();
  }
}
