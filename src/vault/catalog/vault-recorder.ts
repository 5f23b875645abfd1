import { hasCode, type KnownError, messageOf } from '../../base/errors.ts';
import { Catalog, type CatalogChanges, type CatalogVault } from '../../catalog/catalog.ts';
import type { BackupForm, CatalogBackup } from '../../catalog/catalog-backup.ts';
import { setAside } from '../../catalog/open-database.ts';
import type { CatalogRun } from '../../catalog/run-rows.ts';
import { ownProcess } from '../../repository/lock/process-identity.ts';
import type { VaultNotice } from '../vault-options.ts';
import type { CatalogRecorder } from './catalog-recorder.ts';
import type { RunOutcome } from './run-outcome.ts';

export interface VaultRecorderOptions {
  readonly file: string;
  readonly vault: CatalogVault;
  readonly notify: (notice: VaultNotice) => void;
}

type Change = (changes: CatalogChanges) => void;

/** A run that takes longer shows up in the catalog while it goes on. */
const SHOW_RUN_AFTER_MS = 2000;

/**
 * Keeps the catalog in step with what one open vault does. The file is opened with the first change. Where it cannot be
 * written, that is said once and nothing more is tried: the next sync makes up for it. A damaged file is set aside, and
 * a new one begun.
 */
export class VaultRecorder implements Disposable {
  readonly #options: VaultRecorderOptions;
  #pending: Change[] = [];
  #scheduled: NodeJS.Immediate | undefined;
  #catalog: Catalog | undefined;
  #failed = false;

  constructor(options: VaultRecorderOptions) {
    this.#options = options;
  }

  /** `undefined` where no file is named: the vault has no catalog. */
  static of(
    { catalogFile: file, notify }: Pick<VaultRecorderOptions, 'notify'> & { readonly catalogFile?: string | undefined },
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
    const { hostname, pid } = ownProcess();
    const { id: vault } = this.vault;
    const run: CatalogRun = {
      session,
      vault,
      action,
      host: hostname,
      pid,
      startedAt: new Date(),
      endedAt: null,
      status: 'running',
      errorCode: null,
      counts: {},
    };
    return new RecordedRun(this, run);
  }

  /** For changes that belong to the run of another vault, as a copy between two. */
  inSession(session: string): CatalogRecorder {
    return new SessionRecorder(this, session);
  }

  /** Applies a change when the event loop is next free, and at the latest when the vault is closed. */
  enqueue(change: Change): void {
    if (this.#failed) return;
    this.#pending.push(change);
    this.#scheduled ??= setImmediate(() => this.flush());
  }

  /** Writes what waits to be written. Never throws. */
  flush(): void {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    const pending = this.#pending;
    this.#pending = [];
    if (pending.length === 0 || this.#failed) return;
    try {
      this.withCatalog((catalog) => this.#apply(catalog, pending));
    } catch (error) {
      this.#failed = true;
      const hint = hasCode(error, 'CATALOG_UNSUPPORTED') ? '' : '; `cairn catalog sync` makes up for it';
      this.#options.notify({ level: 'warning', message: `not recorded in the catalog: ${messageOf(error)}${hint}` });
    }
  }

  /** Works with the open catalog; where that turns out to be damaged, once more with a new one. */
  withCatalog<T>(work: (catalog: Catalog) => T): T {
    try {
      return work(this.#open());
    } catch (error) {
      if (!hasCode(error, 'CATALOG_DAMAGED')) throw error;
      this.#setAside(error);
      return work(this.#open());
    }
  }

  [Symbol.dispose](): void {
    this.flush();
    this.#catalog?.[Symbol.dispose]();
    this.#catalog = undefined;
  }

  #setAside(damaged: KnownError): void {
    this.#catalog?.[Symbol.dispose]();
    this.#catalog = undefined;
    const aside = setAside(this.file, damaged, new Date());
    if (aside === undefined) return;
    this.#options.notify({
      level: 'warning',
      message: `the catalog was damaged and is set aside as ${aside}; a new one is begun, and \`cairn catalog sync\` fills it from the vault`,
    });
  }

  #open(): Catalog {
    this.#catalog ??= Catalog.open(this.file);
    return this.#catalog;
  }

  #apply(catalog: Catalog, pending: readonly Change[]): void {
    catalog.transaction((changes) => {
      changes.putVault(this.vault);
      for (const change of pending) change(changes);
    });
  }
}

/** Changes of one session. */
class SessionRecorder implements CatalogRecorder {
  readonly recorder: VaultRecorder;
  readonly session: string;

  constructor(recorder: VaultRecorder, session: string) {
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
      // Only where process ids mean the same for all who run on a machine of this name.
      if (own.pidSpace !== undefined) changes.settleLostRuns(own.hostname, (pid) => own.isAlive(pid));
    });
  }
}
