import { hostname } from 'node:os';
import { hasCode, messageOf } from '../../base/errors.ts';
import type { CatalogChanges, CatalogVault } from '../../catalog/catalog.ts';
import type { BackupForm, CatalogBackup } from '../../catalog/catalog-backup.ts';
import type { CatalogRun } from '../../catalog/run-rows.ts';
import { ownProcess } from '../../repository/lock/process-identity.ts';
import type { CatalogRecorder } from './catalog-recorder.ts';
import type { CatalogWriter, CatalogWriterOptions } from './catalog-writer.ts';
import type { RunOutcome } from './run-outcome.ts';

type Change = (changes: CatalogChanges) => void;

/**
 * A run that takes longer than this appears in the catalog while it goes on. The workers are busy by then and this thread
 * is not, so that the catalog is open when the run ends.
 */
const SHOW_RUN_AFTER_MS = 500;

/**
 * Keeps the catalog in step with what one open vault does. Changes wait until the event loop is free, and at the latest
 * until the vault is closed. Where they cannot be written, that is said once and nothing more is tried: the next sync
 * makes up for it.
 */
export class VaultRecorder implements AsyncDisposable {
  readonly #options: CatalogWriterOptions;
  #pending: Change[] = [];
  #scheduled: NodeJS.Immediate | undefined;
  #writing: Promise<void> = Promise.resolve();
  #writer: CatalogWriter | undefined;
  #failed = false;

  constructor(options: CatalogWriterOptions) {
    this.#options = options;
  }

  /** `undefined` where no file is named: the vault has no catalog. */
  static of(
    { catalogFile: file, notify }: Pick<CatalogWriterOptions, 'notify'> & { readonly catalogFile?: string | undefined },
    vault: CatalogVault,
  ): VaultRecorder | undefined {
    return file === undefined ? undefined : new VaultRecorder({ file, vault, notify });
  }

  get file(): string {
    return this.#options.file;
  }

  get vault(): CatalogVault {
    return this.#options.vault;
  }

  /** Begins a run of an action. Recorded changes are its own, and it has to be ended. */
  startRun(session: string, action: string): RecordedRun {
    const { id: vault } = this.vault;
    const run: CatalogRun = {
      session,
      vault,
      action,
      host: hostname(),
      pid: process.pid,
      startedAt: new Date(),
      endedAt: null,
      status: 'running',
      errorCode: null,
      counts: {},
    };
    return new RecordedRun(this, run);
  }

  /** For changes that belong to the run of another vault, as a copy between two, or to none. */
  inSession(session: string | undefined): CatalogRecorder {
    return new SessionRecorder(this, session);
  }

  /** Applies a change soon. */
  enqueue(change: Change): void {
    if (this.#failed) return;
    this.#pending.push(change);
    this.#scheduled ??= setImmediate(() => void this.flush());
  }

  /** Resolves when what waited to be written is written. Never rejects. */
  flush(): Promise<void> {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** The open catalog, after what was recorded before. */
  async writer(): Promise<CatalogWriter> {
    await this.flush();
    return this.#load();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
    this.#writer?.[Symbol.dispose]();
  }

  async #write(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    if (pending.length === 0 || this.#failed) return;
    try {
      (await this.#load()).apply(pending);
    } catch (error) {
      this.#failed = true;
      const hint = hasCode(error, 'CATALOG_UNSUPPORTED') ? '' : '; `cairn catalog sync` makes up for it';
      this.#options.notify({ level: 'warning', message: `not recorded in the catalog: ${messageOf(error)}${hint}` });
    }
  }

  async #load(): Promise<CatalogWriter> {
    const { CatalogWriter } = await import('./catalog-writer.ts');
    this.#writer ??= new CatalogWriter(this.#options);
    return this.#writer;
  }
}

/** Changes of one session. */
class SessionRecorder implements CatalogRecorder {
  readonly recorder: VaultRecorder;
  readonly session: string | undefined;

  constructor(recorder: VaultRecorder, session: string | undefined) {
    this.recorder = recorder;
    this.session = session;
  }

  recordBackup(backup: CatalogBackup): void {
    const { vault } = this.recorder;
    this.recorder.enqueue((changes) =>
      changes.putBackup(backup, { vault: vault.id, at: changes.now(), session: this.session }),
    );
  }

  recordDeleted(form: BackupForm, ids: readonly string[]): void {
    const { vault } = this.recorder;
    this.recorder.enqueue((changes) => {
      const writer = { vault: vault.id, at: changes.now(), session: this.session };
      for (const id of ids) changes.markDeleted(form, id, writer);
    });
  }
}

/** A run that goes on, and the changes that it makes. */
export class RecordedRun extends SessionRecorder {
  readonly #run: CatalogRun;
  readonly #timer: NodeJS.Timeout;

  constructor(recorder: VaultRecorder, run: CatalogRun) {
    super(recorder, run.session);
    this.#run = run;
    this.#timer = setTimeout(() => recorder.enqueue((changes) => changes.putRun(run)), SHOW_RUN_AFTER_MS);
    this.#timer.unref();
  }

  end({ status, errorCode, counts }: RunOutcome): void {
    clearTimeout(this.#timer);
    const own = ownProcess();
    this.recorder.enqueue((changes) => {
      changes.putRun({ ...this.#run, endedAt: changes.now(), status, errorCode, counts });
      // Only where process ids mean the same to every process on a machine of this name.
      if (own.pidSpace !== undefined) changes.settleLostRuns(own.hostname, (pid) => own.isAlive(pid));
    });
  }
}
