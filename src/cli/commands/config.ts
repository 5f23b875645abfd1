import type { Command } from 'commander';
import type { CommandModule, StartCommand } from '../command-table.ts';
import { addExamples, addExitCodes } from '../help.ts';

interface ShowFlags {
  readonly effective: boolean;
}

interface ValidateFlags {
  readonly secrets: boolean;
  readonly sendTest: boolean;
}

interface ImportFlags {
  readonly dryRun: boolean;
}

export const configCommand: CommandModule = {
  configure(command, start) {
    command.description(
      'The configuration: vaults, sources, plans and notifications with names, in cairn.yaml here or above, or in\n' +
        '~/.config/cairn/cairn.yaml.',
    );
    addInit(command, start);
    command
      .command('validate')
      .description('check the file, with all of its profiles')
      .option('--secrets', 'look up every secret as well', false)
      .option('--send-test', 'send a test message with each notification as well', false)
      .action((flags: ValidateFlags) =>
        start(async (cli) => (await import('../config/validate-config.ts')).validateConfig(cli, flags)),
      );
    command
      .command('show')
      .description('print what the file says, with the line of each value; secrets are not shown')
      .option('--effective', 'print defaults, and what the environment and the command line say, as well', false)
      .action((flags: ShowFlags) =>
        start(async (cli) => (await import('../config/show-config.ts')).showConfig(cli, flags)),
      );
    command
      .command('schema')
      .description('print the JSON Schema of the file, for editors')
      .action(() => start(async (cli) => (await import('../config/print-schema.ts')).printSchema(cli)));
    addImport(command, start);
    addExamples(command, [
      ['cairn config init', 'asks, tests the connection, and writes the file'],
      ['cairn config validate', 'names every fault by line and key'],
      ['cairn config validate --send-test', 'shows whether notifications arrive'],
      ['cairn --profile production config show --effective', 'what counts, and who says so'],
      ['cairn config import-bakthat', 'takes over the settings of bakthat'],
    ]);
    addExitCodes(command, ['command', 'confirmation']);
  },
};

function addInit(command: Command, start: StartCommand): void {
  command
    .command('init')
    .description('ask for a vault and what to back up, test the connection, and write the file (mode 0600)')
    .action(() => start(async (cli) => (await import('../config/init-config.ts')).initConfig(cli)));
}

function addImport(command: Command, start: StartCommand): void {
  command
    .command('import-bakthat')
    .description('add the profiles of bakthat to the file')
    .argument('[file]', 'the file of bakthat (default: ~/.bakthat.yml)')
    .option('-n, --dry-run', 'write nothing, and print what would be added, without secrets', false)
    .action((file: string | undefined, flags: ImportFlags) =>
      start(async (cli) => (await import('../config/import-bakthat-config.ts')).importBakthatConfig(cli, file, flags)),
    );
}
