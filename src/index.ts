// The public API of cairn-backup. What is not listed here is internal and may change.
export { type ErrorCode, errorCodes } from './base/error-codes.ts';
export {
  CairnArgumentError,
  CairnError,
  type CairnErrorOptions,
  type ErrorFacts,
  hasCode,
  isCairnError,
  type KnownError,
  type Retry,
} from './base/errors.ts';
export { Job, type JobContext, type Progress } from './base/job.ts';
export type { LogFacts, Logger } from './base/logger.ts';
export { Secret } from './base/secret.ts';

export { type Cairn, type CairnOptions, createCairn, type Plan } from './app/cairn.ts';
export type { ConfiguredSource } from './app/configured-source.ts';
export type { KeepResult } from './app/keep-backups.ts';
export type { RunSourcesOptions, RunSourcesResult, SourceOutcome } from './app/run-sources.ts';
export type { Config } from './config/config.ts';
export type { ConfigInput } from './config/config-input.ts';
export type { HookConfig, HooksConfig } from './config/hook-config.ts';
export { loadConfig, type LoadConfigOptions } from './config/load-config.ts';
export type { LoadedConfig } from './config/loaded-config.ts';
export type { NotifierConfig } from './config/notifier-config.ts';
export type { PlanConfig } from './config/plan-config.ts';
export type { PluginConfig } from './config/plugin-config.ts';
export type { RotationConfig } from './config/rotation-config.ts';
export type { SecretReference } from './config/secret-reference.ts';
export type { SourceConfig } from './config/source-config.ts';
export type { ArchiveConfig, VaultConfig } from './config/vault-config.ts';

export { initVault, openVault, vaultExists } from './vault/open-vault.ts';
export type { Vault } from './vault/vault.ts';
export type { InitVaultOptions, OpenVaultOptions, PasswordSource, VaultNotice } from './vault/vault-options.ts';
export type { VaultMirror } from './vault/care/vault-mirror.ts';
export type { BehindReason, MirrorMemberReport } from './storage/mirror/mirror-member.ts';
export type { MirrorRepairPlan, MirrorRepairResult } from './storage/mirror/mirror-repair.ts';
export type { VaultPlace } from './vault/open-vault.ts';
export type { StorageSettings } from './vault/storage-settings.ts';
export type { StorageLogEntry } from './storage/layers/log.ts';
export type {
  ActionEvent,
  ActionName,
  ActionRequest,
  ActionRequests,
  ActionResults,
  BeforeEvent,
  DoneEvent,
  FailedEvent,
  VaultEventName,
  VaultEvents,
  VaultListener,
} from './vault/vault-events.ts';
export { VaultListeners } from './vault/vault-listeners.ts';
export type { VaultExtensions } from './vault/vault-extensions.ts';

export type {
  BackupCounts,
  BackupOptions,
  BackupPreview,
  BackupProblem,
  BackupResult,
} from './vault/actions/backup-action.ts';
export type {
  ArchiveDetails,
  BackupDetails,
  BackupSummary,
  SnapshotDetails,
} from './vault/reference/backup-details.ts';
export type { BackupInfo } from './vault/look/backup-info.ts';
export type { BackupEntry } from './vault/look/backup-entry.ts';
export type { BackupFilter } from './vault/reference/backup-filter.ts';
export type { ArchiveBackup, BackupRecord, SnapshotBackup } from './vault/reference/backup-record.ts';
export type { BackupSource } from './vault/actions/backup-source.ts';
export type { VaultCheckOptions, VaultCheckResult } from './vault/actions/check-action.ts';
export type { ReferenceOptions } from './vault/reference/choose-snapshot.ts';
export type { FindOptions, FoundFile } from './vault/look/find-files.ts';
export type { DiffChange, DiffOptions, DiffResult, DumpOptions, LsOptions } from './vault/look/look-inside.ts';
export type { GrowthStep, ModeStats, StatsOptions, VaultStats } from './vault/look/look-stats.ts';
export type { StatsMode } from './repository/walk/repository-stats.ts';
export type { RetrievalOptions, RetrievalSummary } from './vault/actions/retrieve-packs.ts';
export type { RetrievalPrices } from './storage/cold/retrieval-plan.ts';
export type { RetrievalTier } from './storage/storage.ts';
export type { RestorePlan, VaultRestoreOptions, VaultRestoreResult } from './vault/actions/restore-action.ts';
export type { DestinationState } from './vault/actions/restore-destination.ts';

