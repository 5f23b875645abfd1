import { messageOf } from '../base/errors.ts';
import type { Job } from '../base/job.ts';
import type { KeyId } from '../base/ids.ts';
import type { Secret } from '../base/secret.ts';
import type { PasswordChange } from '../repository/change-password.ts';
import type { KeyRecord } from '../repository/keys.ts';
import type { UnlockResult } from '../repository/lock/unlock.ts';
import type { Repository } from '../repository/repository.ts';
import type { Storage } from '../storage/storage.ts';
import type { BackupOptions, BackupPreview, BackupResult } from './actions/backup-action.ts';
import type { CopyOptions, CopyResult } from './care/copy-backups.ts';
import type { MigrateOptions, MigrateResult } from './care/migrate-vault.ts';
import type { ArchiveOptions, ArchiveResult } from './archives/archive-action.ts';
import type { ExportOptions, ExportResult } from './archives/export-archive.ts';
import type { ImportOptions, ImportResult } from './archives/import-archive.ts';
import type { ImportedSnapshot } from './archives/import-snapshot.ts';
import type { BackupSource } from './actions/backup-source.ts';
import type { ArchiveDetails } from './reference/backup-details.ts';
import type { VaultCheckOptions, VaultCheckResult } from './actions/check-action.ts';
import type { GuardedChange, GuardOptions, GuardResult } from './guard/guard-source.ts';
import type { VaultRestoreOptions, VaultRestoreResult } from './actions/restore-action.ts';
import { VaultEmitter } from './vault-emitter.ts';
import type { VaultEventName, VaultListener } from './vault-events.ts';
import { VaultMirror } from './care/vault-mirror.ts';
import { checkPassword, type PasswordCheck } from './checked-password.ts';
import { openSession, type VaultSettings } from './vault-session.ts';
import { VaultValues } from './values/vault-values.ts';
import { ActionRunner } from './action-runner.ts';
import { noCatalog, VaultCatalog } from './catalog/vault-catalog.ts';
import { VaultRecorder } from './catalog/vault-recorder.ts';

import { VaultCare } from './vault-care.ts';

interface SignalOptions {
  readonly signal?: AbortSignal | undefined;
}

// What an action needs is loaded when it is called: listing backups needs neither worker threads nor writers.

/**
 * An open vault: backups go in, come out, and are looked at. Long work is a `Job`: await it for the result,
 * iterate it for progress, abort it to stop it. Close the vault with `await using` or `close()`.
 *
 * ```ts
 * await using vault = await openVault('./vault', { password });
 * for await (const backup of vault.list({ name: 'data' })) console.log(backup.id, backup.time);
 * ```
 */
export class Vault extends VaultCare implements AsyncDisposable {
  readonly #emitter: VaultEmitter;
  /** Key-value entries beside the backups. */
  readonly values: VaultValues;
  readonly #recorder: VaultRecorder | undefined;
  protected readonly runner: ActionRunner;
  #catalog: VaultCatalog | undefined;

  /** Vaults are opened with `openVault` and made with `initVault`. */
  constructor(
    storage: Storage,
    repository: Repository,
    settings: VaultSettings & { readonly catalogFile?: string | undefined },
  ) {
    super(storage, repository, settings);
    this.#recorder = VaultRecorder.of(settings, { id: repository.config.id, url: storage.url, kind: 'cairn' });
    this.values = new VaultValues(repository, settings, this.#recorder);
    this.#emitter = new VaultEmitter({
      vaultUrl: storage.url,
      shared: settings.extensions?.listeners,
      onListenerError: (error, event) =>
        settings.notify({ level: 'warning', message: `a listener of ${event} failed: ${messageOf(error)}` }),
    });
    this.runner = new ActionRunner({ repository, settings }, this.#emitter, this.#recorder);
  }

  /** Listens to an event such as `backup.done`; what the listener returns is awaited. Dispose the result to stop. */
  on<N extends VaultEventName>(name: N, listener: VaultListener<N>): Disposable {
    return this.#emitter.on(name, listener);
  }

  /** Listens to the next such event only. */
  once<N extends VaultEventName>(name: N, listener: VaultListener<N>): Disposable {
    return this.#emitter.once(name, listener);
  }

