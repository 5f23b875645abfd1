// What opens and seals archives on the command line. Secrets are in files; public keys may be arguments.
import { readFile, stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { CairnError, messageOf } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { parseIdentities, parseRecipients } from '../formats/age/age-key-list.ts';
import type { ArchiveKeys, SealOptions } from '../vault/archives/archive-access.ts';
import type { CliContext } from './context.ts';
import { collect, parseSizeArgument } from './global-options.ts';
import { readPasswordFile } from './password.ts';

export interface ArchiveKeyFlags {
  readonly identity?: readonly string[];
  readonly archivePasswordFile?: string;
  readonly maxSize?: number;
}

/** For commands that read archives. */
export function addArchiveKeyOptions(command: Command): Command {
  return command
    .optionsGroup('Archives:')
    .option('--identity <file>', 'the secret key of age that opens an archive; may be given again', collect)
    .option('--archive-password-file <file>', 'the password of an archive that has one of its own')
    .option('--max-size <size>', 'read an archive that becomes larger than it should, up to this', parseSizeArgument);
}

export async function archiveKeys(cli: CliContext, flags: ArchiveKeyFlags): Promise<ArchiveKeys> {
  const identities: Secret[] = [];
  for (const file of flags.identity ?? []) identities.push(...parseIdentities(await readKeyFile(cli, file), file));
  return {
    ...(identities.length === 0 ? {} : { identities }),
    ...(await ownPassword(cli, flags)),
    ...(flags.maxSize === undefined ? {} : { maxBytes: flags.maxSize }),
  };
}

export interface SealFlags extends Pick<ArchiveKeyFlags, 'archivePasswordFile'> {
  readonly recipient?: readonly string[];
  readonly recipientsFile?: readonly string[];
  /** `false` for `--no-encrypt`. */
  readonly encrypt: boolean;
}

/** For commands that make archives. */
export function addSealOptions(command: Command): Command {
  return command
    .optionsGroup('Encryption (default: the password of the vault):')
    .option('-r, --recipient <key>', 'encrypt to this public key of age; may be given again', collect)
    .option('-R, --recipients-file <file>', 'encrypt to the public keys in a file, one a line', collect)
    .option('--archive-password-file <file>', 'encrypt with a password of its own')
    .option('--no-encrypt', 'do not encrypt');
}

export async function sealOptions(cli: CliContext, flags: SealFlags): Promise<SealOptions> {
  const recipients = [...(flags.recipient ?? [])];
  for (const file of flags.recipientsFile ?? []) recipients.push(...parseRecipients(await readText(file), file));
  return {
    ...(recipients.length === 0 ? {} : { recipients }),
    ...(await ownPassword(cli, flags)),
    encrypt: flags.encrypt,
  };
}

async function ownPassword(
  cli: CliContext,
  { archivePasswordFile }: Pick<ArchiveKeyFlags, 'archivePasswordFile'>,
): Promise<{ readonly password?: Secret }> {
  if (archivePasswordFile === undefined) return {};
  return { password: await readPasswordFile(archivePasswordFile, cli.warn) };
}

async function readKeyFile(cli: CliContext, file: string): Promise<string> {
  const text = await readText(file);
  const { mode } = await stat(file);
  if (process.platform !== 'win32' && (mode & 0o007) !== 0) {
    cli.warn(`the key file ${file} can be read by every user of this machine; run: chmod 600 ${file}`);
  }
  return text;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CairnError('CONFIG_INVALID', `cannot read ${file}: ${messageOf(error)}`, {
      hint: 'Name an existing file that this user may read.',
      cause: error,
    });
  }
}
