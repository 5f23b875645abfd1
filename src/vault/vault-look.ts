import type { KeyId } from '../base/ids.ts';
import type { RepositoryConfig } from '../formats/snapshot/config.ts';
import type { Repository } from '../repository/repository.ts';
import type { Storage } from '../storage/storage.ts';
import type { BackupEntry } from './look/backup-entry.ts';
import type { BackupInfo } from './look/backup-info.ts';
import type { BackupFilter } from './reference/backup-filter.ts';
import type { BackupRecord } from './reference/backup-record.ts';
import type { BackupDetails } from './reference/backup-details.ts';
import type { ReferenceOptions } from './reference/choose-snapshot.ts';
import type { FindOptions, FoundFile } from './look/find-files.ts';
import type { CatOptions, DiffOptions, DiffResult, DumpOptions, LookContext, LsOptions } from './look/look-inside.ts';
import type { PeriodicOptions } from './look/periodic-backups.ts';
import type { ExpectedBackup, PeriodicStatus } from '../retention/periodic-status.ts';
import type { StatsMode } from '../repository/walk/repository-stats.ts';
import type { GrowthStep, ModeStats, StatsOptions, VaultStats } from './look/look-stats.ts';
import type { VaultSettings } from './vault-session.ts';
import type { VaultValues } from './values/vault-values.ts';

interface SignalOptions {
  readonly signal?: AbortSignal | undefined;
}

/** What an open vault shows and does not change. */
export abstract class VaultLook {
  /** Key-value entries beside the backups. */
  abstract readonly values: VaultValues;
  protected readonly storage: Storage;
  protected readonly repository: Repository;
  protected readonly settings: VaultSettings;

  protected constructor(storage: Storage, repository: Repository, settings: VaultSettings) {
    this.storage = storage;
    this.repository = repository;
    this.settings = settings;
  }

  /** Where the vault is, without secrets. */
  get url(): string {
    return this.storage.url;
  }

  /** The vault's folder on this machine, if it is one. */
  get localPath(): string | undefined {
    return this.storage.features.localPath;
  }

  get config(): Pick<RepositoryConfig, 'id' | 'version' | 'chunker' | 'coldClass'> {
    return this.repository.config;
  }

  /** The key that opened the vault. */
  get keyId(): KeyId {
    return this.repository.keyId;
  }

  /** The backups that match, of every form, oldest first. */
  async *list(filter: BackupFilter & SignalOptions = {}): AsyncGenerator<BackupRecord, void, undefined> {
    yield* await (await import('./look/list-backups.ts')).listBackups(this.look(filter), filter);
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
    return (await import('./look/periodic-backups.ts')).periodicBackups(this.look(options), expected, options);
  }

  /** The newest backup of a name, and how many there are. */
  async info(name: string, options: Omit<BackupFilter, 'name'> & SignalOptions = {}): Promise<BackupInfo> {
    const versions = async (): Promise<number> => (await this.values.history(name, options)).length;
    return (await import('./look/backup-info.ts')).infoOf(name, this.list({ ...options, name }), versions);
  }

  /** Everything that is recorded about one backup. Throws `REF_UNKNOWN` or `REF_AMBIGUOUS`. */
  async get(reference: string, options: ReferenceOptions & SignalOptions = {}): Promise<BackupDetails> {
    return (await import('./look/list-backups.ts')).getBackup(this.look(options), reference, options);
  }

  /** The entries of a backup, or of a folder in it: one level, or all with `recursive`. */
  async *ls(reference: string, options: LsOptions = {}): AsyncGenerator<BackupEntry, void, undefined> {
    yield* (await import('./look/look-inside.ts')).lookLs(this.look(options), reference, options);
  }

  /** Entries of all backups (or those of `filter`) whose name or path matches one of the patterns. */
  async *find(
    patterns: string | readonly string[],
    options: FindOptions & { readonly filter?: BackupFilter | undefined } & SignalOptions = {},
  ): AsyncGenerator<FoundFile, void, undefined> {
    yield* (await import('./look/look-inside.ts')).lookFind(
      this.look(options),
      typeof patterns === 'string' ? [patterns] : patterns,
      options,
    );
  }

  /** What changed from one backup to another: the counts, and each change told to `onChange` in the order of paths. */
  async diff(before: string, after: string, options: DiffOptions = {}): Promise<DiffResult> {
    return (await import('./look/look-inside.ts')).lookDiff(this.look(options), before, after, options);
  }

  /** The bytes of one file of a backup. Throws `PATH_NOT_FOUND`. */
  async *cat(reference: string, path: string, options: CatOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    yield* (await import('./look/look-inside.ts')).lookCat(this.look(options), reference, path, options);
  }

  /** A file or folder of a backup as a tar or zip stream. */
  async *dump(reference: string, path: string, options: DumpOptions): AsyncGenerator<Uint8Array, void, undefined> {
    yield* (await import('./look/look-inside.ts')).lookDump(this.look(options), reference, path, options);
  }

  /** How much the backups hold and what they take. */
  async stats(options: StatsOptions = {}): Promise<VaultStats> {
    return (await import('./look/look-stats.ts')).lookStats(this.look(options), options);
  }

  /** The same counted in one of restic's ways. */
  async statsByMode(mode: StatsMode, options: StatsOptions = {}): Promise<ModeStats> {
    return (await import('./look/look-stats.ts')).lookModeStats(this.look(options), mode, options);
  }

  /** What each backup added to those before it, oldest first. */
  async *growth(options: StatsOptions = {}): AsyncGenerator<GrowthStep, void, undefined> {
    yield* (await import('./look/look-stats.ts')).lookGrowth(this.look(options), options);
  }

  protected look({ signal }: SignalOptions): LookContext {
    return { repository: this.repository, settings: this.settings, signal };
  }
}
