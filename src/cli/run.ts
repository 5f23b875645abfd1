import { Command, CommanderError, Help, type Option } from 'commander';
import { CairnError, hasCode, isCairnError } from '../base/errors.ts';
import { CliExtensions } from './cli-extensions.ts';
import { commandTable, findCommand, type CommandEntry, type StartCommand } from './command-table.ts';
import type { Extensions } from '../plugins/load-extensions.ts';
import { type CliContext, makeContext, makeStatusDisplay } from './context.ts';
import { exitCodeOfError, exitMeanings } from './exit-codes.ts';
import { addGlobalOptions, type GlobalOptions, valueOptions } from './global-options.ts';
import { addProgramHelp, describeCommand } from './help.ts';
import { describeError, errorDocument } from './output/error-report.ts';
import { makeStyle, wantsColor } from './output/style.ts';
import { toJson } from './output/json.ts';
import { resticHint } from './restic-words.ts';
import type { Interrupts } from './signals.ts';
import { programVersion } from '../vault/program-version.ts';

export interface RunResult {
  readonly exit: number;
  /** The command ended because it was told to stop. */
  readonly aborted: boolean;
}

/** Runs one command line (`argv` without node and script). Never throws; what fails is printed on stderr. */
export async function run(
  argv: readonly string[],
  interrupts: Interrupts,
  isSilenced: () => boolean = () => false,
): Promise<RunResult> {
  const program = makeProgram();
  const extensions = new CliExtensions(wantedCommands(argv)[0]?.name);
  try {
    const start = makeStart(program, interrupts, extensions);
    await addCommands(program, argv, start);
    await addExtraCommands(program, argv, start, interrupts, extensions);
    await program.parseAsync([...argv], { from: 'user' });
    return { exit: exitMeanings.ok.code, aborted: false };
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return { exit: 0, aborted: false };
    const error = thrown instanceof CommanderError ? usageError(thrown) : preferAbort(thrown, interrupts.signal);
    if (!isSilenced()) reportError(error, argv, program.opts<Partial<GlobalOptions>>());
    return { exit: exitCodeOfError(error), aborted: interrupts.signal.aborted };
  } finally {
    await extensions[Symbol.asyncDispose]();
  }
}

