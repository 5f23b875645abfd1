import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { CairnArgumentError } from '../../base/errors.ts';
import { nameTag } from '../../vault/actions/backup-name.ts';
import type { RotationRules } from '../../retention/rotation-policy.ts';
import type { RetentionResult } from '../../vault/care/rotate-backups.ts';
import type { VaultPlace } from '../../vault/open-vault.ts';
import { Vault } from '../../vault/vault.ts';
import type { OpenVaultOptions, PasswordSource } from '../../vault/vault-options.ts';
import { BackupHelper } from './backup-helper.ts';
import type { HelperBackups, HelperForm } from './helper-form.ts';
import { TemporaryFolder } from '../../base/temporary-folder.ts';

export interface BackupHelperOptions<F extends HelperForm = 'snapshot'> {
  /** What its backups are: snapshots by default. */
  readonly form?: F | undefined;
  /** An open vault, which stays open; or where one is, which is opened and closed with the helper. */
  readonly vault: Vault | VaultPlace;
  /** The password, where `vault` says where the vault is. */
  readonly password?: PasswordSource | undefined;
  /** Further options of opening it. */
  readonly open?: Omit<OpenVaultOptions, 'password' | 'signal'> | undefined;
  /** Tags of every backup of this helper. */
  readonly tags?: readonly string[] | undefined;
  /** The default rules of `rotate`; `withBackupHelper` applies them after its backup. */
  readonly rotation?: RotationRules | undefined;
  /** Aborts whatever the helper is doing. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens a helper for a script that makes dumps and backs them up. `name` is what the backups are found by; it is also the
 * beginning of the name of the temporary directory, and nothing else of that directory is stored. See `BackupHelper`.
 *
 * Closing it, or `await using`, removes the directory and backs up nothing: no disposer can know whether the code before it
 * threw. Call `backup()` last, or use `withBackupHelper`, which knows.
 */
export async function openBackupHelper<F extends HelperForm = 'snapshot'>(
  name: string,
  options: BackupHelperOptions<F>,
): Promise<BackupHelper<F>> {
  checkName(name);
  const stopping = new AbortController();
  const stop = (reason: unknown): void => stopping.abort(reason);
  const { signal: outer } = options;
  outer?.throwIfAborted();
  const signal = outer === undefined ? stopping.signal : AbortSignal.any([outer, stopping.signal]);
  await using opened = new AsyncDisposableStack();
  const ownedVault = options.vault instanceof Vault ? undefined : opened.use(await openOwn(options.vault, options));
  const vault = options.vault instanceof Vault ? options.vault : ownedVault;
  if (vault === undefined) throw new Error('a helper without a vault');
  const onSignal = (): void => stop(new Error('ended by a signal'));
  const folder = opened.use(await TemporaryFolder.make(name, onSignal));
  for (const part of ['files', 'partial', 'private']) await mkdir(path.join(folder.path, part), { mode: 0o700 });
  signal.throwIfAborted();
  const { tags = [], rotation, form = defaultForm<F>() } = options;
  const helper = new BackupHelper<F>({ form, name, vault, ownedVault, folder, signal, stop, tags, rotation });
  opened.move();
  return helper;
}

/** `F` can be another form only where the caller names it in `form`, so that this is not called. */
function defaultForm<F extends HelperForm>(): F {
  return 'snapshot' as F;
}

export interface HelperResult<T, F extends HelperForm = 'snapshot'> {
  /** What the body returned. */
  readonly value: T;
  /** What was backed up, by the body and at its end. */
  readonly backups: readonly HelperBackups[F][];
  /** What was removed, where there are rules for it. */
  readonly rotation: RetentionResult | undefined;
}

/**
 * Runs `body` with a helper and backs up its directory at the end, only if the body did not throw. Where the body has called
 * `backup` itself, that is not done again, unless a `pipe` came after it.
 *
 * ```ts
 * await withBackupHelper('myhost_mysql', { vault, password, tags: ['mysql'] }, async (h) => {
 *   await h.run('mysqldump', ['--all-databases'], { to: 'dump.sql', env: { MYSQL_PWD: secret } });
 * });
 * ```
 */
export async function withBackupHelper<T, F extends HelperForm = 'snapshot'>(
  name: string,
  options: BackupHelperOptions<F>,
  body: (helper: BackupHelper<F>) => Promise<T>,
): Promise<HelperResult<T, F>> {
  await using helper = await openBackupHelper(name, options);
  const value = await body(helper);
  if (!helper.isBackedUp) await helper.backup();
  // Only now: an older backup goes when a newer one is there.
  const rotation = options.rotation === undefined ? undefined : await helper.rotate();
  return { value, backups: helper.backups, rotation };
}

async function openOwn(
  place: VaultPlace,
  { password, open, signal }: Pick<BackupHelperOptions, 'password' | 'open' | 'signal'>,
): Promise<Vault> {
  if (password === undefined) throw new CairnArgumentError('a vault that is to be opened needs its `password`');
  const { openVault } = await import('../../vault/open-vault.ts');
  return openVault(place, { ...open, password, signal });
}

/** A name that backups can have and that can be a directory of a snapshot. */
function checkName(name: string): void {
  nameTag(name);
  if (name.includes('/') || name === '.' || name === '..') {
    throw new CairnArgumentError(`${JSON.stringify(name)}: the name of a helper cannot be a path`);
  }
}
