import { CairnError } from '../../base/errors.ts';
import { parseConfigDocument } from '../../config/config-document.ts';
import { type Answers, interview, type Interviewer, type Probe } from '../../config/config-interview.ts';
import { editConfigText, readConfigText, writeConfigFile } from '../../config/edit-config.ts';
import { checkConfigText } from '../../config/read-config.ts';
import { ensureKeyFile } from '../default-vault.ts';
import type { CliContext } from '../context.ts';
import { printable } from '../output/printable.ts';
import { askHidden, askLine, askYesNo, openTerminal, type Terminal } from '../terminal/prompt.ts';
import { home } from '../user-places.ts';
import { fileToChange } from './config-file.ts';

/** Asks on the terminal and writes the file. A Ctrl-C before the end writes nothing. */
export async function initConfig(cli: CliContext): Promise<void> {
  terminal().close();
  const io = onTerminal(cli.signal);
  const file = fileToChange(cli);
  io.say(
    `The configuration is ${printable(file)}. An empty answer takes what stands in brackets; Ctrl-C writes nothing.`,
  );
  const result = await makeConfig(cli, io, file);
  if (cli.options.json) {
    await cli.out.json({ schema: 1, file, vault: result.vault });
    return;
  }
  await cli.out.write(`wrote ${printable(file)}\n`);
  if (result.isNew) cli.info(`make the vault with \`cairn --vault ${result.vault} init\``);
}

/** The work itself, whoever answers. */
export async function makeConfig(
  cli: Pick<CliContext, 'env' | 'signal' | 'insist'>,
  io: Interviewer,
  file: string,
): Promise<Answers> {
  const { env, signal } = cli;
  const before = await readConfigText(file);
  const current = parseConfigDocument(file, before).value;
  const answers = await interview(io, {
    current,
    file,
    cwd: process.cwd(),
    home: home(env),
    probe: probe(signal),
  });
  const text = editConfigText(file, before, answers.edits);
  checkConfigText(file, text, env);
  signal.throwIfAborted();
  for (const path of answers.passwordFiles) {
    await ensureKeyFile(path);
    cli.insist(`made ${path}: save a copy of it somewhere else; without it nothing in the vault can be restored`);
  }
  await writeConfigFile(file, text, signal);
  return answers;
}

function probe(signal: AbortSignal): Probe {
  return async (url, env) => {
    const { vaultExists } = await import('../../vault/open-vault.ts');
    // Long enough for a slow server; who sits and waits does not want the patience of a backup.
    return (await vaultExists(url, signal, { env, giveUpAfterMs: 10_000 })) ? 'vault' : 'empty';
  };
}

function onTerminal(signal: AbortSignal): Interviewer {
  return {
    say: (text) => void process.stderr.write(`${text}\n`),
    ask: async (question, current) => {
      const shown = current === undefined ? question : `${question} [${current}]`;
      const answer = (await askLine(terminal(), `${printable(shown)}: `, signal)).trim();
      return answer === '' ? (current ?? '') : answer;
    },
    askHidden: (question) => askHidden(terminal(), `${question}: `, signal),
    confirm: (question) => askYesNo(terminal(), question, signal),
  };
}

function terminal(): Terminal {
  const opened = openTerminal();
  if (opened !== undefined) return opened;
  throw new CairnError('USAGE', 'there is no terminal to ask on', {
    hint: 'Run it on a terminal, or write the file by hand: docs/guides/configuration.md.',
  });
}