  /**
   * Backs up a path, several paths, a stream, or a described source. Resolves once the backup is durable; with
   * status `partial` when something could not be read. Rejects with `SOURCE_MISSING`, `COMMAND_FAILED`,
   * `VAULT_LOCKED`, `STORAGE_FULL`, `ABORTED`, …; then nothing was saved.
   *
   * ```ts
   * const job = vault.backup('/srv/data', { tags: ['nightly'] });
   * for await (const progress of job) console.log(progress.phase, progress.bytes);
   * const backup = await job;
   * ```
   */
  backup(source: BackupSource, options: BackupOptions = {}): Job<BackupResult> {
    return this.runner.action('backup', { ...options, source }, async (context) =>
      (await import('./actions/backup-action.ts')).runBackup(context, source, options),
    );
  }

  /**
   * Runs a risky change between a backup that is held and, if the change throws and `rollback` is given, the return of
   * the source to what it was. Resolves with what the change returned. Rejects with the error of the change; with
   * `GUARD_ROLLED_BACK` or `GUARD_ROLLBACK_FAILED`, whose cause it is; or, before the change, with what `backup` rejects
   * with, and `BACKUP_PARTIAL`.
   *
   * ```ts
   * await vault.guard('/srv/app/data', () => migrate(), { label: 'before-2.0', rollback: true });
   * ```
   */
  guard<T>(
    source: BackupSource,
    change: (guard: GuardedChange) => T | Promise<T>,
    options: GuardOptions = {},
  ): Job<GuardResult<T>> {
    return this.runner.action(
      'guard',
      { ...options, source },
      async (context) => (await import('./guard/guard-source.ts')).guardSource(this, context, source, change, options),
      ({ backup, released }) => ({ backup, released }),
    );
  }

  /** What `backup` would save: everything is read and compared, and nothing written but a lock. */
  previewBackup(source: BackupSource, options: BackupOptions = {}): Job<BackupPreview> {
    return this.runner.job(options, async (context) =>
      (await import('./actions/backup-action.ts')).runBackupPreview(context, source, options),
    );
  }

  /**
   * Restores the backup that `reference` means: an id or the beginning of one, `latest`, a name, `name@time`.
   * Rejects with `REF_UNKNOWN`, `REF_AMBIGUOUS`, `TARGET_INSIDE_VAULT`, or `TARGET_EXISTS` where files are
   * there and `overwrite` is not given; then nothing was changed. What cannot be restored is in `problems`.
   *
   * ```ts
   * await vault.restore('data', { to: '/tmp/out', at: new Date('2026-11-19T12:00Z') });
   * ```
   */
  restore(reference: string, options: VaultRestoreOptions): Job<VaultRestoreResult> {
    return this.runner.action('restore', { ...options, reference }, async (context) =>
      (await import('./actions/restore-action.ts')).runRestore(context, reference, options),
    );
  }

  /**
   * Makes an archive: one object that can be opened without Cairn, by `age`, `zstd` and `tar`. It is encrypted with the
   * password of the vault, or to public keys of age (`recipients`). Rejects with `SOURCE_…`, `NOT_SUPPORTED`, `STORAGE_…`; then
   * nothing is listed.
   *
   * ```ts
   * const archive = await vault.archive('/srv/data', { recipients: ['age1…'] });
   * ```
   */
  archive(source: BackupSource, options: ArchiveOptions = {}): Job<ArchiveResult> {
    return this.runner.action('archive', { ...options, source }, async (context) =>
      (await import('./archives/archive-to-vault.ts')).archiveToVault(context, source, options),
    );
  }

  /** Writes a backup as an archive file: an archive as it is, a snapshot as an archive made of it. */
  exportArchive(reference: string, options: ExportOptions): Job<ExportResult> {
    return this.runner.care('export', options, async (context) =>
      (await import('./archives/export-archive.ts')).exportBackup(context, reference, options),
    );
  }

  /**
   * Takes an archive file, also of another program, in among the archives; it is read to its end first. With `as: 'snapshot'` it
   * becomes a snapshot, and so does an archive of this vault that is named by a reference.
   */
  importArchive(file: string, options: ImportOptions & { readonly as: 'snapshot' }): Job<ImportedSnapshot>;
  importArchive(file: string, options?: ImportOptions & { readonly as?: 'archive' | undefined }): Job<ArchiveDetails>;
  importArchive(file: string, options: ImportOptions = {}): Job<ImportResult> {
    return this.runner.care('import', options, async (context) => {
      if (options.as !== 'snapshot')
        return (await import('./archives/import-archive.ts')).importArchive(context, file, options);
      return (await import('./archives/import-snapshot.ts')).importSnapshot(context, file, options);
    });
  }

  /** Verifies the vault. Damage is in the result, not thrown. */
  check(options: VaultCheckOptions = {}): Job<VaultCheckResult> {
    return this.runner.action('check', options, async (context) => {
      const { runCheck } = await import('./actions/check-action.ts');
      return runCheck(context, options);
    });
  }

