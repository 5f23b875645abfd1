import type { Command, Option } from 'commander';
import { CairnError } from '../../base/errors.ts';
import type { CommandModule } from '../command-table.ts';
import { type CommandWords, completionScript, shells } from '../completion-script.ts';
import { addExamples, addExitCodes } from '../help.ts';

export const completionCommand: CommandModule = {
  configure(command, start) {
    command
      .description("Prints a script that teaches a shell to complete cairn's commands and options.")
      .argument('<shell>', shells.join(', '))
      .action((shell: string) =>
        start(async (cli) => {
          const known = shells.find((name) => name === shell);
          if (known === undefined) {
            throw new CairnError('USAGE', `no completion for ${JSON.stringify(shell)}`, {
              hint: `Choose one of ${shells.join(', ')}.`,
            });
          }
          await cli.out.write(completionScript(known, wordsOf(rootOf(command))));
        }),
      );
    addExamples(command, [
      ['cairn completion bash > ~/.local/share/bash-completion/completions/cairn', 'bash'],
      ['cairn completion zsh > "${fpath[1]}/_cairn"', 'zsh'],
      ['cairn completion fish > ~/.config/fish/completions/cairn.fish', 'fish'],
      ['cairn completion powershell >> $PROFILE', 'PowerShell'],
    ]);
    addExitCodes(command, []);
  },
};

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}

/** The tree of commands with their options, read from the parser itself so that nothing can be forgotten. */
function wordsOf(command: Command): CommandWords {
  return {
    name: command.name(),
    summary: command.summary() || command.description(),
    options: command.options.map((option: Option) => ({
      names: [option.short, option.long].filter((name) => name !== undefined && name !== null),
      takesValue: option.required || option.optional,
      choices: option.argChoices ?? [],
      summary: option.description,
    })),
    commands: command.commands.map(wordsOf),
  };
}
