// From what the user said to an open vault.
import { CairnError, hasCode } from '../base/errors.ts';
import { defaultCacheFolder } from '../vault/cache-folder.ts';
import type { StorageSettings } from '../vault/storage-settings.ts';
import type { OpenVaultOptions } from '../vault/vault-options.ts';
import type { Vault } from '../vault/vault.ts';
import type { CliContext } from './context.ts';
import type { GlobalOptions } from './global-options.ts';
import type { ArchiveShelf } from '../vault/archives/open-archive-shelf.ts';
import { ensureKeyFile } from './default-vault.ts';
import { findPassword, type PasswordRequest } from './password.ts';
import { chooseVault, type VaultChoice } from './vault-choice.ts';

export interface OpenCliVaultOptions {
  /** Make the default vault where nothing is configured and there is none yet: for `backup`. */
  readonly createDefault?: boolean;
  /** Storage class for packs of data, for this run. */
  readonly coldClass?: string | undefined;
}

/**
 * Opens the vault of this command line. A vault that was named and does not exist is never made silently;
 * only the default one is, when something is about to be saved.
 */
export async function openCliVault(
  cli: CliContext,
  { createDefault = false, coldClass }: OpenCliVaultOptions = {},
): Promise<Vault> {
  const choice = await chooseVault(cli.options.vault, cli.env);
  cli.detail(`vault: ${choice.url}`);
  try {
    const { openVault } = await import('../vault/open-vault.ts');
    return await openVault(choice.url, { ...vaultOptions(cli, choice, 'open'), coldClass });
  } catch (error) {
    if (!hasCode(error, 'VAULT_MISSING')) throw error;
    if (choice.kind === 'default' && createDefault) return createDefaultVault(cli, choice);
    throw missingVault(choice);
  }
}

/** Opens the archives of the vault alone: no password is asked for. Throws `VAULT_MISSING`. */
export async function openCliArchiveShelf(cli: CliContext): Promise<ArchiveShelf> {
  const choice = await chooseVault(cli.options.vault, cli.env);
  cli.detail(`vault: ${choice.url}`);
  try {
    const { openArchiveShelf } = await import('../vault/archives/open-archive-shelf.ts');
    return await openArchiveShelf(choice.url, {
      storage: storageSettings(cli.options),
      jobs: cli.options.jobs,
      onNotice: ({ level, message }) => (level === 'warning' ? cli.warn(message) : cli.info(message)),
      signal: cli.signal,
    });
  } catch (error) {
    throw hasCode(error, 'VAULT_MISSING') ? missingVault(choice) : error;
  }
}

type DefaultChoice = Extract<VaultChoice, { readonly kind: 'default' }>;

/** Makes the default vault: with the password that is configured, or else with a random key. */
export async function createDefaultVault(
  cli: CliContext,
  choice: DefaultChoice,
  format: NewVaultFormat = {},
): Promise<Vault> {
  const { initVault } = await import('../vault/open-vault.ts');
  const hasOwnPassword =
    cli.options.passwordFile !== undefined ||
    cli.options.passwordCommand !== undefined ||
    ['', '_FILE', '_COMMAND'].some((suffix) => (cli.env[`CAIRN_PASSWORD${suffix}`] ?? '') !== '');
  if (hasOwnPassword) {
    const vault = await initVault(choice.url, { ...vaultOptions(cli, choice, 'create'), ...format });
    cli.info(`made a new vault in ${choice.url}, with the password you gave`);
    return vault;
  }
  // The key first: a vault whose key was never written down is lost.
  const { key, created } = await ensureKeyFile(choice.keyFile);
  const vault = await makeOrOpen(cli, choice, { ...vaultOptions(cli, choice, 'create'), ...format, password: key });
  // Not for --quiet to hide: without this key nobody can read the vault.
  cli.insist(
    `${created ? 'made a new vault' : 'made a new vault with the key that was there'}\n` +
      `  vault: ${choice.url}\n` +
      `  key:   ${choice.keyFile}\n` +
      `Save a copy of the key file somewhere else, such as a password manager: without it nothing can be restored.`,
  );
  return vault;
}

export interface NewVaultFormat {
  readonly chunker?: 'gear' | 'rabin';
  readonly version?: 1 | 2;
  readonly coldClass?: string | undefined;
}

/** Two first backups at once both come here; the slower one uses what the quicker one made. */
async function makeOrOpen(cli: CliContext, choice: DefaultChoice, options: OpenVaultOptions): Promise<Vault> {
  const { initVault, openVault } = await import('../vault/open-vault.ts');
  try {
    return await initVault(choice.url, { ...options, generatedKey: true });
  } catch (error) {
    if (!hasCode(error, 'VAULT_EXISTS')) throw error;
    cli.detail('another process made the vault meanwhile');
    return openVault(choice.url, options);
  }
}

/** Where local copies and memories are kept; `undefined` = nowhere. */
export function cacheFolderOf({ options, env }: CliContext): string | undefined {
  return options.cache ? (options.cacheDir ?? defaultCacheFolder(env)) : undefined;
}

/** Where the password of a vault comes from that is not the one of `--vault`. */
type OtherPassword = Pick<PasswordRequest, 'names' | 'passwordFile' | 'passwordCommand'>;

/** How to open the chosen vault; the password is looked for when it is needed. */
export function vaultOptions(
  cli: CliContext,
  choice: VaultChoice,
  purpose: 'open' | 'create',
  other?: OtherPassword,
): OpenVaultOptions {
  const { options, env, signal, warn } = cli;
  const { passwordFile, passwordCommand } = other ?? options;
  const folder = cacheFolderOf(cli);
  return {
    password: () =>
      findPassword({
        choice,
        names: other?.names,
        passwordFile,
        passwordCommand,
        env,
        signal,
        warn,
        purpose,
      }),
    retryLockMs: options.retryLock,
    lock: options.lock,
    jobs: options.jobs,
    storage: storageSettings(options),
    cache: folder === undefined ? false : { folder },
    onNotice: ({ level, message }) => (level === 'warning' ? warn(message) : cli.info(message)),
    signal,
  };
}

const KIB = 1024;

function storageSettings(options: GlobalOptions): StorageSettings {
  const { limitUpload, limitDownload } = options;
  if (options.readOnly && options.appendOnly) {
    throw new CairnError('USAGE', '--read-only and --append-only exclude each other', {
      hint: '--read-only writes nothing at all; --append-only lets backups be added.',
    });
  }
  return {
    readOnly: options.readOnly,
    appendOnly: options.appendOnly,
    connections: options.connections,
    mirrorCopies: options.mirrorCopies,
    uploadBytesPerSecond: limitUpload === undefined ? undefined : limitUpload * KIB,
    downloadBytesPerSecond: limitDownload === undefined ? undefined : limitDownload * KIB,
  };
}

function missingVault(choice: VaultChoice): CairnError {
  if (choice.kind === 'default') {
    return new CairnError('VAULT_MISSING', `there is no vault yet; the default one would be in ${choice.url}`, {
      hint: 'Make the first backup with `cairn backup PATH`, or name another vault with --vault or CAIRN_VAULT.',
      facts: { url: choice.url },
    });
  }
  const said = choice.by === 'flag' ? '--vault' : choice.by;
  return new CairnError('VAULT_MISSING', `there is no vault at ${choice.url} (from ${said})`, {
    hint: 'Make one there with `cairn init` and the same setting, or correct the address. If a disk should be mounted there, mount it.',
    facts: { url: choice.url },
  });
}
