import type { Source } from '../../archiver/source.ts';
import { Scout } from '../../archiver/scout.ts';
import { remembersBackups } from '../../archiver/source-memory.ts';
import { WorkerPool } from '../../archiver/worker-pool.ts';
import { isDerivingAhead } from '../../kernels/scrypt-ahead.ts';
import { beginScryptThread } from '../../kernels/scrypt-thread/scrypt-thread.ts';
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
  readonly #ending = Promise.withResolvers<void>();

  private constructor(source: Source, jobs: number | undefined, readsAll: boolean) {
    this.source = source;
    this.pool = new WorkerPool(jobs);
    this.scout = new Scout(this.pool);
    // What goes wrong here is found again, and reported, by the backup itself.
    this.#scouting = this.#scoutFor(readsAll).catch(() => {});
  }

  async #scoutFor(readsAll: boolean): Promise<void> {
    if (readsAll) this.pool.start();
    // Looking at the source is work for this thread, so another one mixes the key. That takes longest, so it is first.
    else if (!isDerivingAhead()) await Promise.race([beginScryptThread()?.mixing, this.#ending.promise]);
    await this.scout.run(this.source.root, readsAll ? 'list' : 'look');
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
    this.#ending.resolve();
    await this.#scouting;
    await this.pool[Symbol.asyncDispose]();
  }
}
