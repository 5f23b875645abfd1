// The vault of an application, open while it runs: what the rest of it injects. In your own program the imports are
// 'cairn-backup'.
import type { BeforeApplicationShutdown, OnApplicationShutdown } from '@nestjs/common';
import {
  type Authorize,
  type BackupHandler,
  type BackupResult,
  type BackupSource,
  CairnError,
  createBackupHandler,
  type GuardedChange,
  type NamedSource,
  type RotationRules,
  type Vault,
} from '../../src/index.ts';

export interface BackupsOptions {
  readonly openVault: () => Promise<Vault>;
  /** What is backed up, by name. */
  readonly sources: Readonly<Record<string, NamedSource>>;
  /** Where the routes are, such as `/admin`, and who may use them. */
  readonly path: string;
  readonly authorize: Authorize;
  /** Back up every source so often, in the place of a line in a crontab. Without, who asks over HTTP decides. */
  readonly everyMs?: number | undefined;
  /** What to keep of each source after a scheduled backup. */
  readonly keep?: RotationRules | undefined;
  /** Told of a scheduled backup that failed, or could not read everything. */
  readonly onTrouble: (source: string, error: unknown) => void;
}

export class BackupsService implements BeforeApplicationShutdown, OnApplicationShutdown {
  readonly vault: Vault;
  readonly handler: BackupHandler;
  readonly #options: BackupsOptions;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly #timer: NodeJS.Timeout | undefined;

  /** Opened with `BackupsService.open`. */
  constructor(vault: Vault, options: BackupsOptions) {
    const { sources, authorize, path: basePath, everyMs } = options;
    this.vault = vault;
    this.#options = options;
    this.handler = createBackupHandler({ vault, sources, authorize, basePath });
    if (everyMs !== undefined) this.#timer = setInterval(() => void this.#track(this.#backUpAll()), everyMs);
  }

  static async open(options: BackupsOptions): Promise<BackupsService> {
    return new BackupsService(await options.openVault(), options);
  }

  /** Backs up a source and thins out its backups. Rejects with what `vault.backup` rejects with, and `BACKUP_PARTIAL`. */
  backUp(name: string): Promise<BackupResult> {
    return this.#track(this.#backUp(name));
  }

  /** Runs a risky change, such as a migration, behind a held backup; files are rolled back where it fails. */
  async guard<T>(name: string, change: (guard: GuardedChange) => Promise<T>): Promise<T> {
    const source = await this.#sourceOf(name);
    const rollback = typeof source === 'string';
    const guarding = this.vault.guard(source, change, { name, rollback, signal: this.#stopping.signal });
    return (await this.#track(guarding)).value;
  }

  /** Ends what runs, before the server waits for its connections: a stream of events would keep one open for ever. */
  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort(new CairnError('ABORTED', 'the application goes down'));
    await this.handler[Symbol.asyncDispose]();
    await Promise.allSettled(this.#running);
  }

  /** Now no request comes any more that could need it. */
  async onApplicationShutdown(): Promise<void> {
    await this.vault.close();
  }

  async #backUpAll(): Promise<void> {
    // A run that takes longer than the interval is not joined by the next.
    if (this.#running.size > 0) return;
    for (const name of Object.keys(this.#options.sources)) {
      try {
        await this.#backUp(name);
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        this.#options.onTrouble(name, error);
      }
    }
  }

  async #backUp(name: string): Promise<BackupResult> {
    const { signal } = this.#stopping;
    const { keep, sources } = this.#options;
    const backup = await this.vault.backup(await this.#sourceOf(name), { ...sources[name]?.options, name, signal });
    // What is not whole must not push out what is.
    if (backup.status === 'partial') {
      throw new CairnError('BACKUP_PARTIAL', `${backup.problems.length} entries of ${name} could not be read`);
    }
    if (keep !== undefined) await this.vault.rotate({ name, host: backup.host }, keep, { signal });
    return backup;
  }

  async #sourceOf(name: string): Promise<BackupSource> {
    const named = this.#options.sources[name];
    if (named === undefined) throw new TypeError(`there is no source ${name}`);
    return typeof named.source === 'function' ? await named.source() : named.source;
  }

  #track<T>(work: PromiseLike<T>): Promise<T> {
    const tracked = Promise.resolve(work).finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
    return tracked;
  }
}
