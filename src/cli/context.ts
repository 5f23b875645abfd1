import { CairnError } from '../base/errors.ts';
import type { Job, Progress } from '../base/job.ts';
import type { Extensions } from '../plugins/load-extensions.ts';
import { type ConfigReader, configReader } from './cli-config.ts';
import type { CliExtensions } from './cli-extensions.ts';
import type { GlobalOptions } from './global-options.ts';
import { Output } from './output/output.ts';
import { StatusDisplay, statusMode } from './output/status-display.ts';
import { printable } from './output/printable.ts';
import { makeStyle, type Style, wantsColor } from './output/style.ts';
import type { Interrupts } from './signals.ts';
import { askYesNo, openTerminal } from './terminal/prompt.ts';

/** The outside world as a command sees it. */
export interface CliContext {
  readonly options: GlobalOptions;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** The configuration file, if there is one; read at the first call. */
  readonly config: ConfigReader;
  /** Plugins and hooks of the configuration, loaded at the first call; `undefined` where there are none. */
  readonly extensions: () => Promise<Extensions | undefined>;
  readonly out: Output;
  /** Colours for stdout. */
  readonly style: Style;
  /** A message for the user; left out with `--quiet` and `--json`. */
  readonly info: (text: string) => void;
  /** A message for `--verbose`. */
  readonly detail: (text: string) => void;
  /** A message that also `--quiet` shows; left out with `--json`, whose document carries it. */
  readonly warn: (text: string) => void;
  /** A note that must be seen even with `--quiet` and `--json`, such as where a new key lies. */
  readonly insist: (text: string) => void;
  /** A progress bar is drawn, which is better with totals. */
  readonly showsBar: boolean;
  /** Waits for a job and shows how far it is. */
  readonly follow: <Result, P extends Progress>(job: Job<Result, P>) => Promise<Result>;
  /** Asks for a yes. Throws `CONFIRMATION_NEEDED` on a no, and where nobody can be asked. */
  readonly confirm: (question: string, consequence: string) => Promise<void>;
}

export function makeContext(
  options: GlobalOptions,
  interrupts: Interrupts,
  status: StatusDisplay,
  extensions: CliExtensions,
): CliContext {
  const { env } = process;
  const errors = makeStyle(wantsColor({ isTTY: process.stderr.isTTY, env, allowed: options.color }));
  const message = (text: string): void => status.print(`${text}\n`);
  const warn = (text: string): void => {
    if (!options.json) message(`${errors('yellow', 'warning:')} ${printable(text)}`);
  };
  const cli: CliContext = {
    options,
    env,
    signal: interrupts.signal,
    config: configReader(options, env, warn),
    extensions: () => extensions.get(cli),
    out: new Output(process.stdout),
    style: makeStyle(wantsColor({ isTTY: process.stdout.isTTY, env, allowed: options.color })),
    info: (text) => {
      if (!options.quiet && !options.json) message(text);
    },
    detail: (text) => {
      if (options.verbose > 0 && !options.quiet && !options.json) message(text);
    },
    warn,
    insist: message,
    showsBar: status.showsBar,
    follow: (job) => status.follow(job, (listener) => interrupts.onStatusRequest(listener)),
    confirm: (question, consequence) => confirm(question, consequence, options, interrupts.signal),
  };
  return cli;
}

export function makeStatusDisplay(options: GlobalOptions): StatusDisplay {
  return new StatusDisplay(process.stderr, statusMode(process.stderr, process.env, options));
}

async function confirm(
  question: string,
  consequence: string,
  options: GlobalOptions,
  signal: AbortSignal,
): Promise<void> {
  if (options.yes) return;
  const terminal = options.json ? undefined : openTerminal();
  if (terminal === undefined) {
    throw new CairnError('CONFIRMATION_NEEDED', `${consequence}, and there is no terminal to ask on`, {
      hint: 'Give --yes if that is what you want. Nothing was changed.',
    });
  }
  if (await askYesNo(terminal, printable(question), signal)) return;
  throw new CairnError('CONFIRMATION_NEEDED', 'the answer was not yes; nothing was changed');
}
