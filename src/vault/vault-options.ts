import type { ErrorCode } from '../base/error-codes.ts';
import type { Logger } from '../base/logger.ts';
import type { Secret } from '../base/secret.ts';
import type { CacheOptions } from '../repository/repository-cache.ts';
import type { StorageSettings } from './storage-settings.ts';
import type { VaultExtensions } from './vault-extensions.ts';

/** A password, or how to get it; a function is called only once the vault is known to exist. */
export type PasswordSource = Secret | string | Uint8Array | (() => Promise<Secret>);

/**
 * Something the user should know that stopped nothing, such as a stale lock that was removed or a damaged index file
 * that was skipped.
 */
export interface VaultNotice {
  readonly level: 'info' | 'warning';
  readonly message: string;
  /** Where `docs/errors.md` says more. */
  readonly code?: ErrorCode;
}

export interface OpenVaultOptions {
  readonly password: PasswordSource;
  /**
   * The password is empty (`''`), as in a repository that restic made with `--insecure-no-password`: anyone who can read the
   * files of the vault can read every backup in it.
   */
  readonly insecureNoPassword?: boolean | undefined;
  /**
   * The variables that say where the cache and the catalog are (HOME and XDG's, CAIRN_CACHE_DIR, CAIRN_CATALOG), and that
   * the storage reads; those of this process by default. Where they name no place, there is no cache and no catalog.
   */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Keep trying for so long when the vault is locked; 0 by default. */
  readonly retryLockMs?: number | undefined;
  /** `false`: reading actions take no lock, as on a read-only copy of a vault. */
  readonly lock?: boolean | undefined;
  /** Local copies of the metadata of a remote vault; on by default. */
  readonly cache?: CacheOptions | false | undefined;
  /**
   * The catalog that learns what this vault does; by default the one of this machine (CAIRN_CATALOG), and none for a
   * vault in memory.
   */
  readonly catalog?: { readonly file: string } | false | undefined;
  /** Limits, read-only and append-only access, and who is told of operations. */
  readonly storage?: StorageSettings | undefined;
  /** Storage class for packs of data written now, such as `GLACIER`; by default the one the vault was made with. */
  readonly coldClass?: string | undefined;
  /** Worker threads of backup and restore, and threads in all of archives; one per core by default. */
  readonly jobs?: number | undefined;
  /** Told of notices one by one; a `logger` gets them as well. */
  readonly onNotice?: ((notice: VaultNotice) => void) | undefined;
  /** Gets notices, and the beginning, the phases and the end of every action. Silent by default. */
  readonly logger?: Logger | undefined;
  /** Storages, sources and listeners of plugins. */
  readonly extensions?: VaultExtensions | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `coldClass` is recorded in the vault, for all who write to it. */
export interface InitVaultOptions extends OpenVaultOptions {
  /** `gear` (fast) by default; `rabin` where restic writes into the vault as well and both shall deduplicate. */
  readonly chunker?: 'gear' | 'rabin' | undefined;
  readonly version?: 1 | 2 | undefined;
  /**
   * The password is random and has 256 bits, such as a key from a secret store, so that stretching it adds nothing. Known without saying of
   * what `cairn key generate` made. Of a password that can be guessed never say this: it is all that protects a stolen vault.
   */
  readonly generatedKey?: boolean | undefined;
}