  /**
   * Copies backups to another vault; those it has already, also from restic's `copy`, are skipped. A backup that needs
   * something damaged is not copied, and is in the result. Rejects with `REF_UNKNOWN`, `VAULT_LOCKED`, `STORAGE_FULL`, …;
   * what was finished until then stays, and another call goes on from there.
   *
   * ```ts
   * await using offsite = await openVault('sftp:me@host:/vault', { password: other });
   * await vault.copyTo(offsite, { filter: { tags: { all: ['nightly'] } } });
   * ```
   */
  copyTo(target: Vault, options: CopyOptions = {}): Job<CopyResult> {
    return this.runner.action('copy', { ...options, target: target.url }, async (context, session) =>
      (await import('./care/copy-backups.ts')).copyBackups(
        context,
        {
          repository: target.repository,
          settings: { ...target.settings, catalog: target.#recorder?.inSession(session) },
        },
        options,
      ),
    );
  }

  /** Turns a vault of version 1 into version 2, which compresses. Open it again to write in the new version. */
  migrate(options: MigrateOptions = {}): Job<MigrateResult> {
    return this.runner.care('migrate', options, async (context) =>
      (await import('./care/migrate-vault.ts')).migrateVault(context, options),
    );
  }

  /** The keys (passwords) of the vault, oldest first. */
  async keys(options: SignalOptions = {}): Promise<readonly KeyRecord[]> {
    const { listKeys } = await import('../repository/keys.ts');
    return listKeys(this.repository, {
      signal: options.signal,
      onWarning: (warning) => this.settings.notify({ level: 'warning', message: warning.message }),
    });
  }

  /** Adds a password. The new key is read back and tried before this resolves. */
  async addKey(
    password: Secret,
    options: { readonly username?: string; readonly hostname?: string } & PasswordCheck & SignalOptions = {},
  ): Promise<KeyId> {
    checkPassword(password, options);
    await using session = await this.#lock('shared', options);
    const { addKey } = await import('../repository/keys.ts');
    return await addKey(this.repository, { ...options, password, signal: session.signal });
  }

  /**
   * Replaces the password that opened this vault; the old one is removed after the new one is proven, and with it
   * what earlier changes left that were interrupted in between.
   */
  async changePassword(password: Secret, options: PasswordCheck & SignalOptions = {}): Promise<PasswordChange> {
    checkPassword(password, options);
    await using session = await this.#lock('exclusive', options);
    // Where the old key cannot be removed, a new one beside it would be one too many.
    await (await import('./care/exclusive-session.ts')).assertMayRemove(this.repository, session.signal);
    return await (
      await import('../repository/change-password.ts')
    ).changePassword(this.repository, { password, signal: session.signal });
  }

  /** Removes a key by its id or the beginning of it. Throws `KEY_LAST` for the one in use. */
  async removeKey(reference: string, options: SignalOptions = {}): Promise<KeyId> {
    await using session = await this.#lock('exclusive', options);
    return await (
      await import('../repository/keys.ts')
    ).removeKey(this.repository, reference, { signal: session.signal });
  }

  /** Removes stale locks, or every lock with `all`: only when nothing else uses the vault. */
  async unlock(options: { readonly all?: boolean } & SignalOptions = {}): Promise<UnlockResult> {
    const { unlockVault } = await import('./care/unlock-vault.ts');
    return unlockVault(this.repository, this.settings, options);
  }

  /** The storages of the vault where it is in several: how they are, and how those that fell behind catch up. */
  get mirror(): VaultMirror | undefined {
    const { mirror } = this.settings;
    return mirror === undefined ? undefined : new VaultMirror(mirror, (options, run) => this.runner.job(options, run));
  }

  /** The catalog of this machine. Throws `NOT_SUPPORTED` where the vault was opened without one. */
  get catalog(): VaultCatalog {
    if (this.#recorder === undefined) throw noCatalog();
    this.#catalog ??= new VaultCatalog(this.#recorder, (options, run) => this.runner.job(options, run));
    return this.#catalog;
  }

  close(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#catalog?.[Symbol.asyncDispose]();
    await this.#recorder?.[Symbol.asyncDispose]();
    await this.repository[Symbol.asyncDispose]();
    await this.storage[Symbol.asyncDispose]();
  }

  #lock(mode: 'shared' | 'exclusive', { signal }: SignalOptions): ReturnType<typeof openSession> {
    return openSession(this.repository, this.settings, { mode, purpose: 'write', signal });
  }
}
