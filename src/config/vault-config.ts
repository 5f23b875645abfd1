import type { RotationConfig } from './rotation-config.ts';
import type { SecretReference } from './secret-reference.ts';

/** How archives of a vault are made. */
export interface ArchiveConfig {
  readonly compression?: 'zstd' | 'gzip' | 'none';
  /** Encrypted for these age keys, so that this machine can write archives that it cannot read. */
  readonly recipients?: readonly string[];
  /** A passphrase of their own; by default the password of the vault. */
  readonly password?: SecretReference;
}

/** A named vault. */
export interface VaultConfig {
  /** The vault, then its mirrors. Paths are absolute. */
  readonly urls: readonly string[];
  readonly password?: SecretReference;
  /** Variables for its storage only, such as `AWS_SECRET_ACCESS_KEY`: several vaults may have different ones. */
  readonly env: Readonly<Record<string, SecretReference>>;
  readonly readOnly?: boolean;
  readonly appendOnly?: boolean;
  readonly connections?: number;
  readonly mirrorCopies?: number;
  readonly uploadBytesPerSecond?: number;
  readonly downloadBytesPerSecond?: number;
  readonly retryLockMs?: number;
  readonly coldClass?: string;
  readonly archives?: ArchiveConfig;
  /** What a rotation keeps that is given no rules. Backups by plans that have none are not removed by it. */
  readonly keep?: RotationConfig;
}
