import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { CairnError } from '../../base/errors.ts';
import { shortId } from '../../base/ids.ts';
import type { Secret } from '../../base/secret.ts';
import { type KeyRecord, unfinishedChanges } from '../../repository/keys.ts';
import type { Command } from 'commander';
import type { CommandModule, StartCommand } from '../command-table.ts';
import { NO_PASSWORD_WARNING, type PasswordCheck } from '../../vault/checked-password.ts';
import type { CliContext } from '../context.ts';
import { defaultPlaces } from '../default-vault.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { findPassword } from '../password.ts';
import { renderTable } from '../output/table.ts';
import { formatGoTime } from '../../formats/go-time.ts';
import { printable } from '../output/printable.ts';

interface NewPasswordFlags {
  readonly newPasswordFile?: string;
  readonly newPasswordCommand?: string;
  readonly newInsecureNoPassword?: boolean;
}

interface KeyOwnerFlags {
  readonly user?: string;
  readonly host?: string;
}

export const keyCommand: CommandModule = {
  configure(command, start) {
    command.description('A vault may have several keys; each is a password that opens it.');
    command
      .command('list', { isDefault: true })
      .description('list the keys')
      .action(() => start(listKeys));
    addNewPasswordOptions(command.command('add').description('add a password'))
      .option('--user <name>', 'whose it is, for the list of keys (default: who runs this)')
      .option('--host <name>', 'for which machine, for the list of keys (default: this one)')
      .action((flags: NewPasswordFlags & KeyOwnerFlags) => start((cli) => addKey(cli, flags)));
    addNewPasswordOptions(command.command('passwd').description('replace the password that opened the vault')).action(
      (flags: NewPasswordFlags) => start((cli) => changePassword(cli, flags)),
    );
    addRemove(command, start);
    addGenerate(command, start);
    addExamples(command, [
      ['cairn key list', 'which keys there are; * is the one in use'],
      ['cairn key generate ~/.config/cairn/offsite', 'a random password, for `init --password-file` of that file'],
      ['cairn key add', 'asks for the new password twice'],
      ['cairn key remove 1a2b3c4d', 'by its id'],
    ]);
    addExitCodes(command, [...vaultExits, 'unknownRef', 'ambiguousRef', 'confirmation', 'target', 'lastKey']);
  },
};

function addRemove(command: Command, start: StartCommand): void {
  command
    .command('remove')
    .description('remove a key; its password opens the vault no more')
    .argument('<id>', 'the key, by the beginning of its id')
    .action((id: string) => start((cli) => removeKey(cli, id)));
}

function addGenerate(command: Command, start: StartCommand): void {
  command
    .command('generate')
    .description(
      'make a random password, which is quick to open a vault with: nobody can guess it, so guesses need not be slow',
    )
    .argument('[file]', 'a new file for it, for its owner only; without it, it is printed')
    .action((file: string | undefined) =>
      start(async (cli) => {
        const { generateKeyInto } = await import('../generate-key.ts');
        await generateKeyInto(cli, file);
      }),
    );
}

function addNewPasswordOptions(command: Command): Command {
  return command
    .option('--new-password-file <file>', 'read the new password from a file')
    .option('--new-password-command <command>', 'run `sh -c COMMAND` for the new password')
    .option(
      '--new-insecure-no-password',
      'no new password: anyone who can read the files of the vault can read every backup (insecure)',
    );
}

async function listKeys(cli: CliContext): Promise<void> {
  await using vault = await openCliVault(cli);
  const keys = await vault.keys({ signal: cli.signal });
  if (cli.options.json) {
    const documents = keys.map(({ id, username, hostname, created, kdf, isCurrent, replaces }) => ({
      id,
      username,
      hostname,
      created: formatGoTime(created),
      kdf,
      isCurrent,
      replaces: replaces ?? null,
    }));
    await cli.out.json({ schema: 1, keys: documents });
    return;
  }
  const rows = keys.map((key) => [
    `${key.isCurrent ? '*' : ' '}${shortId(key.id)}`,
    printable(key.username),
    printable(key.hostname),
    formatGoTime(key.created).slice(0, 19).replace('T', ' '),
  ]);
  await cli.out.write(
    renderTable([{ title: ' ID' }, { title: 'USER' }, { title: 'HOST' }, { title: 'CREATED' }], rows),
  );
  for (const { id, replaces } of unfinishedChanges(keys)) {
    if (replaces === undefined) continue;
    cli.warn(
      `a change of the password was interrupted: key ${shortId(id)} was to replace ${shortId(replaces)}, and both open the vault; \`cairn key passwd\` with either password ends it`,
    );
  }
}

