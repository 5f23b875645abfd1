// The other vault of a command that takes two: `--from` it into ours, or from ours `--to` it.
import type { Command } from 'commander';
import { CairnError, hasCode } from '../base/errors.ts';
import type { Vault } from '../vault/vault.ts';
import type { CliContext } from './context.ts';
import { vaultOptions } from './open-cli-vault.ts';
import { chooseVault, namedVault, placeOf, readUrlFile } from './vault-choice.ts';

export interface SecondVaultFlags {
  readonly from?: string;
  readonly fromPasswordFile?: string;
  readonly fromPasswordCommand?: string;
  readonly fromInsecureNoPassword?: boolean;
  readonly to?: string;
  readonly toPasswordFile?: string;
  readonly toPasswordCommand?: string;
  readonly toInsecureNoPassword?: boolean;
}

export function addSecondVaultOptions(command: Command): Command {
  return command
    .option('--from <url>', 'copy from this vault into ours (env CAIRN_FROM_VAULT, RESTIC_FROM_REPOSITORY)')
    .option('--from-password-file <file>', 'its password (env CAIRN_FROM_PASSWORD_FILE, RESTIC_FROM_…)')
    .option(
      '--from-password-command <command>',
      'run for its password (env CAIRN_FROM_PASSWORD_COMMAND, RESTIC_FROM_…)',
    )
    .option('--from-insecure-no-password', 'it has no password: anyone who can read its files can read it (insecure)')
    .option('--to <url>', 'copy from our vault to this one (env CAIRN_TO_VAULT)')
    .option('--to-password-file <file>', 'its password (env CAIRN_TO_PASSWORD_FILE)')
    .option('--to-password-command <command>', 'run for its password (env CAIRN_TO_PASSWORD_COMMAND)')
    .option('--to-insecure-no-password', 'it has no password: anyone who can read its files can read it (insecure)');
}

/** Which way it goes, and who said where the second vault is. */
export interface SecondVault {
  readonly direction: 'from' | 'to';
  readonly url: string;
  readonly by: string;
}

/** Flags, then our variables, then restic's. Throws `USAGE` where there is no second vault, or where there are two. */
export async function chooseSecondVault(flags: SecondVaultFlags, env: NodeJS.ProcessEnv): Promise<SecondVault> {
  const byFlag = only([
    { direction: 'from', url: flags.from, by: '--from' },
    { direction: 'to', url: flags.to, by: '--to' },
  ]);
  if (byFlag !== undefined) return byFlag;
  const resticFile = env['RESTIC_FROM_REPOSITORY_FILE'];
  const own = only([
    { direction: 'from', url: env['CAIRN_FROM_VAULT'], by: 'CAIRN_FROM_VAULT' },
    { direction: 'to', url: env['CAIRN_TO_VAULT'], by: 'CAIRN_TO_VAULT' },
  ]);
  if (own !== undefined) return own;
  const restic = env['RESTIC_FROM_REPOSITORY'];
  if (restic !== undefined && restic !== '') return { direction: 'from', url: restic, by: 'RESTIC_FROM_REPOSITORY' };
  if (resticFile !== undefined && resticFile !== '') {
    const by = 'RESTIC_FROM_REPOSITORY_FILE';
    return { direction: 'from', url: await readUrlFile(resticFile, by), by };
  }
  throw new CairnError('USAGE', 'a copy needs a second vault', {
    hint: 'Give --to URL to copy from our vault to that one, or --from URL to copy from that one into ours.',
  });
}

function only(
  candidates: readonly { readonly direction: 'from' | 'to'; readonly url: string | undefined; readonly by: string }[],
): SecondVault | undefined {
  const given = candidates.flatMap(({ direction, url, by }) =>
    url === undefined || (url === '' && !by.startsWith('--')) ? [] : [{ direction, url, by }],
  );
  const [first, second] = given;
  if (first !== undefined && second !== undefined) {
    throw new CairnError('USAGE', `${first.by} and ${second.by} exclude each other`, {
      hint: 'The other vault of a copy is the one of --vault or CAIRN_VAULT.',
    });
  }
  if (first?.url === '') throw new CairnError('USAGE', `${first.by} is empty`, { hint: 'Give a folder or a URL.' });
  return first;
}

/** Opens it with its own password: that of our vault is never tried there. */
export async function openSecondVault(cli: CliContext, second: SecondVault, flags: SecondVaultFlags): Promise<Vault> {
  const { direction, url, by } = second;
  const choice = await namedVault(url, 'flag', cli.config);
  const password =
    direction === 'from'
      ? {
          passwordFile: flags.fromPasswordFile,
          passwordCommand: flags.fromPasswordCommand,
          insecureNoPassword: flags.fromInsecureNoPassword,
        }
      : {
          passwordFile: flags.toPasswordFile,
          passwordCommand: flags.toPasswordCommand,
          insecureNoPassword: flags.toInsecureNoPassword,
        };
  const { openVault } = await import('../vault/open-vault.ts');
  try {
    return await openVault(choice.url, await vaultOptions(cli, choice, 'open', { names: direction, ...password }));
  } catch (error) {
    if (!hasCode(error, 'VAULT_MISSING')) throw error;
    const place = placeOf(choice);
    throw new CairnError('VAULT_MISSING', `there is no vault at ${place} (from ${by})`, {
      hint: `Make one with \`cairn --vault ${place} init\`, with a password of its own, or correct the address.`,
      facts: { url: place },
    });
  }
}

/** Refuses before any password is asked for. */
export async function refuseSameVault(cli: CliContext, { url, by }: SecondVault): Promise<void> {
  const main = await chooseVault(cli.options.vault, cli.env, cli.config);
  const other = await namedVault(url, 'flag', cli.config);
  if (main.url !== other.url) return;
  throw new CairnError('USAGE', `${by} is our own vault`, { hint: 'Name another vault, or another one with --vault.' });
}
