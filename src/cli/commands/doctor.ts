import { stat } from 'node:fs/promises';
import { CairnError, hasCode, isCairnError, messageOf, systemCode } from '../../base/errors.ts';
import { shownUrl } from '../../storage/shown-url.ts';
import { type Diagnosis, diagnoseMachine, diagnoseStorage, diagnoseVault } from '../../vault/diagnose.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addExamples, addExitCodes } from '../help.ts';
import { openCliVault, storageSettings } from '../open-cli-vault.ts';
import { printable } from '../output/printable.ts';
import { chooseVault, type VaultChoice } from '../vault-choice.ts';

export const doctorCommand: CommandModule = {
  configure(command, start) {
    command
      .description('Looks for problems of this machine and this vault, and says what to do about each.')
      .action(() => start(doctor));
    addExamples(command, [['cairn doctor', 'this machine and the vault that would be used']]);
    addExitCodes(command, []);
  },
};

async function doctor(cli: CliContext): Promise<void> {
  const choice = await chooseVault(cli.options.vault, cli.env, cli.config);
  const plugins = await diagnosePlugins(cli);
  const opens = plugins.every(({ status }) => status !== 'failed');
  const chosen = opens ? await diagnoseChosen(cli, choice) : [];
  const found = [...diagnoseMachine(), ...(await diagnoseKeyFile(choice)), ...plugins, ...chosen];
  if (cli.options.json) await cli.out.json({ schema: 1, vault: shownUrl(choice.url), diagnoses: found });
  else await cli.out.write(found.map((diagnosis) => line(cli, diagnosis)).join(''));
  const failed = found.filter(({ status }) => status === 'failed');
  if (failed.length > 0) {
    throw new CairnError('NOT_SUPPORTED', `not in order: ${failed.map(({ subject }) => subject).join(', ')}`, {
      hint: 'What to do about each is said above.',
    });
  }
}

/** One that is required keeps every vault from being opened. */
async function diagnosePlugins(cli: CliContext): Promise<Diagnosis[]> {
  try {
    const extensions = await cli.extensions();
    const atWork = (extensions?.plugins ?? []).map((name): Diagnosis => ({
      subject: 'plugin',
      status: 'ok',
      message: `${name} is active`,
      hint: null,
    }));
    const failed = (extensions?.failures ?? []).map(({ message, hint }): Diagnosis => ({
      subject: 'plugin',
      status: 'warning',
      message,
      hint: hint ?? null,
    }));
    return [...atWork, ...failed];
  } catch (error) {
    if (!hasCode(error, 'PLUGIN_FAILED')) throw error;
    return [{ subject: 'plugin', status: 'failed', message: error.message, hint: error.hint ?? null }];
  }
}

async function diagnoseChosen(cli: CliContext, choice: VaultChoice): Promise<Diagnosis[]> {
  // Not the limits of the configuration: whether it can be written is what is asked.
  const { env, schemes } = await storageSettings(cli, choice);
  const storage = await diagnoseStorage(choice.url, cli.signal, { env, schemes });
  if (storage.some(({ subject, status }) => subject === 'storage' && status !== 'ok')) return storage;
  try {
    await using vault = await openCliVault(cli);
    return [...storage, ...(await diagnoseVault(vault, cli.signal))];
  } catch (error) {
    if (hasCode(error, 'ABORTED')) throw error;
    const hint = isCairnError(error) ? error.hint : undefined;
    return [...storage, { subject: 'vault', status: 'failed', message: messageOf(error), hint: hint ?? null }];
  }
}

/** The key of the default vault has to be there once the vault is, and is for its owner only. */
async function diagnoseKeyFile(choice: VaultChoice): Promise<Diagnosis[]> {
  if (choice.kind !== 'default') return [];
  const { keyFile } = choice;
  try {
    const { mode } = await stat(keyFile);
    const message = `${keyFile} is there; keep a copy of it somewhere else`;
    if (process.platform === 'win32' || (mode & 0o077) === 0)
      return [{ subject: 'key file', status: 'ok', message, hint: null }];
    return [
      {
        subject: 'key file',
        status: 'warning',
        message: `${keyFile} can be read by others`,
        hint: `Run: chmod 600 ${keyFile}`,
      },
    ];
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    return [
      {
        subject: 'key file',
        status: 'failed',
        message: messageOf(error),
        hint: `Make ${keyFile} readable for this user.`,
      },
    ];
  }
}

function line({ style }: CliContext, { subject, status, message, hint }: Diagnosis): string {
  const mark = { ok: style('green', 'ok     '), warning: style('yellow', 'warning'), failed: style('red', 'failed ') }[
    status
  ];
  const text = `${mark}  ${subject.padEnd(12)}  ${printable(message)}\n`;
  return hint === null ? text : `${text}         ${' '.repeat(12)}  ${printable(hint)}\n`;
}
