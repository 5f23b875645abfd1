import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CairnError, messageOf } from '../base/errors.ts';
import type { LoadedConfig } from '../config/loaded-config.ts';
import type { VaultConfig } from '../config/vault-config.ts';
import { joinUrls, mirrorUrls } from '../storage/mirror/mirror-url.ts';
import { shownUrl } from '../storage/shown-url.ts';
import type { ConfigReader } from './cli-config.ts';
import { defaultPlaces } from './default-vault.ts';

/** Which vault is meant, and who said so. */
export type VaultChoice =
  | { readonly kind: 'chosen'; readonly url: string; readonly by: 'flag' | 'CAIRN_VAULT' | 'RESTIC_REPOSITORY' }
  /** A vault of the configuration. */
  | {
      readonly kind: 'configured';
      readonly url: string;
      readonly by: 'flag' | 'CAIRN_VAULT' | 'config' | 'plan';
      readonly name: string;
      readonly vault: VaultConfig;
      readonly loaded: LoadedConfig;
    }
  | { readonly kind: 'default'; readonly url: string; readonly keyFile: string };

/** Where the vault is, for people, logs and facts of errors: an address may hold a password, as restic's for REST do. */
export function placeOf({ url }: { readonly url: string }): string {
  return shownUrl(url);
}

const noConfig: ConfigReader = async () => undefined;

/**
 * Flag, then the vault of the plan that runs, then CAIRN_VAULT, then restic's variables, then the default of the
 * configuration, then the default place. The first two variables take the name of a vault of the configuration as well.
 */
export async function chooseVault(
  flag: string | undefined,
  env: NodeJS.ProcessEnv,
  config: ConfigReader = noConfig,
  planned?: string,
): Promise<VaultChoice> {
  if (flag !== undefined) return namedVault(notEmpty(flag, '--vault'), 'flag', config);
  if (planned !== undefined) return configured(await config(), planned, 'plan');
  const own = env['CAIRN_VAULT'];
  if (own !== undefined && own !== '') return namedVault(own, 'CAIRN_VAULT', config);
  const restic = env['RESTIC_REPOSITORY'];
  if (restic !== undefined && restic !== '') return { kind: 'chosen', url: restic, by: 'RESTIC_REPOSITORY' };
  const resticFile = env['RESTIC_REPOSITORY_FILE'];
  if (resticFile !== undefined && resticFile !== '') {
    return { kind: 'chosen', url: await readUrlFile(resticFile, 'RESTIC_REPOSITORY_FILE'), by: 'RESTIC_REPOSITORY' };
  }
  const loaded = await config();
  const name = loaded?.config.default.vault;
  if (name !== undefined) return configured(loaded, name, 'config');
  const { vault, keyFile } = defaultPlaces(env);
  return { kind: 'default', url: vault, keyFile };
}

/**
 * A vault by what the user called it: a name of the configuration, or a URL. Throws `USAGE` where it could be both a name
 * and a folder that is there.
 */
export async function namedVault(text: string, by: 'flag' | 'CAIRN_VAULT', config: ConfigReader): Promise<VaultChoice> {
  const members = mirrorUrls(text) ?? [text];
  // What has a slash or a colon is a place; the configuration is not even read for it.
  if (!members.some(mayBeName)) return { kind: 'chosen', url: text, by };
  const loaded = await config();
  const vaults = loaded?.config.vaults ?? {};
  const names = members.filter((member) => Object.hasOwn(vaults, member));
  const [name] = names;
  if (name === undefined) return { kind: 'chosen', url: text, by };
  if (members.length > 1) {
    throw new CairnError('USAGE', `${name} is the name of a vault, and a mirror is made of URLs`, {
      hint: 'Give its URLs, or write the mirror into the configuration: several under `url` of a vault.',
    });
  }
  // A folder of that name may be the vault itself.
  if (existsSync(name) && !vaults[name]?.urls.includes(resolve(name))) {
    throw new CairnError('USAGE', `${name} is both the name of a vault and a file or folder here`, {
      hint: `Write ./${name} for the folder; for the vault, run it in another folder or rename one of them.`,
    });
  }
  return configured(loaded, name, by);
}

/** A word that can be a name of the configuration. */
export function mayBeName(text: string): boolean {
  return /^[A-Za-z0-9_][\w.-]*$/.test(text);
}

function configured(
  loaded: LoadedConfig | undefined,
  name: string,
  by: 'flag' | 'CAIRN_VAULT' | 'config' | 'plan',
): VaultChoice {
  if (loaded === undefined) throw new Error(`the vault ${name} needs a configuration`);
  const vault = loaded.vault(name);
  return { kind: 'configured', url: joinUrls(vault.urls), by, name, vault, loaded };
}

function notEmpty(url: string, what: string): string {
  if (url !== '') return url;
  throw new CairnError('USAGE', `${what} is empty`, { hint: 'Give a folder or a URL, such as --vault /mnt/backup.' });
}

/** The address in a file that the environment variable `by` names. Throws `CONFIG_INVALID`, `USAGE`. */
export async function readUrlFile(path: string, by: string): Promise<string> {
  try {
    return notEmpty((await readFile(path, 'utf8')).trim(), `the file ${path} (${by})`);
  } catch (error) {
    if (error instanceof CairnError) throw error;
    throw new CairnError('CONFIG_INVALID', `cannot read ${path} (${by}): ${messageOf(error)}`, {
      hint: 'Name an existing file there, or give --vault.',
      cause: error,
    });
  }
}
