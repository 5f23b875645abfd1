// Where the password of a vault comes from: a flag that names a file or a program, the environment, the
// key file of the default vault, a question on the terminal. Never an argument: argv is for everyone to read.
import { readFile, stat } from 'node:fs/promises';
import { equalBytes } from '../base/bytes.ts';
import { CairnError, messageOf } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { secretVariable } from '../base/secret-variable.ts';
import { secretOfFile } from '../base/secret-of-file.ts';
import { secretOfCommand } from '../config/secret-output.ts';
import { readKeyFile } from './default-vault.ts';
import { askSecret, openTerminal } from './terminal/prompt.ts';
import { placeOf, type VaultChoice } from './vault-choice.ts';

export interface PasswordRequest {
  readonly choice: VaultChoice;
  readonly passwordFile: string | undefined;
  readonly passwordCommand: string | undefined;
  /** There is none: the empty one, which no other way may lead to. */
  readonly insecureNoPassword?: boolean | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly warn: (text: string) => void;
  /** `open` asks once, `create` asks twice. */
  readonly purpose: 'open' | 'create';
  /** Which names of variables and flags are for this vault; `main` by default. */
  readonly names?: PasswordNames | undefined;
}

/** `from`, `to`: the second vault of a command that takes two. */
export type PasswordNames = 'main' | 'from' | 'to';

interface Names {
  /** Beginnings of variables: ours, and restic's if it has one. */
  readonly own: string;
  readonly restic: string | undefined;
  readonly flag: string;
}

const namesOf: Readonly<Record<PasswordNames, Names>> = {
  main: { own: 'CAIRN_PASSWORD', restic: 'RESTIC_PASSWORD', flag: '--password' },
  from: { own: 'CAIRN_FROM_PASSWORD', restic: 'RESTIC_FROM_PASSWORD', flag: '--from-password' },
  to: { own: 'CAIRN_TO_PASSWORD', restic: undefined, flag: '--to-password' },
};

/**
 * The password of the chosen vault. Throws `PASSWORD_MISSING` where no way leads to one,
 * `PASSWORD_MISMATCH` where two typed ones differ, `COMMAND_FAILED` where its program fails.
 */
export async function findPassword(request: PasswordRequest): Promise<Secret> {
  if (request.insecureNoPassword === true) return noPassword(request);
  return (await configuredPassword(request)) ?? (await typedPassword(request));
}

/** As in restic, not beside a password: one of the two is a mistake. Throws `USAGE`. */
async function noPassword(request: PasswordRequest): Promise<Secret> {
  const { choice, names = 'main' } = request;
  const { flag } = namesOf[names];
  const given = passwordGiven(request) ?? (choice.kind === 'default' ? await keyFileThere(choice.keyFile) : undefined);
  if (given === undefined) return new Secret('');
  const option = names === 'main' ? '--insecure-no-password' : `--${names}-insecure-no-password`;
  throw new CairnError('USAGE', `${option} and a password exclude each other, and there is one: ${given}`, {
    hint: `Leave out ${option}, or ${given.startsWith('--') ? flag : 'what leads to the password'}.`,
  });
}

/** What leads to a password, without looking it up. */
function passwordGiven({ choice, names = 'main', env, ...flags }: PasswordRequest): string | undefined {
  const { own, restic, flag } = namesOf[names];
  if (flags.passwordFile !== undefined) return `${flag}-file`;
  if (flags.passwordCommand !== undefined) return `${flag}-command`;
  if (choice.kind === 'configured' && choice.vault.password !== undefined) return `that of the vault ${choice.name}`;
  const foreign = choice.kind === 'default' || restic === undefined ? [] : [restic];
  const variables = [own, ...(names === 'main' ? ['BAKTHAT_PASSWORD'] : []), ...foreign];
  return variables
    .flatMap((name) => [name, `${name}_FILE`, `${name}_COMMAND`])
    .find((name) => (env[name] ?? '') !== '');
}

async function keyFileThere(path: string): Promise<string | undefined> {
  return (await readKeyFile(path)) === undefined ? undefined : `the key file ${path}`;
}

async function configuredPassword(request: PasswordRequest): Promise<Secret | undefined> {
  const { choice, names = 'main' } = request;
  const { own: ownName, restic } = namesOf[names];
  if (request.passwordFile !== undefined) return readPasswordFile(request.passwordFile, request.warn);
  if (request.passwordCommand !== undefined) return runPasswordCommand(request.passwordCommand, request.signal);
  // A vault that has its own password in the configuration is not opened with one that is set for all.
  const referred = await referredPassword(request);
  if (referred !== undefined) return referred;
  const own = await environmentPassword(ownName, request);
  if (own !== undefined) return own;
  // restic's password belongs to the repository that restic is told about, not to our default vault.
  if (choice.kind === 'default') return (await readKeyFile(choice.keyFile)) ?? bakthatPassword(names, request.env);
  return (
    bakthatPassword(names, request.env) ??
    (restic === undefined ? undefined : await environmentPassword(restic, request))
  );
}