export type { ForgetResult } from './vault/care/apply-forget.ts';
export type { DeleteOptions, ForgetGroup, ForgetOptions, ForgetPlan } from './vault/care/plan-forget.ts';
export type { CareOptions } from './vault/care/care-options.ts';
export type { BackupCopy, CopyOptions, CopyResult } from './vault/care/copy-backups.ts';
export type { MigrateOptions, MigrateResult } from './vault/care/migrate-vault.ts';
export type { PruneOptions, PruneResult } from './vault/care/prune-vault.ts';
export type { RecoverResult } from './vault/care/recover-backups.ts';
export type { RepairIndexOptions } from './vault/care/repair-index-action.ts';
export type { RepairPacksOptions } from './vault/care/repair-packs-action.ts';
export type { RepairSnapshotsOptions } from './vault/care/repair-snapshots.ts';
export type { RewriteChange, RewriteOptions } from './vault/care/rewrite-backups.ts';
export type { ChangedEntry, RewriteResult, SnapshotChange } from './vault/care/rewrite-snapshots.ts';
export type { TagOptions, TagResult } from './vault/care/tag-backups.ts';
export type { TagChange } from './vault/care/tag-change.ts';
export type { GuardedChange, GuardOptions, GuardResult, GuardSummary } from './vault/guard/guard-source.ts';
export type { OlderThanOptions, OlderThanPlan } from './vault/care/delete-older-than.ts';
export type { ByNameOptions, NamedFilter } from './vault/care/plan-by-name.ts';
export type { RetentionResult, RotationOptions, RotationPlan } from './vault/care/rotate-backups.ts';
export { type Interval, parseInterval } from './retention/interval.ts';
export type { NameGroupField } from './retention/group-by-name.ts';
export type { ExpectedBackup, PeriodicStatus } from './retention/periodic-status.ts';
export type { PeriodicOptions } from './vault/look/periodic-backups.ts';
export type { RotationRules, RotationUnit } from './retention/rotation-policy.ts';
export { type KeptItem, type RotationItem, type Selected, selectRotation } from './retention/select-rotation.ts';
export { parseWeekday, type Weekday } from './retention/weekday.ts';
export type { GroupField, GroupKey } from './retention/group-snapshots.ts';
export type { KeepCount, KeepRules } from './retention/keep-policy.ts';
export type { BackupSelection } from './vault/reference/select-snapshots.ts';

export type { QueryRow, VaultCatalog } from './vault/catalog/vault-catalog.ts';
export type { BackupForm, CatalogBackup, CatalogRow } from './catalog/catalog-backup.ts';
export type { CatalogFilter } from './catalog/find-rows.ts';
export type { CatalogProof } from './catalog/run-rows.ts';
export type { CatalogSyncResult } from './catalog/merge-vault.ts';
export type { QueryTable, QueryValue } from './catalog/query/query-message.ts';
export type { QueryOptions } from './catalog/query/query-process.ts';

export type { CheckResult } from './repository/check/check-repository.ts';
export type { Finding, FindingKind } from './repository/check/finding.ts';
export type { ReadData } from './repository/check/read-data.ts';
export type { IndexRepairPlan, IndexRepairResult, PackToRead } from './repository/repair/repair-index.ts';
export type { LostBlob, PackRepairPlan, PackRepairResult, PackState } from './repository/repair/repair-packs.ts';
export type { UncopiedBlob } from './repository/copy/copy-damage.ts';
export type { PackCount, PrunePlan } from './repository/prune/prune-plan.ts';
export type { MaxUnused, PruneRules } from './repository/prune/prune-rules.ts';
export type { PasswordChange } from './repository/change-password.ts';
export type { KeyRecord } from './repository/keys.ts';
export type { UnlockResult } from './repository/lock/unlock.ts';
export type { OverwriteMode } from './restorer/restore-options.ts';
export type { RestoreProblem } from './restorer/restore-problem.ts';

