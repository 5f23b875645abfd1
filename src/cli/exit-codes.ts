// What the exit code of `cairn` says. restic's numbers are kept where the meaning is the same
// (0, 1, 3, 10, 11, 12, 130), so that scripts written for restic read ours.
import type { ErrorCode } from '../base/error-codes.ts';
import { isCairnError } from '../base/errors.ts';

interface ExitMeaning {
  readonly code: number;
  readonly meaning: string;
}

export type ExitName =
  | 'ok'
  | 'failed'
  | 'usage'
  | 'partial'
  | 'noVault'
  | 'locked'
  | 'password'
  | 'full'
  | 'readOnly'
  | 'denied'
  | 'unreachable'
  | 'unknownRef'
  | 'ambiguousRef'
  | 'confirmation'
  | 'checkFailed'
  | 'target'
  | 'targetInsideVault'
  | 'source'
  | 'command'
  | 'damaged'
  | 'unsupported'
  | 'vaultExists'
  | 'lastKey'
  | 'cold'
  | 'pending'
  | 'vetoed'
  | 'plugin'
  | 'held'
  | 'overdue'
  | 'interrupted';

/** Every exit code there is, in the order of `--help`. */
export const exitMeanings: Readonly<Record<ExitName, ExitMeaning>> = {
  ok: { code: 0, meaning: 'done' },
  failed: { code: 1, meaning: 'failed for a reason that has no code of its own' },
  usage: { code: 2, meaning: 'the command line, a setting or an argument is wrong' },
  partial: { code: 3, meaning: 'partly done: what could be saved, restored or removed was, the rest is named' },
  noVault: { code: 10, meaning: 'there is no vault at that place' },
  locked: { code: 11, meaning: 'the vault is locked by somebody else' },
  password: { code: 12, meaning: 'the password is wrong or missing' },
  full: { code: 13, meaning: 'no space left, in the vault or at the target' },
  readOnly: { code: 14, meaning: 'the storage is read-only, or for adding only' },
  denied: { code: 15, meaning: 'the storage refuses access' },
  unreachable: { code: 16, meaning: 'the storage cannot be reached; trying later can help' },
  unknownRef: { code: 17, meaning: 'no such backup, or no such path in it' },
  ambiguousRef: { code: 18, meaning: 'several backups match the reference' },
  confirmation: { code: 19, meaning: 'a confirmation is needed: answer, or give --yes' },
  checkFailed: { code: 20, meaning: 'the check found damage' },
  target: { code: 21, meaning: 'the target of a restore cannot be used' },
  targetInsideVault: { code: 22, meaning: 'the target of a restore lies inside the vault' },
  source: {
    code: 23,
    meaning: 'the source of a backup is missing, empty, unreadable, or changed meanwhile: nothing was saved',
  },
  command: { code: 24, meaning: 'a program that was run for its output or a password failed' },
  damaged: { code: 25, meaning: 'data in the vault is damaged or missing' },
  unsupported: { code: 26, meaning: 'this vault or this machine lacks a feature that is needed' },
  vaultExists: { code: 27, meaning: 'a vault is there already' },
  lastKey: { code: 28, meaning: 'the last key of a vault cannot be removed' },
  cold: { code: 29, meaning: 'data lies in a cold storage class and has to be retrieved first' },
  pending: { code: 30, meaning: 'data was asked for from cold storage and is not there yet: run it again later' },
  vetoed: { code: 37, meaning: 'a hook, a plugin or a listener refused the action before it began' },
  plugin: { code: 38, meaning: 'a plugin failed' },
  held: { code: 35, meaning: 'a backup is held, so it may not be removed' },
  overdue: { code: 36, meaning: 'a backup that is made regularly is overdue' },
  interrupted: { code: 130, meaning: 'interrupted' },
};