function makeProgram(): Command {
  const program = new Command('cairn')
    .description("Backs up files in restic's open format, and brings them back.")
    .version(`cairn ${programVersion()}`, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .configureHelp({
      showGlobalOptions: true,
      optionDescription: describeOption,
      commandDescription: describeCommand,
    })
    // Errors are printed in one place, as text or as JSON.
    .configureOutput({ outputError: () => {} })
    .exitOverride();
  addGlobalOptions(program);
  addProgramHelp(program);
  return program;
}

/** Commander would write `(default: false)` behind every switch. */
function describeOption(option: Option): string {
  return option.isBoolean() ? option.description : new Help().optionDescription(option);
}

/** Loads the one command that is meant; the others are names with a summary, for `--help`. */
async function addCommands(program: Command, argv: readonly string[], start: StartCommand): Promise<void> {
  const wanted = wantedCommands(argv);
  for (const entry of commandTable) {
    const command = program.command(entry.name).helpGroup(entry.group).summary(entry.summary).aliases(entry.aliases);
    if (wanted.includes(entry)) (await entry.load()).configure(command, start);
  }
  program.commandsGroup('Care:').helpCommand('help [command]', 'show help for a command');
}

/** Commands of plugins, where the command line may mean one: they are loaded before it is parsed. */
async function addExtraCommands(
  program: Command,
  argv: readonly string[],
  start: StartCommand,
  interrupts: Interrupts,
  extensions: CliExtensions,
): Promise<void> {
  if (!mayMeanPlugins(argv)) return;
  const options = scanGlobalOptions(argv);
  if (options === undefined) return;
  const cli = makeContext(options, interrupts, makeStatusDisplay(options), extensions);
  const loaded = await loadForCommands(argv, cli);
  if (loaded === undefined || loaded.commands.size === 0) return;
  const { addPluginCommands } = await import('./plugin-commands.ts');
  addPluginCommands(program, loaded.commands.values(), start, cli.warn);
}

/** What is wrong with a plugin or the configuration keeps nobody from reading the help. */
async function loadForCommands(argv: readonly string[], cli: CliContext): Promise<Extensions | undefined> {
  const [word] = commandWords(argv);
  const showsAll = word === undefined || word === 'help' || word === 'completion';
  try {
    return await cli.extensions();
  } catch (error) {
    if (!showsAll || !isCairnError(error)) throw error;
    cli.warn(error.message);
    return undefined;
  }
}

/** It has a command that is not one of ours, or it shows all there are. */
function mayMeanPlugins(argv: readonly string[]): boolean {
  const words = commandWords(argv);
  const name = words[0] === 'help' ? words[1] : words[0];
  if (name !== undefined) return name === 'completion' || findCommand(name) === undefined;
  return words[0] === 'help' || argv.includes('--help') || argv.includes('-h');
}

/** The global options before the command line is parsed; `undefined` where they are wrong, which is told then. */
function scanGlobalOptions(argv: readonly string[]): GlobalOptions | undefined {
  const scan = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  addGlobalOptions(scan);
  try {
    scan.parseOptions([...argv]);
    return scan.opts<GlobalOptions>();
  } catch {
    return undefined;
  }
}

/** The command a command line means: its first argument that is no global option. `completion` needs all of them. */
export function wantedCommands(argv: readonly string[]): readonly CommandEntry[] {
  const words = commandWords(argv);
  const name = words[0] === 'help' ? words[1] : words[0];
  const found = name === undefined ? undefined : findCommand(name);
  if (found?.name === 'completion') return commandTable;
  return found === undefined ? [] : [found];
}

/** The first two words of a command line that are neither global options nor their values. */
function commandWords(argv: readonly string[]): readonly string[] {
  const words: string[] = [];
  for (let at = 0; at < argv.length && words.length < 2; at++) {
    const word = argv[at] ?? '';
    if (word === '--') break;
    if (valueOptions.has(word)) at++;
    else if (!word.startsWith('-')) words.push(word);
  }
  return words;
}

function makeStart(program: Command, interrupts: Interrupts, extensions: CliExtensions): StartCommand {
  return async (body) => {
    const options = program.opts<GlobalOptions>();
    const status = makeStatusDisplay(options);
    const cli = makeContext(options, interrupts, status, extensions);
    interrupts.beforeExit = () => status.clear();
    interrupts.listen((text) => cli.warn(text));
    try {
      await body(cli);
    } finally {
      status.clear();
    }
  };
}

/** After an interrupt, the error says what interrupted; unless it knows better, such as what was saved all the same. */
function preferAbort(error: unknown, signal: AbortSignal): unknown {
  const isAbort = hasCode(error, 'ABORTED') || (error instanceof Error && error.name === 'AbortError');
  if (!signal.aborted || !isAbort) return error;
  return isCairnError(error) && 'snapshot' in error.facts ? error : signal.reason;
}

function usageError(error: CommanderError): CairnError {
  const [message = '', guess] = error.message.replace(/^error: /, '').split(/\n\((Did you mean .*)\)$/u);
  // What follows may be meant for `--password-file`, and be the password.
  const named = message.replace(/^(unknown option '[^'=]*)=.*'$/su, "$1'");
  const help = 'Run `cairn --help` for the commands, `cairn help COMMAND` for the options of one.';
  return new CairnError('USAGE', message === '(outputHelp)' ? 'a command is needed' : named, {
    // A name that looks alike is no better guess than the same thing in restic.
    hint: resticHint(message) ?? (guess === undefined ? help : `${guess} ${help}`),
  });
}

/** Prints an error on stderr: for a person, or with `--json` as one object. */
export function reportError(error: unknown, argv: readonly string[], options: Partial<GlobalOptions>): void {
  // When the command line could not be parsed, its raw words still say whether JSON is wanted.
  const json = options.json === true || argv.includes('--json');
  if (json) {
    process.stderr.write(`${toJson(errorDocument(error))}\n`);
    return;
  }
  const colored = wantsColor({
    isTTY: process.stderr.isTTY,
    env: process.env,
    allowed: options.color !== false,
  });
  process.stderr.write(describeError(error, { style: makeStyle(colored), verbose: options.verbose ?? 0 }));
}
