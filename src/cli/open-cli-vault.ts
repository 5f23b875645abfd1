// From what the user said to an open vault.
import { CairnError, hasCode } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { vaultVariables } from '../config/vault-variables.ts';
import { cacheFolder, catalogFile } from './user-places.ts';
import type { StorageSettings } from '../vault/storage-settings.ts';
import type { OpenVaultOptions, VaultNotice } from '../vault/vault-options.ts';
import type { Vault } from '../vault/vault.ts';
import type { CliContext } from './context.ts';
import type { ArchiveShelf } from '../vault/archives/open-archive-shelf.ts';
import { ensureKeyFile } from './default-vault.ts';
import { findPassword, type PasswordRequest } from './password.ts';
import { chooseVault, placeOf, type VaultChoice } from './vault-choice.ts';

export interface OpenCliVaultOptions {
  /** Make the default vault where nothing is configured and there is none yet: for `backup`. */
  readonly createDefault?: boolean;
  /** The vault of the plan that runs. */
  readonly planned?: string | undefined;
  /** Storage class for packs of data, for this run. */
  readonly coldClass?: string | undefined;
  /** Told of the password once it is known, so that it can be kept out of messages. */
  readonly onPassword?: ((password: Secret) => void) | undefined;
}

/**
 * Opens the vault of this command line. A vault that was named and does not exist is never made silently;
 * only the default one is, when something is about to be saved.
 */
export async function openCliVault(
  cli: CliContext,
  { createDefault = false, planned, coldClass, onPassword }: OpenCliVaultOptions = {},
): Promise<Vault> {
  const choice = await chooseVault(cli.options.vault, cli.env, cli.config, planned);
  cli.detail(`vault: ${choice.kind === 'configured' ? choice.name : placeOf(choice)}`);
  try {
    const { openVault } = await import('../vault/open-vault.ts');
    const options = telling(await vaultOptions(cli, choice, 'open'), onPassword);
    return await openVault(choice.url, coldClass === undefined ? options : { ...options, coldClass });
  } catch (error) {
    if (!hasCode(error, 'VAULT_MISSING')) throw error;
    if (choice.kind === 'default' && createDefault) return createDefaultVault(cli, choice);
    throw missingVault(choice);
  }
}

/** Opens the archives of the vault alone: no password is asked for. Throws `VAULT_MISSING`. */
export async function openCliArchiveShelf(cli: CliContext): Promise<ArchiveShelf> {
  const choice = await chooseVault(cli.options.vault, cli.env, cli.config);
  cli.detail(`vault: ${choice.kind === 'configured' ? choice.name : placeOf(choice)}`);
  try {
    const { openArchiveShelf } = await import('../vault/archives/open-archive-shelf.ts');
    return await openArchiveShelf(choice.url, {
      storage: await storageSettings(cli, choice),
      jobs: cli.options.jobs,
      onNotice: (notice) => tell(cli, notice),
      signal: cli.signal,
    });
  } catch (error) {
    throw hasCode(error, 'VAULT_MISSING') ? missingVault(choice) : error;
  }
}

function telling(options: OpenVaultOptions, onPassword: OpenCliVaultOptions['onPassword']): OpenVaultOptions {
  const { password: find } = options;
  if (onPassword === undefined || typeof find !== 'function') return options;
  return {
    ...options,
    password: async () => {
      const password = await find();
      onPassword(password);
      return password;
    },
  };
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
    cli.options.insecureNoPassword ||
    ['', '_FILE', '_COMMAND'].some((suffix) => (cli.env[`CAIRN_PASSWORD${suffix}`] ?? '') !== '') ||
    // Also where it is empty, which is refused.
    cli.env['BAKTHAT_PASSWORD'] !== undefined ||
    cli.env['BAKTHAT_PASSWORD_FILE'] !== undefined;
  if (hasOwnPassword) {
    const vault = await initVault(choice.url, { ...(await vaultOptions(cli, choice, 'create')), ...format });
    const how = cli.options.insecureNoPassword ? 'without a password' : 'with the password you gave';
    cli.info(`made a new vault in ${placeOf(choice)}, ${how}`);
    return vault;
  }
  // The key first: a vault whose key was never written down is lost.
  const { key, created } = await ensureKeyFile(choice.keyFile);
  const vault = await makeOrOpen(cli, choice, {
    ...(await vaultOptions(cli, choice, 'create')),
    ...format,
    password: key,
  });
  // Not for --quiet to hide: without this key nobody can read the vault.
  cli.insist(
    `${created ? 'made a new vault' : 'made a new vault with the key that was there'}\n` +
      `  vault: ${placeOf(choice)}\n` +
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
    return await initVault(choice.url, options);
  } catch (error) {
    if (!hasCode(error, 'VAULT_EXISTS')) throw error;
    cli.detail('another process made the vault meanwhile');
    return openVault(choice.url, options);
  }
}

