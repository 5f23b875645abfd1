// Passwords and keys of values. They are not the vault's: who may read one value need not be able to read all backups.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { equalBytes } from '../../base/bytes.ts';
import { CairnError, messageOf } from '../../base/errors.ts';
import type { Secret } from '../../base/secret.ts';
import { parseIdentities } from '../../formats/age/age-key-list.ts';
import type { CliContext } from '../context.ts';
import { collect } from '../global-options.ts';
import { environmentPassword, readPasswordFile, runPasswordCommand } from '../password.ts';
import { askSecret, openTerminal } from '../terminal/prompt.ts';

const VARIABLE = 'CAIRN_VALUE_PASSWORD';

export interface ValuePasswordFlags {
  readonly valuePasswordFile?: string;
  readonly valuePasswordCommand?: string;
}

export interface OpenValueFlags extends ValuePasswordFlags {
  readonly identity?: readonly string[];
}

export function addValuePasswordOptions(command: Command): Command {
  return command
    .option('--value-password-file <file>', `read the password of the value from a file (env ${VARIABLE}_FILE)`)
    .option('--value-password-command <command>', `run \`sh -c COMMAND\` for it (env ${VARIABLE}_COMMAND)`);
}

export function addIdentityOption(command: Command): Command {
  return command.option(
    '--identity <file>',
    'the secret key of age for values that are encrypted to recipients',
    collect,
  );
}

/** What opens a value; the password is looked for when it is needed. */
export async function openingOf(
  cli: CliContext,
  key: string,
  flags: OpenValueFlags,
): Promise<{ readonly password: () => Promise<Secret>; readonly identities?: readonly Secret[] }> {
  const password = (): Promise<Secret> => findValuePassword(cli, key, flags, 'open');
  if (flags.identity === undefined) return { password };
  const identities: Secret[] = [];
  for (const file of flags.identity) identities.push(...parseIdentities(await readIdentityFile(file), file));
  return { password, identities };
}

/** Throws `PASSWORD_MISSING`, `PASSWORD_MISMATCH`, `COMMAND_FAILED`. */
export async function findValuePassword(
  cli: CliContext,
  key: string,
  { valuePasswordFile, valuePasswordCommand }: ValuePasswordFlags,
  purpose: 'open' | 'create',
): Promise<Secret> {
  if (valuePasswordFile !== undefined) return readPasswordFile(valuePasswordFile, cli.warn);
  if (valuePasswordCommand !== undefined) return runPasswordCommand(valuePasswordCommand, cli.signal);
  return (await environmentPassword(VARIABLE, cli)) ?? (await typedPassword(cli, key, purpose));
}

async function typedPassword(cli: CliContext, key: string, purpose: 'open' | 'create'): Promise<Secret> {
  const first = await ask(cli, key, 'password of the value');
  if (first.isEmpty) throw new CairnError('PASSWORD_MISSING', 'the password that was typed is empty');
  if (purpose === 'open') return first;
  const second = await ask(cli, key, 'the same password again, of the value');
  if (equalBytes(first.reveal(), second.reveal())) return first;
  throw new CairnError('PASSWORD_MISMATCH', 'the two passwords differ; nothing was stored', {
    hint: 'Run the command again and type the same password twice.',
  });
}

function ask(cli: CliContext, key: string, what: string): Promise<Secret> {
  const terminal = cli.options.json ? undefined : openTerminal();
  if (terminal !== undefined) return askSecret(terminal, `${what} ${JSON.stringify(key)}: `, cli.signal);
  throw new CairnError('PASSWORD_MISSING', `no password for the value ${JSON.stringify(key)}`, {
    hint: `Set ${VARIABLE}_FILE, ${VARIABLE}_COMMAND or ${VARIABLE}, give --value-password-file, or run on a terminal.`,
  });
}

async function readIdentityFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CairnError('CONFIG_INVALID', `cannot read the file of --identity: ${messageOf(error)}`, { cause: error });
  }
}