export { type Extensions, type ExtensionsOptions, loadExtensions } from './plugins/load-extensions.ts';
export { definePlugin, type Plugin, type PluginContext, type PluginSettings } from './plugins/define-plugin.ts';
export type { PluginCommand, PluginCommandContext } from './plugins/plugin-command.ts';
export type { PluginEntry } from './plugins/plugin-entry.ts';
export type { HookEntry, HookTable } from './plugins/hook-entry.ts';
export type {
  NotifierFactory,
  NotifierMessage,
  NotifierOutcome,
  NotifierSubject,
  PluginNotifier,
} from './plugins/plugin-notifier.ts';
export type { BuiltInSource } from './vault/actions/backup-source.ts';
export type {
  RegisteredSource,
  SourceFactories,
  SourceFactory,
  SourceFactoryContext,
} from './vault/actions/registered-source.ts';
export type { Source, SourceDirectory, SourceEntry, SourceProblem, StreamMetadata } from './archiver/source.ts';
export type { OpenScheme, StorageSchemes } from './storage/open-storage.ts';
export {
  type ArchiveShelf,
  openArchiveShelf,
  type OpenArchiveShelfOptions,
} from './vault/archives/open-archive-shelf.ts';
export { howToRestore } from './vault/archives/how-to-restore.ts';
export type { ArchiveOptions, ArchiveResult } from './vault/archives/archive-action.ts';
export type { ArchiveKeys, SealOptions } from './vault/archives/archive-access.ts';
export type { ArchiveOutput } from './vault/archives/archive-output.ts';
export type { ExportOptions, ExportResult } from './vault/archives/export-archive.ts';
export type { ImportOptions, ImportResult } from './vault/archives/import-archive.ts';
export type { ImportedSnapshot } from './vault/archives/import-snapshot.ts';
export type { ArchiveCodec } from './archives/codec.ts';
export type { ArchiveEncryption } from './archives/sidecar.ts';
export { parseIdentities, parseRecipients } from './formats/age/age-key-list.ts';
export {
  attachNotifications,
  watchVault,
  type AttachedNotifications,
  type WatchOptions,
} from './app/notifications/watch-vault.ts';
export {
  type DeliveryReport,
  type FailedDelivery,
  type NotificationOptions,
  type Notifications,
  openNotifications,
} from './app/notifications/notifications.ts';
export type { DeliveryContext, NotificationMessage, Notifier } from './app/notifications/notifier.ts';
export type { NotifierSettings } from './app/notifications/notifier-settings.ts';
export type { Outcome, OutcomeStatus, OutcomeSubject, Severity } from './app/notifications/outcome.ts';
export { verifyWebhook, type WebhookVerdict } from './app/notifications/webhook-signature.ts';
export type { BackupHelper, RunOptions, RunOutput } from './app/helper/backup-helper.ts';
export type { HelperBackupOptions, HelperBackups, HelperForm } from './app/helper/helper-form.ts';
export {
  type BackupHelperOptions,
  type HelperResult,
  openBackupHelper,
  withBackupHelper,
} from './app/helper/open-backup-helper.ts';
export type { PipeOptions, WriteData } from './app/helper/backup-helper.ts';
export { type Authorize, bearerToken } from './server/embed/bearer-token.ts';
export {
  type BackupHandler,
  type BackupHandlerOptions,
  createBackupHandler,
  type NamedSource,
} from './server/embed/backup-handler.ts';
export type { RunDocument } from './server/embed/backup-run.ts';
export { type FetchHandler, nodeListener } from './server/embed/node-listener.ts';

export type {
  GetValueOptions,
  ListValuesOptions,
  StoredValue,
  VaultUrlOptions,
  VaultValues,
} from './vault/values/vault-values.ts';
export type { JsonValue } from './values/json-content.ts';
export type { ValueUrlRequest } from './values/signed-url.ts';
export type { ValueSchema } from './values/value-schema.ts';
export type { ValueSealOptions, ValueUnsealOptions, ValuePassword } from './values/value-seal.ts';
export type { ValueUrlAnswer } from './values/value-url.ts';
export type { ValueEntry, ValueVersion } from './values/value-version.ts';
export type { SetValueOptions } from './values/write-value.ts';
export type { ValueBackup } from './vault/values/value-backup.ts';