/** Where local copies and memories are kept; `undefined` = nowhere. */
export function cacheFolderOf({ options, env }: CliContext): string | undefined {
  return options.cache ? (options.cacheDir ?? cacheFolder(env)) : undefined;
}

/** Where the password of a vault comes from that is not the one of `--vault`. */
type OtherPassword = Pick<PasswordRequest, 'names' | 'passwordFile' | 'passwordCommand' | 'insecureNoPassword'>;

/** How to open the chosen vault; the password is looked for when it is needed. */
export async function vaultOptions(
  cli: CliContext,
  choice: VaultChoice,
  purpose: 'open' | 'create',
  other?: OtherPassword,
): Promise<OpenVaultOptions> {
  const { options, env, signal, warn } = cli;
  const { passwordFile, passwordCommand, insecureNoPassword } = other ?? options;
  const folder = cacheFolderOf(cli);
  const vault = choice.kind === 'configured' ? choice.vault : undefined;
  return {
    password: () =>
      findPassword({
        choice,
        names: other?.names,
        passwordFile,
        passwordCommand,
        insecureNoPassword,
        env,
        signal,
        warn,
        purpose,
      }),
    insecureNoPassword,
    retryLockMs: options.retryLock ?? vault?.retryLockMs,
    coldClass: vault?.coldClass,
    lock: options.lock,
    jobs: options.jobs,
    storage: await storageSettings(cli, choice),
    cache: folder === undefined ? false : { folder },
    catalog: options.catalog ? { file: catalogFile(env) } : false,
    onNotice: (notice) => tell(cli, notice),
    extensions: (await cli.extensions())?.forVaults,
    signal,
  };
}

/** Shows what a vault or its storage reports. */
export function tell(cli: CliContext, { level, message }: VaultNotice): void {
  if (level === 'warning') cli.warn(message);
  else cli.info(message);
}

const KIB = 1024;

/** What the flags say, over what the configuration says of the vault. */
export async function storageSettings(cli: CliContext, choice: VaultChoice): Promise<StorageSettings> {
  const { options, signal } = cli;
  const vault = choice.kind === 'configured' ? choice.vault : undefined;
  const { limitUpload, limitDownload } = options;
  const readOnly = options.readOnly || (vault?.readOnly ?? false);
  const appendOnly = options.appendOnly || (vault?.appendOnly ?? false);
  if (options.readOnly && options.appendOnly) {
    throw new CairnError('USAGE', '--read-only and --append-only exclude each other', {
      hint: '--read-only writes nothing at all; --append-only lets backups be added.',
    });
  }
  return {
    env: choice.kind === 'configured' ? await vaultVariables(choice, signal) : undefined,
    schemes: (await cli.extensions())?.forVaults.storages,
    readOnly,
    appendOnly: appendOnly && !readOnly,
    connections: options.connections ?? vault?.connections,
    mirrorCopies: options.mirrorCopies ?? vault?.mirrorCopies,
    uploadBytesPerSecond: limitUpload === undefined ? vault?.uploadBytesPerSecond : limitUpload * KIB,
    downloadBytesPerSecond: limitDownload === undefined ? vault?.downloadBytesPerSecond : limitDownload * KIB,
  };
}

function missingVault(choice: VaultChoice): CairnError {
  if (choice.kind === 'default') {
    return new CairnError('VAULT_MISSING', `there is no vault yet; the default one would be in ${placeOf(choice)}`, {
      hint: 'Make the first backup with `cairn backup PATH`, or name another vault with --vault or CAIRN_VAULT.',
      facts: { url: placeOf(choice) },
    });
  }
  if (choice.kind === 'configured') {
    const { name, loaded } = choice;
    return new CairnError(
      'VAULT_MISSING',
      `there is no vault at the place of ${name} (from ${loaded.file ?? 'config'})`,
      {
        hint: `Make one there with \`cairn --vault ${name} init\`, or correct its url. If a disk should be mounted there, mount it.`,
      },
    );
  }
  const said = choice.by === 'flag' ? '--vault' : choice.by;
  return new CairnError('VAULT_MISSING', `there is no vault at ${placeOf(choice)} (from ${said})`, {
    hint: 'Make one there with `cairn init` and the same setting, or correct the address. If a disk should be mounted there, mount it.',
    facts: { url: placeOf(choice) },
  });
}
