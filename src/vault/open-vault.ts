import { CairnArgumentError, messageOf } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { defaultCatalogFile } from '../catalog/catalog-file.ts';
import type { KeyDerivation } from '../formats/crypto/key-file.ts';
import { isStorageClass } from '../formats/snapshot/config.ts';
import { initRepository } from '../repository/init-repository.ts';
import { CONFIG_NAME } from '../repository/layout.ts';
import { listKeyIds } from '../repository/open-key.ts';
import { openRepository, readConfig } from '../repository/open-repository.ts';
import type { CacheOptions } from '../repository/repository-cache.ts';
import type { Repository } from '../repository/repository.ts';
import { shownUrl } from '../storage/shown-url.ts';
import type { Storage } from '../storage/storage.ts';
import { defaultCacheFolder } from './cache-folder.ts';
import { checkPassword, NO_PASSWORD_WARNING } from './checked-password.ts';
import { rememberOpening } from './opening-memory.ts';
import { openStorageStack } from './storage-stack.ts';
import { Vault } from './vault.ts';
import type { StorageSettings } from './storage-settings.ts';
import type { InitVaultOptions, OpenVaultOptions, VaultNotice } from './vault-options.ts';

/** Where a vault is: a URL or an open storage; several are a mirror of the first. */
export type VaultPlace = string | Storage | readonly (string | Storage)[];

/**
 * Opens the vault at a URL, as `openStorage` takes it: a folder, `s3:`, `sftp:`, `rest:`, `rclone:` or `memory:`; or in an open
 * storage, which is closed with the vault. Throws `VAULT_MISSING` where there is none, `PASSWORD_WRONG`,
 * `STORAGE_URL_INVALID`, and what the storage throws.
 *
 * ```ts
 * await using vault = await openVault('/mnt/backup/vault', { password });
 * const record = await vault.backup('/srv/data', { tags: ['nightly'] });
 * ```
 */
export async function openVault(place: VaultPlace, options: OpenVaultOptions): Promise<Vault> {
  return openOn(place, options, async (storage, notify) => {
    const { signal } = options;
    // Asked before the password, so that nobody types one for a vault that is not there. Both at once: each takes a server its time.
    const keyIds = listKeyIds({ origin: storage }, signal);
    keyIds.catch(() => {});
    const sealedConfig = await readConfig(storage, { signal });
    const password = await resolvePassword(options);
    const cache = tellingCache(options, notify);
    let opened: KeyDerivation | undefined;
    const repository = await openRepository(storage, {
      password,
      sealedConfig,
      keyIds,
      cache,
      coldClass: options.coldClass,
      signal,
      onOpened: (keyFile) => (opened = keyFile),
      onWarning: (warning) => notify({ level: 'warning', message: warning.message }),
    });
    const isKept = storage.features.remote && typeof place === 'string' && shownUrl(place) === place;
    if (isKept && cache !== undefined && opened !== undefined) await rememberOpening(cache.folder, place, opened);
    return { repository, password };
  });
}

/**
 * Makes a vault at a URL or in an open storage, and opens it. Throws `VAULT_EXISTS`, and changes nothing, where there is one already.
 *
 * ```ts
 * await using vault = await initVault('/mnt/backup/vault', { password });
 * ```
 */
export async function initVault(place: VaultPlace, options: InitVaultOptions): Promise<Vault> {
  return openOn(place, options, async (storage, notify) => {
    const password = await resolvePassword(options);
    if (password.isEmpty) notify({ level: 'warning', message: NO_PASSWORD_WARNING });
    const repository = await initRepository(storage, {
      password,
      version: options.version,
      chunker: options.chunker,
      generatedKey: options.generatedKey,
      coldClass: options.coldClass,
      cache: tellingCache(options, notify),
      signal: options.signal,
    });
    return { repository, password };
  });
}

/**
 * Whether there is a vault at `url`. Throws what the storage throws; that it is not there is no error. A storage that does not
 * answer is asked for up to 15 minutes; `onNotice` is told so.
 */
