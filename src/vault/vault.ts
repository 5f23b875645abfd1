import { messageOf } from '../base/errors.ts';
import type { Job } from '../base/job.ts';
import type { KeyId } from '../base/ids.ts';
import type { Secret } from '../base/secret.ts';
import type { RepositoryConfig } from '../formats/snapshot/config.ts';
import type { KeyRecord } from '../repository/keys.ts';
import type { UnlockResult } from '../repository/lock/unlock.ts';
import type { Repository } from '../repository/repository.ts';
import type { Storage } from '../storage/storage.ts';
import type { BackupOptions, BackupPreview, BackupResult } from './actions/backup-action.ts';
import type { KeepRules } from '../retention/keep-policy.ts';
import type { IndexRepairResult } from '../repository/repair/repair-index.ts';
import type { PackRepairResult } from '../repository/repair/repair-packs.ts';
import type { ForgetResult } from './care/apply-forget.ts';
import type { CareOptions } from './care/care-options.ts';
import type { CopyOptions, CopyResult } from './care/copy-backups.ts';
import type { MigrateOptions, MigrateResult } from './care/migrate-vault.ts';
import type { DeleteOptions, ForgetOptions, ForgetPlan } from './care/plan-forget.ts';
import type { PruneOptions, PruneResult } from './care/prune-vault.ts';
import type { OlderThanCall, OlderThanOptions, OlderThanPlan } from './care/delete-older-than.ts';
import type { NamedFilter } from './care/plan-by-name.ts';
import type { RetentionResult, RotationCall, RotationOptions, RotationPlan } from './care/rotate-backups.ts';
import type { RotationRules } from '../retention/rotation-policy.ts';
import type { PrunePlan } from '../repository/prune/prune-plan.ts';
import type { RecoverResult } from './care/recover-backups.ts';
import type { RepairIndexOptions } from './care/repair-index-action.ts';
import type { RepairPacksOptions } from './care/repair-packs-action.ts';
import type { RepairSnapshotsOptions } from './care/repair-snapshots.ts';
import type { RewriteChange, RewriteOptions } from './care/rewrite-backups.ts';
import type { RewriteResult } from './care/rewrite-snapshots.ts';
import type { TagChange, TagOptions, TagResult } from './care/tag-backups.ts';
import type { BackupEntry } from './look/backup-entry.ts';
import type { BackupInfo } from './look/backup-info.ts';
import type { ArchiveKeys } from './archives/archive-access.ts';
import type { ArchiveOptions, ArchiveResult } from './archives/archive-action.ts';
import type { ExportOptions, ExportResult } from './archives/export-archive.ts';
import type { ImportOptions, ImportResult } from './archives/import-archive.ts';
import type { ImportedSnapshot } from './archives/import-snapshot.ts';
import type { BackupFilter } from './reference/backup-filter.ts';
import type { BackupRecord } from './reference/backup-record.ts';
import type { BackupSource } from './actions/backup-source.ts';
import type { ArchiveDetails, BackupDetails } from './reference/backup-details.ts';
import type { VaultCheckOptions, VaultCheckResult } from './actions/check-action.ts';
import type { ReferenceOptions } from './reference/choose-snapshot.ts';
import type { GuardedChange, GuardOptions, GuardResult } from './guard/guard-source.ts';
import type { FindOptions, FoundFile } from './look/find-files.ts';
import type { DiffOptions, DiffResult, DumpOptions, LookContext, LsOptions } from './look/look-inside.ts';
import type { PeriodicOptions } from './look/periodic-backups.ts';
import type { ExpectedBackup, PeriodicStatus } from '../retention/periodic-status.ts';
import type { StatsMode } from '../repository/walk/repository-stats.ts';
import type { GrowthStep, ModeStats, StatsOptions, VaultStats } from './look/look-stats.ts';
import type { VaultRestoreOptions, VaultRestoreResult } from './actions/restore-action.ts';
import { VaultEmitter } from './vault-emitter.ts';
import type { VaultEventName, VaultListener } from './vault-events.ts';
import { VaultMirror } from './care/vault-mirror.ts';
import { openSession, type VaultSettings } from './vault-session.ts';
import { VaultValues } from './values/vault-values.ts';
import { ActionRunner } from './action-runner.ts';
import { noCatalog, VaultCatalog } from './catalog/vault-catalog.ts';
import { VaultRecorder } from './catalog/vault-recorder.ts';

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
export class Vault implements AsyncDisposable {
  readonly #storage: Storage;
  readonly #repository: Repository;
  readonly #settings: VaultSettings;
  readonly #emitter: VaultEmitter;
  /** Key-value entries beside the backups. */
  readonly values: VaultValues;
  readonly #recorder: VaultRecorder | undefined;
  readonly #runner: ActionRunner;
  #catalog: VaultCatalog | undefined;