const exitOfCode: Readonly<Record<ErrorCode, ExitName>> = {
  ARGUMENT_INVALID: 'usage',
  USAGE: 'usage',
  CONFIG_INVALID: 'usage',
  ID_INVALID: 'usage',
  ABORTED: 'interrupted',
  NOT_SUPPORTED: 'unsupported',
  KERNEL_UNAVAILABLE: 'unsupported',
  INTERNAL: 'failed',
  STORAGE_URL_INVALID: 'usage',
  STORAGE_UNREACHABLE: 'unreachable',
  STORAGE_DENIED: 'denied',
  STORAGE_FULL: 'full',
  STORAGE_READ_ONLY: 'readOnly',
  STORAGE_IO: 'failed',
  OBJECT_MISSING: 'damaged',
  OBJECT_EXISTS: 'failed',
  OBJECT_NAME_INVALID: 'failed',
  OBJECT_TRUNCATED: 'damaged',
  OBJECT_COLD: 'cold',
  BUCKET_MISSING: 'noVault',
  CREDENTIALS_MISSING: 'denied',
  CREDENTIALS_EXPIRED: 'denied',
  CLOCK_SKEWED: 'denied',
  SECRET_IN_CLEAR: 'usage',
  STORAGE_APPEND_ONLY: 'readOnly',
  RETRIEVAL_PENDING: 'pending',
  MIRROR_BEHIND: 'partial',
  MIRROR_MISMATCH: 'usage',
  STORAGE_HOST_UNKNOWN: 'denied',
  STORAGE_HOST_CHANGED: 'denied',
  VAULT_MISSING: 'noVault',
  VAULT_EXISTS: 'vaultExists',
  VAULT_UNSUPPORTED: 'unsupported',
  PASSWORD_MISSING: 'password',
  PASSWORD_WRONG: 'password',
  PASSWORD_MISMATCH: 'password',
  KEY_CORRUPT: 'damaged',
  KEY_LAST: 'lastKey',
  CONFIG_CORRUPT: 'damaged',
  VAULT_LOCKED: 'locked',
  LOCK_LOST: 'locked',
  LOCK_CORRUPT: 'locked',
  SEAL_BROKEN: 'damaged',
  FORMAT_INVALID: 'damaged',
  COMPRESSION_INVALID: 'damaged',
  PACK_CORRUPT: 'damaged',
  INDEX_CORRUPT: 'damaged',
  SNAPSHOT_CORRUPT: 'damaged',
  TREE_CORRUPT: 'damaged',
  BLOB_MISSING: 'damaged',
  BLOB_CORRUPT: 'damaged',
  WRITE_VERIFY_FAILED: 'failed',
  INDEX_FULL: 'failed',
  REF_UNKNOWN: 'unknownRef',
  REF_AMBIGUOUS: 'ambiguousRef',
  PATH_NOT_FOUND: 'unknownRef',
  SOURCE_MISSING: 'source',
  SOURCE_UNREADABLE: 'source',
  // Thrown where nothing was kept. Beside what was saved it is a problem in a list, and the run ends as `BACKUP_PARTIAL`.
  SOURCE_CHANGED: 'source',
  SOURCE_EMPTY: 'source',
  COMMAND_FAILED: 'command',
  EXCLUDE_INVALID: 'usage',
  BACKUP_PARTIAL: 'partial',
  RESTORE_PARTIAL: 'partial',
  RESTORE_FAILED: 'failed',
  TARGET_INVALID: 'target',
  TARGET_EXISTS: 'target',
  TARGET_INSIDE_VAULT: 'targetInsideVault',
  TARGET_FULL: 'full',
  NAME_HOSTILE: 'damaged',
  CONFIRMATION_NEEDED: 'confirmation',
  CHECK_FAILED: 'checkFailed',
  FORGET_REFUSED: 'usage',
  FORGET_PARTIAL: 'partial',
  PLAN_OUTDATED: 'failed',
  REWRITE_REFUSED: 'unsupported',
  REWRITE_PARTIAL: 'partial',
  REPAIR_PARTIAL: 'partial',
  COPY_PARTIAL: 'partial',
  PRUNE_REFUSED: 'damaged',
  PRUNE_PARTIAL: 'partial',
  ACTION_VETOED: 'vetoed',
  HOOK_FAILED: 'command',
  PLUGIN_FAILED: 'plugin',
  RETENTION_EMPTY: 'usage',
  CLOCK_DOUBTFUL: 'usage',
  BACKUP_HELD: 'held',
  BACKUP_OVERDUE: 'overdue',
  GUARD_ROLLED_BACK: 'failed',
  GUARD_ROLLBACK_FAILED: 'partial',
  IDENTITY_MISSING: 'password',
  IDENTITY_WRONG: 'password',
  ARCHIVE_CORRUPT: 'damaged',
  ARCHIVE_TOO_LARGE: 'target',
  ARCHIVE_PARTIAL: 'partial',
  NOTIFICATION_FAILED: 'failed',
  VALUE_MISSING: 'unknownRef',
  VALUE_INVALID: 'damaged',
  VALUE_TOO_LARGE: 'usage',
  VALUE_CORRUPT: 'damaged',
  CATALOG_UNSUPPORTED: 'unsupported',
  CATALOG_DAMAGED: 'damaged',
  CATALOG_UNAVAILABLE: 'failed',
  QUERY_INVALID: 'usage',
  QUERY_LIMIT: 'failed',
};

/** The exit code of an error code. */
export function exitCodeOf(code: ErrorCode): number {
  return exitMeanings[exitOfCode[code]].code;
}

/** The exit code of anything that was thrown; what is not ours is a plain failure. */
export function exitCodeOfError(error: unknown): number {
  return isCairnError(error) ? exitCodeOf(error.code) : exitMeanings.failed.code;
}

/** The table that `--help` shows; `names` chooses the rows. */
export function describeExitCodes(names: readonly ExitName[]): string {
  const sorted = [...new Set(names)].toSorted((a, b) => exitMeanings[a].code - exitMeanings[b].code);
  const rows = sorted.map((name) => `  ${String(exitMeanings[name].code).padStart(3)}  ${exitMeanings[name].meaning}`);
  return `Exit codes:\n${rows.join('\n')}`;
}
