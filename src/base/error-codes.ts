// Every error code there is, once. `docs/errors.md` has a heading for each and the command line an
// exit code; tests fail where one is missing. Codes are part of the public contract: add, never rename.

export const errorCodes = [
  // arguments and configuration
  'ARGUMENT_INVALID',
  'USAGE',
  'CONFIG_INVALID',
  'ID_INVALID',
  // process
  'ABORTED',
  'NOT_SUPPORTED',
  'KERNEL_UNAVAILABLE',
  'INTERNAL',
  // storage
  'STORAGE_URL_INVALID',
  'STORAGE_UNREACHABLE',
  'STORAGE_DENIED',
  'STORAGE_FULL',
  'STORAGE_READ_ONLY',
  'STORAGE_IO',
  'OBJECT_MISSING',
  'OBJECT_EXISTS',
  'OBJECT_NAME_INVALID',
  'OBJECT_TRUNCATED',
  'OBJECT_COLD',
  'BUCKET_MISSING',
  'CREDENTIALS_MISSING',
  'CREDENTIALS_EXPIRED',
  'CLOCK_SKEWED',
  'STORAGE_APPEND_ONLY',
  'RETRIEVAL_PENDING',
  // vault and repository
  'VAULT_MISSING',
  'VAULT_EXISTS',
  'VAULT_UNSUPPORTED',
  'PASSWORD_MISSING',
  'PASSWORD_WRONG',
  'PASSWORD_MISMATCH',
  'KEY_CORRUPT',
  'KEY_LAST',
  'CONFIG_CORRUPT',
  'VAULT_LOCKED',
  'LOCK_LOST',
  'LOCK_CORRUPT',
  // formats
  'SEAL_BROKEN',
  'FORMAT_INVALID',
  'COMPRESSION_INVALID',
  'PACK_CORRUPT',
  'INDEX_CORRUPT',
  'SNAPSHOT_CORRUPT',
  'TREE_CORRUPT',
  'BLOB_MISSING',
  'BLOB_CORRUPT',
  'WRITE_VERIFY_FAILED',
  'INDEX_FULL',
  // references
  'REF_UNKNOWN',
  'REF_AMBIGUOUS',
  'PATH_NOT_FOUND',
  // backup
  'SOURCE_MISSING',
  'SOURCE_UNREADABLE',
  'SOURCE_CHANGED',
  'SOURCE_EMPTY',
  'COMMAND_FAILED',
  'EXCLUDE_INVALID',
  'BACKUP_PARTIAL',
  // restore
  'RESTORE_PARTIAL',
  'RESTORE_FAILED',
  'TARGET_INVALID',
  'TARGET_EXISTS',
  'TARGET_INSIDE_VAULT',
  'TARGET_FULL',
  'NAME_HOSTILE',
  'CONFIRMATION_NEEDED',
  // check
  'CHECK_FAILED',
] as const;

export type ErrorCode = (typeof errorCodes)[number];
