// Commands of plugins, as `commander` wants them.
import { Command } from 'commander';
import { messageOf } from '../base/errors.ts';
import type { PluginCommand } from '../plugins/plugin-command.ts';
import { cliLogger } from './cli-extensions.ts';
import type { StartCommand } from './command-table.ts';
import type { CliContext } from './context.ts';
import { addExamples } from './help.ts';
import { openCliVault } from './open-cli-vault.ts';

const GROUP = 'Commands of plugins:';

/** Adds the commands of plugins; one that is described wrongly is a warning. */
export function addPluginCommands(
  program: Command,
  commands: Iterable<PluginCommand>,
  start: StartCommand,
  warn: (text: string) => void,
): void {
  for (const command of commands) {
    try {
      program.addCommand(describe(command, start).helpGroup(GROUP).copyInheritedSettings(program));
    } catch (error) {
      warn(`the command ${command.name} of a plugin cannot be used: ${messageOf(error)}`);
    }
  }
}

function describe(command: PluginCommand, start: StartCommand): Command {
  const made = new Command(command.name).summary(command.summary).description(command.description ?? command.summary);
  for (const { name, summary } of command.arguments ?? []) made.argument(name, summary);
  for (const { flags, summary, default: value } of command.options ?? []) made.option(flags, summary, value);
  if (command.examples !== undefined && command.examples.length > 0) addExamples(made, command.examples);
  return made.action((...given: unknown[]) => {
    // Behind the arguments, which commander gives as text, come the options and the command itself.
    const [options] = given.splice(-2);
    return start((cli) => runCommand(cli, command, given as string[], options as Record<string, unknown>));
  });
}

async function runCommand(
  cli: CliContext,
  command: PluginCommand,
  given: readonly (string | readonly string[] | undefined)[],
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  await command.run({
    arguments: given,
    options,
    json: cli.options.json,
    signal: cli.signal,
    logger: cliLogger(cli),
    openVault: () => openCliVault(cli),
    write: (text) => cli.out.write(text),
    writeJson: (value) => cli.out.json(value),
    confirm: cli.confirm,
  });
}