async function referredPassword({ choice, signal }: PasswordRequest): Promise<Secret | undefined> {
  if (choice.kind !== 'configured' || choice.vault.password === undefined) return undefined;
  return choice.loaded.secret(choice.vault.password, ['vaults', choice.name, 'password'], signal);
}

/** An empty password means no encryption and no question, as in bakthat. */
function bakthatPassword(names: PasswordNames, env: NodeJS.ProcessEnv): Secret | undefined {
  if (names !== 'main') return undefined;
  if (env['BAKTHAT_PASSWORD'] === '' && (env['BAKTHAT_PASSWORD_FILE'] ?? '') === '') {
    throw new CairnError(
      'PASSWORD_MISSING',
      'BAKTHAT_PASSWORD is empty, which asks for no encryption, and a vault is always encrypted',
      {
        hint: 'Unset it, or set it to a password. Only archives can be without one.',
      },
    );
  }
  const password = secretVariable(env, 'BAKTHAT_PASSWORD');
  return password === undefined ? undefined : new Secret(password);
}

/** The password that a variable, or the one with `_FILE` or `_COMMAND` behind it, leads to. */
export async function environmentPassword(
  name: string,
  { env, signal, warn }: Pick<PasswordRequest, 'env' | 'signal' | 'warn'>,
): Promise<Secret | undefined> {
  const password = env[name];
  if (password !== undefined && password !== '') return new Secret(password);
  const file = env[`${name}_FILE`];
  if (file !== undefined && file !== '') return readPasswordFile(file, warn);
  const command = env[`${name}_COMMAND`];
  if (command !== undefined && command !== '') return runPasswordCommand(command, signal);
  return undefined;
}

async function typedPassword({ choice, purpose, signal, names = 'main' }: PasswordRequest): Promise<Secret> {
  const terminal = openTerminal();
  if (terminal === undefined) {
    const where = choice.kind === 'default' ? `; its key file ${choice.keyFile} does not exist` : '';
    const { own, flag } = namesOf[names];
    throw new CairnError('PASSWORD_MISSING', `no password for the vault ${placeOf(choice)}${where}`, {
      hint: `Set ${own}_FILE, ${own}_COMMAND or ${own}, give ${flag}-file or ${flag}-command, or run on a terminal.`,
    });
  }
  const first = await askSecret(terminal, `password of ${placeOf(choice)}: `, signal);
  if (first.isEmpty) throw emptyPassword('the password that was typed');
  if (purpose === 'open') return first;
  const again = openTerminal();
  const second = again === undefined ? new Secret('') : await askSecret(again, 'the same password again: ', signal);
  if (!equalBytes(first.reveal(), second.reveal())) {
    throw new CairnError('PASSWORD_MISMATCH', 'the two passwords differ; nothing was made', {
      hint: 'Run the command again and type the same password twice.',
    });
  }
  return first;
}

/** Reads a password file as restic does: white space around the password does not count. */
export async function readPasswordFile(path: string, warn: (text: string) => void): Promise<Secret> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
    const { mode } = await stat(path);
    if (process.platform !== 'win32' && (mode & 0o007) !== 0) {
      warn(`the password file ${path} can be read by every user of this machine; run: chmod 600 ${path}`);
    }
  } catch (error) {
    throw new CairnError('PASSWORD_MISSING', `cannot read the password file ${path}: ${messageOf(error)}`, {
      hint: 'Name an existing file that this user may read.',
      cause: error,
    });
  }
  const password = secretOfFile(bytes);
  if (password.isEmpty) throw emptyPassword(`the password file ${path}`);
  return password;
}

/** Runs `sh -c COMMAND` once; its stdout without white space around it is the password, as for restic. */
export async function runPasswordCommand(command: string, signal: AbortSignal): Promise<Secret> {
  const output = await secretOfCommand(command, { signal });
  if (!output.ok) throw commandFailed(output.reason, output.cause);
  if (output.secret.isEmpty) throw emptyPassword('the output of the password command');
  return output.secret;
}

function commandFailed(reason: string, cause?: unknown): CairnError {
  // The command line itself is not shown: people put secrets into it.
  return new CairnError('COMMAND_FAILED', `the password command failed: ${reason}`, {
    hint: 'Run it in a shell; it has to print the password on stdout and exit with 0.',
    cause,
  });
}

function emptyPassword(what: string): CairnError {
  return new CairnError('PASSWORD_MISSING', `${what} is empty`, {
    hint: 'Give one that is not empty. A repository that restic made with --insecure-no-password is opened with that option.',
  });
}