export async function vaultExists(
  url: string | readonly string[],
  signal?: AbortSignal,
  settings: StorageSettings = {},
  onNotice: (notice: VaultNotice) => void = () => {},
): Promise<boolean> {
  const stack = await openStorageStack(url, settings, onNotice, { signal });
  await using storage = stack.storage;
  return (await storage.stat(CONFIG_NAME, { signal })) !== undefined;
}

async function openOn(
  place: VaultPlace,
  options: OpenVaultOptions,
  open: (storage: Storage, notify: Notify) => Promise<{ readonly repository: Repository; readonly password: Secret }>,
): Promise<Vault> {
  const notify = notifyOf(options);
  if (options.coldClass !== undefined && !isStorageClass(options.coldClass)) throw noStorageClass(options.coldClass);
  const { signal, extensions, env } = options;
  const settings = { ...options.storage, schemes: options.storage?.schemes ?? extensions?.storages };
  const { storage, mirror } = await openStorageStack(place, settings, notify, { signal, env });
  try {
    const { repository, password } = await open(storage, notify);
    if (repository.coldClass !== undefined && storage.cold === undefined) notify(withoutClasses(repository.coldClass));
    return new Vault(storage, repository, {
      retryLockMs: options.retryLockMs ?? 0,
      lock: options.lock ?? true,
      jobs: options.jobs,
      // Nothing is encrypted with an empty one but the key of the vault.
      password: password.isEmpty ? undefined : password,
      memoryFolder: cacheOptions(options)?.folder,
      mirror,
      notify,
      logger: options.logger,
      extensions,
      catalogFile: catalogFileOf(options, storage),
    });
  } catch (error) {
    // The first error says more than a failed close would.
    await closeQuietly(storage);
    throw error;
  }
}

type Notify = (notice: VaultNotice) => void;

/** One way for notices inside, and two for them to come out. */
function notifyOf({ onNotice, logger }: OpenVaultOptions): Notify {
  return (notice) => {
    onNotice?.(notice);
    if (notice.level === 'warning') logger?.warn(notice.message);
    else logger?.info(notice.message);
  };
}

async function closeQuietly(storage: Storage): Promise<void> {
  try {
    await storage[Symbol.asyncDispose]();
  } catch {
    // See the caller.
  }
}

async function resolvePassword(options: OpenVaultOptions): Promise<Secret> {
  const { password: source } = options;
  const password =
    typeof source === 'function' ? await source() : source instanceof Secret ? source : new Secret(source);
  return checkPassword(password, options);
}

function cacheOptions(options: OpenVaultOptions): { readonly folder: string } | undefined {
  if (options.cache === false) return undefined;
  if (options.cache !== undefined) return options.cache;
  const folder = defaultCacheFolder(options.env ?? process.env);
  return folder === undefined ? undefined : { folder };
}

/** The same, with a word to the user where nothing can be kept there. */
function tellingCache(options: OpenVaultOptions, notify: Notify): CacheOptions | undefined {
  const cache = cacheOptions(options);
  if (cache === undefined) return undefined;
  const onProblem = (error: unknown): void =>
    notify({ level: 'warning', message: `no local copies are kept in ${cache.folder}: ${messageOf(error)}` });
  return { ...cache, onProblem };
}

/** A vault in memory ends with its process, and rows of it would stay for ever. */
function catalogFileOf({ catalog, env = process.env }: OpenVaultOptions, { url }: Storage): string | undefined {
  if (catalog === false) return undefined;
  return catalog?.file ?? (url.startsWith('memory:') ? undefined : defaultCatalogFile(env));
}

function noStorageClass(text: string): CairnArgumentError {
  return new CairnArgumentError(`${JSON.stringify(text.slice(0, 40))} is no storage class`, {
    hint: 'Write it as the provider does, such as GLACIER or DEEP_ARCHIVE.',
  });
}

function withoutClasses(coldClass: string): VaultNotice {
  return { level: 'info', message: `this storage has no classes: nothing is put into ${coldClass}` };
}
