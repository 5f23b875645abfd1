import { recordKeys } from '../base/record-keys.ts';
import type { BackupOptions, BackupResult } from './actions/backup-action.ts';
import type { BackupSource } from './actions/backup-source.ts';
import type { VaultCheckOptions, VaultCheckResult } from './actions/check-action.ts';
import type { VaultRestoreOptions, VaultRestoreResult } from './actions/restore-action.ts';
import type { ArchiveOptions, ArchiveResult } from './archives/archive-action.ts';
import type { ForgetResult } from './care/apply-forget.ts';
import type { CopyOptions, CopyResult } from './care/copy-backups.ts';
import type { OlderThanCall } from './care/delete-older-than.ts';
import type { DeleteOptions, ForgetPlan } from './care/plan-forget.ts';
import type { PruneOptions, PruneResult } from './care/prune-vault.ts';
import type { RetentionResult, RotationCall } from './care/rotate-backups.ts';
import type { TagOptions, TagResult } from './care/tag-backups.ts';
import type { TagChange } from './care/tag-change.ts';
import type { GuardOptions, GuardSummary } from './guard/guard-source.ts';

/** What each action of a vault ends with. An action that is added here has its three events. */
export interface ActionResults {
  readonly backup: BackupResult;
  readonly restore: VaultRestoreResult;
  readonly forget: ForgetResult;
  readonly delete: ForgetResult;
  readonly prune: PruneResult;
  readonly rotate: RetentionResult;
  readonly deleteOlderThan: RetentionResult;
  readonly archive: ArchiveResult;
  /** Without what the change returned, which is for its caller alone. */
  readonly guard: GuardSummary;
  readonly tag: TagResult;
  readonly copy: CopyResult;
  /** What it found is in the result: `done` does not mean that all is well. */
  readonly check: VaultCheckResult;
}

export type ActionName = keyof ActionResults;

/** The same as a list, so that a hook for an event that never comes can be refused. */
export const actionNames: readonly ActionName[] = recordKeys<ActionName>({
  backup: true,
  restore: true,
  forget: true,
  delete: true,
  prune: true,
  rotate: true,
  deleteOlderThan: true,
  archive: true,
  guard: true,
  tag: true,
  copy: true,
  check: true,
});

/** What an action was asked to do: its options, and its other arguments by name. One that is not here tells nothing of it. */
export interface ActionRequests {
  readonly backup: BackupOptions & { readonly source: BackupSource };
  readonly restore: VaultRestoreOptions & { readonly reference: string };
  readonly forget: { readonly plan: ForgetPlan };
  readonly delete: DeleteOptions & { readonly references: readonly string[] };
  readonly prune: PruneOptions;
  readonly rotate: { readonly call: RotationCall };
  readonly deleteOlderThan: { readonly call: OlderThanCall };
  readonly archive: ArchiveOptions & { readonly source: BackupSource };
  readonly guard: GuardOptions & { readonly source: BackupSource };
  readonly tag: TagOptions & { readonly change: TagChange };
  /** `target`: the address of the other vault, without secrets. */
  readonly copy: CopyOptions & { readonly target: string };
  readonly check: VaultCheckOptions;
}

export type ActionRequest<A extends ActionName> = A extends keyof ActionRequests ? ActionRequests[A] : object;

/** What all events of an action say. */
export interface ActionEvent<A extends ActionName = ActionName> {
  readonly action: A;
  /** A UUID, the same in all events of one action. */
  readonly sessionId: string;
  /** Without secrets. */
  readonly vaultUrl: string;
}

export interface BeforeEvent<A extends ActionName = ActionName> extends ActionEvent<A> {
  /** Cannot be changed. */
  readonly options: Readonly<ActionRequest<A>>;
  readonly signal: AbortSignal;
  /** Stops the action before it begins, for a reason that its caller is told. Never returns. */
  readonly veto: (reason: string) => never;
}

export interface DoneEvent<A extends ActionName = ActionName> extends ActionEvent<A> {
  readonly result: ActionResults[A];
  readonly durationMs: number;
}

export interface FailedEvent<A extends ActionName = ActionName> extends ActionEvent<A> {
  readonly error: unknown;
  readonly durationMs: number;
}

/** The events of a vault: `<action>.before`, then `<action>.done` or `<action>.failed` with the same session id. */
export type VaultEvents = {
  readonly [A in ActionName as `${A}.before`]: BeforeEvent<A>;
} & {
  readonly [A in ActionName as `${A}.done`]: DoneEvent<A>;
} & {
  readonly [A in ActionName as `${A}.failed`]: FailedEvent<A>;
};

export type VaultEventName = keyof VaultEvents;

/** What it returns is awaited and not looked at. */
export type VaultListener<N extends VaultEventName> = (event: VaultEvents[N]) => unknown;