  /** Vaults are opened with `openVault` and made with `initVault`. */
  constructor(
    storage: Storage,
    repository: Repository,
    settings: VaultSettings & { readonly catalogFile?: string | undefined },
  ) {
    this.#storage = storage;
    this.#repository = repository;
    this.#settings = settings;
    this.#recorder = VaultRecorder.of(settings, { id: repository.config.id, url: storage.url, kind: 'cairn' });
    this.values = new VaultValues(repository, settings, this.#recorder);
    this.#emitter = new VaultEmitter({
      vaultUrl: storage.url,
      shared: settings.extensions?.listeners,
      onListenerError: (error, event) =>
        settings.notify({ level: 'warning', message: `a listener of ${event} failed: ${messageOf(error)}` }),
    });
    this.#runner = new ActionRunner({ repository, settings }, this.#emitter, this.#recorder);
  }

  /** Where the vault is, without secrets. */
  get url(): string {
    return this.#storage.url;
  }

  /** The vault's folder on this machine, if it is one. */
  get localPath(): string | undefined {
    return this.#storage.features.localPath;
  }

  get config(): Pick<RepositoryConfig, 'id' | 'version' | 'chunker' | 'coldClass'> {
    return this.#repository.config;
  }

  /** The key that opened the vault. */
  get keyId(): KeyId {
    return this.#repository.keyId;
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
    return this.#runner.action('backup', { ...options, source }, async (context) =>
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
    return this.#runner.job(options, async (context) =>
      (await import('./guard/guard-source.ts')).guardSource(this, context, source, change, options),
    );
  }

  /** What `backup` would save: everything is read and compared, and nothing written but a lock. */
  previewBackup(source: BackupSource, options: BackupOptions = {}): Job<BackupPreview> {
    return this.#runner.job(options, async (context) =>
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
    return this.#runner.action('restore', { ...options, reference }, async (context) =>
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
    return this.#runner.action('archive', { ...options, source }, async (context) =>
      (await import('./archives/archive-to-vault.ts')).archiveToVault(context, source, options),
    );
  }

  /** Writes a backup as an archive file: an archive as it is, a snapshot as an archive made of it. */
  exportArchive(reference: string, options: ExportOptions): Job<ExportResult> {
    return this.#runner.care('export', options, async (context) =>
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
    return this.#runner.care('import', options, async (context) => {
      if (options.as !== 'snapshot')
        return (await import('./archives/import-archive.ts')).importArchive(context, file, options);
      return (await import('./archives/import-snapshot.ts')).importSnapshot(context, file, options);
    });
  }

  /** The backups that match, of every form, oldest first. */
  async *list(filter: BackupFilter & SignalOptions = {}): AsyncGenerator<BackupRecord, void, undefined> {
    yield* await (await import('./look/list-backups.ts')).listBackups(this.#look(filter), filter);
  }

  /**
   * Whether backups that are made regularly were made, each with its newest one.
   *
   * ```ts
   * const [main] = await vault.periodic([{ name: 'main', every: '1D' }]);
   * if (main?.status !== 'ok') alert(main?.latest?.time);
   * ```
   */
  async periodic(
    expected: readonly ExpectedBackup[],
    options: PeriodicOptions = {},
  ): Promise<PeriodicStatus<BackupRecord>[]> {
    return (await import('./look/periodic-backups.ts')).periodicBackups(this.#look(options), expected, options);
  }

  /** The newest backup of a name, and how many there are. */
  async info(name: string, options: Omit<BackupFilter, 'name'> & SignalOptions = {}): Promise<BackupInfo> {
    const versions = async (): Promise<number> => (await this.values.history(name, options)).length;
    return (await import('./look/backup-info.ts')).infoOf(name, this.list({ ...options, name }), versions);
  }

  /** Everything that is recorded about one backup. Throws `REF_UNKNOWN` or `REF_AMBIGUOUS`. */
  async get(reference: string, options: ReferenceOptions & SignalOptions = {}): Promise<BackupDetails> {
    return (await import('./look/list-backups.ts')).getBackup(this.#look(options), reference, options);
  }

  /** The entries of a backup, or of a folder in it: one level, or all with `recursive`. */
  async *ls(reference: string, options: LsOptions = {}): AsyncGenerator<BackupEntry, void, undefined> {
    yield* (await import('./look/look-inside.ts')).lookLs(this.#look(options), reference, options);
  }

  /** Entries of all backups (or those of `filter`) whose name or path matches one of the patterns. */
  async *find(
    patterns: string | readonly string[],
    options: FindOptions & { readonly filter?: BackupFilter | undefined } & SignalOptions = {},
  ): AsyncGenerator<FoundFile, void, undefined> {
    yield* (await import('./look/look-inside.ts')).lookFind(
      this.#look(options),
      typeof patterns === 'string' ? [patterns] : patterns,
      options,
    );
  }

  /** What changed from one backup to another: the counts, and each change told to `onChange` in the order of paths. */
  async diff(before: string, after: string, options: DiffOptions = {}): Promise<DiffResult> {
    return (await import('./look/look-inside.ts')).lookDiff(this.#look(options), before, after, options);
  }

  /** The bytes of one file of a backup. Throws `PATH_NOT_FOUND`. */
  async *cat(
    reference: string,
    path: string,
    options: ReferenceOptions & ArchiveKeys & SignalOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    yield* (await import('./look/look-inside.ts')).lookCat(this.#look(options), reference, path, options);
  }

  /** A file or folder of a backup as a tar or zip stream. */
  async *dump(reference: string, path: string, options: DumpOptions): AsyncGenerator<Uint8Array, void, undefined> {
    yield* (await import('./look/look-inside.ts')).lookDump(this.#look(options), reference, path, options);
  }

  /** How much the backups hold and what they take. */
  async stats(options: StatsOptions = {}): Promise<VaultStats> {
    return (await import('./look/look-stats.ts')).lookStats(this.#look(options), options);
  }

  /** The same counted in one of restic's ways. */
  async statsByMode(mode: StatsMode, options: StatsOptions = {}): Promise<ModeStats> {
    return (await import('./look/look-stats.ts')).lookModeStats(this.#look(options), mode, options);
  }

  /** What each backup added to those before it, oldest first. */
  async *growth(options: StatsOptions = {}): AsyncGenerator<GrowthStep, void, undefined> {
    yield* (await import('./look/look-stats.ts')).lookGrowth(this.#look(options), options);
  }

  /** Verifies the vault. Damage is in the result, not thrown. */
  check(options: VaultCheckOptions = {}): Job<VaultCheckResult> {
    return this.#runner.care('check', options, async (context) => {
      const { runCheck } = await import('./actions/check-action.ts');
      return runCheck(context, options);
    });
  }

  /**
   * What rules would forget: `vault.forget` does it. Rejects with `ARGUMENT_INVALID`, and with `FORGET_REFUSED` where a
   * group of backups would lose its last one.
   *
   * ```ts
   * const plan = await vault.planForget({ daily: 7, weekly: 4, within: '14d' }, { filter: { host: 'web' } });
   * await vault.forget(plan);
   * ```
   */
  async planForget(rules: KeepRules, options: ForgetOptions = {}): Promise<ForgetPlan> {
    return (await import('./care/plan-forget.ts')).planForget(this.#look(options), rules, options);
  }

  /** The plan to remove the backups that are named, whatever any rule says. */
  async planDelete(references: readonly string[], options: DeleteOptions = {}): Promise<ForgetPlan> {
    return (await import('./care/plan-forget.ts')).planDelete(this.#look(options), references, options);
  }

  /** Removes the backups that a plan forgets. Their data stays until a prune. Rejects with `PLAN_OUTDATED`, `VAULT_LOCKED`. */
  forget(plan: ForgetPlan, options: SignalOptions = {}): Job<ForgetResult> {
    return this.#runner.action('forget', { ...options, plan }, async (context) =>
      (await import('./care/apply-forget.ts')).applyForget(context, plan),
    );
  }

  /** Removes one or more backups by reference. Rejects with `REF_UNKNOWN`, `REF_AMBIGUOUS` or `BACKUP_HELD`, and removes nothing then. */
  delete(references: string | readonly string[], options: DeleteOptions = {}): Job<ForgetResult> {
    const named = [references].flat();
    return this.#runner.action('delete', { ...options, references: named }, async (context) => {
      const { planDelete } = await import('./care/plan-forget.ts');
      const plan = await planDelete(context, named, options);
      return (await import('./care/apply-forget.ts')).applyForget(context, plan);
    });
  }

  /**
   * What rotation would remove, by name: `vault.rotate` does it. Rejects with `RETENTION_EMPTY`, `REF_UNKNOWN`.
   *
   * ```ts
   * const plan = await vault.planRotation({ name: 'main' }, { days: 7, weeks: 6, months: 6 });
   * await vault.rotate(plan);
   * ```
   */
  async planRotation(filter: NamedFilter, rules: RotationRules, options: RotationOptions = {}): Promise<RotationPlan> {
    return (await import('./care/rotate-backups.ts')).planRotation(this.#look(options), filter, rules, options);
  }

  /**
   * Thins out the backups of each name, by a plan or at once: of each of the last n days, weeks, … the oldest stays, and
   * the newest always. Rejects with `PLAN_OUTDATED`, `VAULT_LOCKED`; what could not be removed is in `failed`.
   *
   * ```ts
   * await vault.rotate({ name: 'main' }, { days: 7, weeks: 6, months: 6, firstWeekday: 'saturday' });
   * ```
   */
  rotate(...call: RotationCall): Job<RetentionResult> {
    return this.#runner.action('rotate', { ...signalOf(call), call }, async (context) =>
      (await import('./care/rotate-backups.ts')).rotateBackups(context, call),
    );
  }

  /** What `deleteOlderThan` would remove. Rejects with `ARGUMENT_INVALID`, `REF_UNKNOWN`, `FORGET_REFUSED`. */
  async planDeleteOlderThan(
    interval: string,
    filter: NamedFilter = {},
    options: OlderThanOptions = {},
  ): Promise<OlderThanPlan> {
    return (await import('./care/delete-older-than.ts')).planDeleteOlderThan(
      this.#look(options),
      interval,
      filter,
      options,
    );
  }

  /**
   * Removes the backups that are older than an interval such as `3M` or `1M3W4h2s`, by a plan or at once; the newest of
   * each name stays. Rejects with `PLAN_OUTDATED`, `VAULT_LOCKED`; what could not be removed is in `failed`.
   */
  deleteOlderThan(...call: OlderThanCall): Job<RetentionResult> {
    return this.#runner.action('deleteOlderThan', { ...signalOf(call), call }, async (context) =>
      (await import('./care/delete-older-than.ts')).deleteOlderThan(context, call),
    );
  }

  /** What `prune` would remove and repack. Others may go on. */
  planPrune(options: PruneOptions = {}): Job<PrunePlan> {
    return this.#runner.job(options, async (context) =>
      (await import('./care/prune-vault.ts')).planPruneOfVault(context, options),
    );
  }

  /**
   * Removes what no backup needs. Backups may run meanwhile; the vault is locked for the last step only, which waits until
   * they end. Rejects with `PRUNE_REFUSED`, `PLAN_OUTDATED`, `VAULT_LOCKED`; nothing was removed then.
   *
   * ```ts
   * const { plan, removedPacks } = await vault.prune({ maxUnused: { percent: 10 } });
   * ```
   */
  prune(options: PruneOptions = {}): Job<PruneResult> {
    return this.#runner.action('prune', options, async (context) =>
      (await import('./care/prune-vault.ts')).pruneVault(context, options),
    );
  }

  /** Changes tags. Backups get new ids by it; `id` in the result. Rejects with `REWRITE_REFUSED`, `VAULT_LOCKED`. */
  tag(change: TagChange, options: TagOptions = {}): Job<TagResult> {
    return this.#runner.care('tag', options, async (context) =>
      (await import('./care/tag-backups.ts')).tagBackups(context, change, options),
    );
  }

  /** Releases holds of the backups that are named: all, or that with a label. They get new ids by it, as with `tag`. */
  release(
    references: string | readonly string[],
    options: { readonly label?: string } & SignalOptions = {},
  ): Job<TagResult> {
    const release = options.label === undefined ? 'all' : [options.label];
    return this.tag({ release }, { references: [references].flat(), signal: options.signal });
  }

  /** Makes new versions of backups, without what patterns exclude or with another host or time. */
  rewrite(change: RewriteChange, options: RewriteOptions = {}): Job<RewriteResult> {
    return this.#runner.care('rewrite', options, async (context) =>
      (await import('./care/rewrite-backups.ts')).rewriteBackups(context, change, options),
    );
  }

  /** Makes the index agree with the packs that are there. */
  repairIndex(options: RepairIndexOptions = {}): Job<IndexRepairResult> {
    return this.#runner.care('repairIndex', options, async (context) =>
      (await import('./care/repair-index-action.ts')).repairIndex(context, options),
    );
  }

  /** Saves what is intact in damaged packs (ids, or findings of `check`), and removes them. */
  repairPacks(
    packs: readonly (string | { readonly object: string })[],
    options: RepairPacksOptions = {},
  ): Job<PackRepairResult> {
    return this.#runner.care('repairPacks', options, async (context) =>
      (await import('./care/repair-packs-action.ts')).repairPacks(context, packs, options),
    );
  }

  /** Makes versions of damaged backups without what is missing. */
  repairSnapshots(options: RepairSnapshotsOptions = {}): Job<RewriteResult> {
    return this.#runner.care('repairSnapshots', options, async (context) =>
      (await import('./care/repair-snapshots.ts')).repairSnapshots(context, options),
    );
  }

  /** Brings back, as one backup, all folders that no backup refers to. */
  recover(options: CareOptions<readonly string[]> = {}): Job<RecoverResult> {
    return this.#runner.care('recover', options, async (context) =>
      (await import('./care/recover-backups.ts')).recoverBackups(context, options),
    );
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
    return this.#runner.care('copy', options, async (context, session) =>
      (await import('./care/copy-backups.ts')).copyBackups(
        context,
        {
          repository: target.#repository,
          settings: { ...target.#settings, catalog: target.#recorder?.inSession(session) },
        },
        options,
      ),
    );
  }

  /** Turns a vault of version 1 into version 2, which compresses. Open it again to write in the new version. */
  migrate(options: MigrateOptions = {}): Job<MigrateResult> {
    return this.#runner.care('migrate', options, async (context) =>
      (await import('./care/migrate-vault.ts')).migrateVault(context, options),
    );
  }

  /** The keys (passwords) of the vault, oldest first. */
  async keys(options: SignalOptions = {}): Promise<readonly KeyRecord[]> {
    const { listKeys } = await import('../repository/keys.ts');
    return listKeys(this.#repository, {
      signal: options.signal,
      onWarning: (warning) => this.#settings.notify({ level: 'warning', message: warning.message }),
    });
  }

  /** Adds a password. The new key is read back and tried before this resolves. */
  async addKey(password: Secret, options: SignalOptions = {}): Promise<KeyId> {
    await using session = await this.#lock('shared', options);
    return await (await import('../repository/keys.ts')).addKey(this.#repository, { password, signal: session.signal });
  }

  /** Replaces the password that opened this vault; the old one is removed after the new one is proven. */
  async changePassword(password: Secret, options: SignalOptions = {}): Promise<KeyId> {
    await using session = await this.#lock('exclusive', options);
    return await (
      await import('../repository/keys.ts')
    ).changePassword(this.#repository, { password, signal: session.signal });
  }

  /** Removes a key by its id or the beginning of it. Throws `KEY_LAST` for the one in use. */
  async removeKey(reference: string, options: SignalOptions = {}): Promise<KeyId> {
    await using session = await this.#lock('exclusive', options);
    return await (
      await import('../repository/keys.ts')
    ).removeKey(this.#repository, reference, { signal: session.signal });
  }

  /** Removes stale locks, or every lock with `all`: only when nothing else uses the vault. */
  async unlock(options: { readonly all?: boolean } & SignalOptions = {}): Promise<UnlockResult> {
    const { unlockRepository } = await import('../repository/lock/unlock.ts');
    return unlockRepository(this.#repository, options);
  }

  /** The storages of the vault where it is in several: how they are, and how those that fell behind catch up. */
  get mirror(): VaultMirror | undefined {
    const { mirror } = this.#settings;
    return mirror === undefined ? undefined : new VaultMirror(mirror, (options, run) => this.#runner.job(options, run));
  }

  /** The catalog of this machine. Throws `NOT_SUPPORTED` where the vault was opened without one. */
  get catalog(): VaultCatalog {
    if (this.#recorder === undefined) throw noCatalog();
    this.#catalog ??= new VaultCatalog(this.#recorder, (options, run) => this.#runner.job(options, run));
    return this.#catalog;
  }

  close(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#catalog?.[Symbol.asyncDispose]();
    await this.#recorder?.[Symbol.asyncDispose]();
    await this.#repository[Symbol.asyncDispose]();
    await this.#storage[Symbol.asyncDispose]();
  }

  #look({ signal }: SignalOptions): LookContext {
    return { repository: this.#repository, settings: this.#settings, signal };
  }

  #lock(mode: 'shared' | 'exclusive', { signal }: SignalOptions): ReturnType<typeof openSession> {
    return openSession(this.#repository, this.#settings, { mode, purpose: 'write', signal });
  }
}

/** The signal in the options that a call ends with. */
function signalOf(call: readonly unknown[]): SignalOptions {
  const options = call.findLast((part): part is SignalOptions => typeof part === 'object' && part !== null);
  return { signal: options?.signal };
}