/** Whose key it is, for people. */
function keyOf({ id, username, hostname }: KeyRecord): string {
  return `key ${shortId(id)} of ${printable(username)} on ${printable(hostname)}`;
}

async function addKey(cli: CliContext, flags: NewPasswordFlags & KeyOwnerFlags): Promise<void> {
  await using vault = await openCliVault(cli);
  const password = await newPassword(cli, vault.url, flags);
  const owner = {
    ...(flags.user === undefined ? {} : { username: flags.user }),
    ...(flags.host === undefined ? {} : { hostname: flags.host }),
  };
  const id = await vault.addKey(password, { ...owner, ...withoutPassword(cli, flags), signal: cli.signal });
  await report(cli, { added: id }, `added key ${shortId(id)}`);
}

async function changePassword(cli: CliContext, flags: NewPasswordFlags): Promise<void> {
  await using vault = await openCliVault(cli);
  const old = vault.keyId;
  const password = await newPassword(cli, vault.url, flags);
  const options = { ...withoutPassword(cli, flags), signal: cli.signal };
  const { added, removed, kept } = await vault.changePassword(password, options);
  const leftover = removed.filter((id) => id !== old);
  const lines = [`the password was changed: key ${shortId(added)} replaces ${shortId(old)}`];
  if (leftover.length > 0) {
    lines.push(`an earlier change was interrupted; what it left is removed too: ${leftover.map(shortId).join(', ')}`);
  }
  await report(cli, { added, removed: old, leftover, kept: kept.map(({ id }) => id) }, lines.join('\n'));
  for (const key of kept) {
    cli.warn(
      `${keyOf(key)} is left of an interrupted change of this password; if nobody uses it: cairn key remove ${shortId(key.id)}`,
    );
  }
  const { vault: defaultVault, keyFile } = defaultPlaces(cli.env);
  if (vault.localPath === defaultVault && (await exists(keyFile))) {
    cli.insist(`the key file ${keyFile} holds the old password and does not open the vault any more`);
  }
}

async function removeKey(cli: CliContext, id: string): Promise<void> {
  await using vault = await openCliVault(cli);
  const consequence = `key ${id} would be removed, and its password would not open ${vault.url} any more`;
  await cli.confirm(`${consequence}. Go on?`, consequence);
  const removed = await vault.removeKey(id, { signal: cli.signal });
  await report(cli, { removed }, `removed key ${shortId(removed)}`);
}

/** Says aloud what a key without a password means. */
function withoutPassword(cli: CliContext, { newInsecureNoPassword }: NewPasswordFlags): PasswordCheck {
  if (newInsecureNoPassword !== true) return {};
  cli.insist(NO_PASSWORD_WARNING);
  return { insecureNoPassword: true };
}

/** The environment holds the password in use, so a new one comes from a flag or the terminal only. */
function newPassword(cli: CliContext, url: string, flags: NewPasswordFlags): Promise<Secret> {
  return findPassword({
    choice: { kind: 'chosen', url: `${url} (new password of ${hostname()})`, by: 'flag' },
    passwordFile: flags.newPasswordFile,
    passwordCommand: flags.newPasswordCommand,
    insecureNoPassword: flags.newInsecureNoPassword,
    env: {},
    signal: cli.signal,
    warn: cli.warn,
    purpose: 'create',
  }).catch((error: unknown) => {
    if (!(error instanceof CairnError) || error.code !== 'PASSWORD_MISSING' || flags.newPasswordFile !== undefined)
      throw error;
    throw new CairnError('PASSWORD_MISSING', 'no new password was given, and there is no terminal to ask on', {
      hint: 'Give --new-password-file or --new-password-command.',
    });
  });
}

async function report(
  cli: CliContext,
  document: Readonly<Record<string, string | readonly string[]>>,
  text: string,
): Promise<void> {
  if (cli.options.json) await cli.out.json({ schema: 1, ...document });
  else await cli.out.write(`${text}\n`);
}

async function exists(path: string): Promise<boolean> {
  try {
    await readFile(path);
    return true;
  } catch {
    return false;
  }
}
