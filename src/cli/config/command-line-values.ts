// What flags and the environment say beside the configuration, as `config show --effective` prints it.
import { hostname } from 'node:os';
import { describeReference } from '../../config/config-values.ts';
import type { LoadedConfig } from '../../config/loaded-config.ts';
import { cacheFolder } from '../user-places.ts';
import type { CliContext } from '../context.ts';
import { chooseVault, placeOf, type VaultChoice } from '../vault-choice.ts';

export type Origin =
  | { readonly kind: 'file'; readonly file: string; readonly line: number; readonly column: number }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'flag'; readonly name: string }
  | { readonly kind: 'default' };

export interface OriginedValue {
  readonly key: string;
  readonly value: string;
  readonly origin: Origin;
}

/** The file, the profile, the vault with its password, and what else has a variable. */
export async function commandLineValues(
  cli: CliContext,
  loaded: LoadedConfig | undefined,
): Promise<readonly OriginedValue[]> {
  const choice = await chooseVault(cli.options.vault, cli.env, cli.config);
  return [
    { key: '(configuration)', value: loaded?.file ?? 'none', origin: originOfFile(loaded) },
    { key: '(profile)', value: loaded?.profile ?? 'none', origin: originOfProfile(cli, loaded) },
    {
      key: '(vault)',
      value: choice.kind === 'configured' ? choice.name : placeOf(choice),
      origin: originOfVault(choice),
    },
    passwordOf(cli, choice),
    first(cli, '(host)', ['CAIRN_HOST', 'RESTIC_HOST'], hostname()),
    first(cli, '(compression)', ['CAIRN_COMPRESSION', 'RESTIC_COMPRESSION'], 'auto'),
    cacheOf(cli),
  ];
}

function originOfFile(loaded: LoadedConfig | undefined): Origin {
  if (loaded?.by === 'flag') return { kind: 'flag', name: '--config' };
  return loaded?.by === 'CAIRN_CONFIG' ? { kind: 'env', name: 'CAIRN_CONFIG' } : { kind: 'default' };
}

function originOfProfile(cli: CliContext, loaded: LoadedConfig | undefined): Origin {
  if (cli.options.profile !== undefined) return { kind: 'flag', name: '--profile' };
  return loaded?.profile === undefined ? { kind: 'default' } : { kind: 'env', name: 'CAIRN_PROFILE' };
}

function originOfVault(choice: VaultChoice): Origin {
  if (choice.kind === 'default') return { kind: 'default' };
  if (choice.by === 'flag') return { kind: 'flag', name: '--vault' };
  if (choice.by === 'CAIRN_VAULT' || choice.by === 'RESTIC_REPOSITORY') return { kind: 'env', name: choice.by };
  return choice.kind === 'configured' ? originIn(choice.loaded, ['default', 'vault']) : { kind: 'default' };
}

function originIn(loaded: LoadedConfig, path: readonly string[]): Origin {
  const position = loaded.positionOf(path);
  if (position === undefined || loaded.file === undefined) return { kind: 'default' };
  return { kind: 'file', file: loaded.file, ...position };
}

/** Where it is looked for, in the order of `findPassword`; it is not looked up. */
function passwordOf({ options, env }: CliContext, choice: VaultChoice): OriginedValue {
  const key = '(password)';
  const said = (value: string, origin: Origin): OriginedValue => ({ key, value, origin });
  if (options.passwordFile !== undefined) {
    return said(`the file ${options.passwordFile}`, { kind: 'flag', name: '--password-file' });
  }
  if (options.passwordCommand !== undefined) {
    return said('what its command prints', { kind: 'flag', name: '--password-command' });
  }
  if (options.insecureNoPassword) return said('none', { kind: 'flag', name: '--insecure-no-password' });
  if (choice.kind === 'configured' && choice.vault.password !== undefined) {
    const path = ['vaults', choice.name, 'password'];
    return said(describeReference(choice.vault.password), originIn(choice.loaded, path));
  }
  const foreign = choice.kind === 'default' ? [] : ['BAKTHAT_PASSWORD', 'RESTIC_PASSWORD'];
  const names = ['CAIRN_PASSWORD', ...foreign].flatMap((name) => [name, `${name}_FILE`, `${name}_COMMAND`]);
  const name = names.find((one) => (env[one] ?? '') !== '' || (one === 'BAKTHAT_PASSWORD' && env[one] === ''));
  if (name !== undefined) return said('[redacted]', { kind: 'env', name });
  return said(choice.kind === 'default' ? `the file ${choice.keyFile}` : 'is asked for', { kind: 'default' });
}

function first({ env }: CliContext, key: string, names: readonly string[], otherwise: string): OriginedValue {
  const name = names.find((one) => env[one] !== undefined);
  if (name === undefined) return { key, value: otherwise, origin: { kind: 'default' } };
  return { key, value: env[name] ?? '', origin: { kind: 'env', name } };
}

function cacheOf(cli: CliContext): OriginedValue {
  const { cache, cacheDir } = cli.options;
  if (!cache) return { key: '(cache)', value: 'none', origin: { kind: 'flag', name: '--no-cache' } };
  if (cacheDir !== undefined) return { key: '(cache)', value: cacheDir, origin: { kind: 'flag', name: '--cache-dir' } };
  return first(cli, '(cache)', ['CAIRN_CACHE_DIR', 'RESTIC_CACHE_DIR'], cacheFolder(cli.env));
}
