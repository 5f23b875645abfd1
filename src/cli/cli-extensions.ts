// Plugins and hooks of the configuration, for this command line. Where none are configured nothing of it is loaded.
import { hasCode } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Extensions } from '../plugins/load-extensions.ts';
import { reservedNames } from './command-table.ts';
import type { CliContext } from './context.ts';

/** What loading them needs of a command line. */
export type ExtensionsContext = Pick<CliContext, 'config' | 'env' | 'signal' | 'options' | 'info' | 'warn' | 'detail'>;

/**
 * Commands that only read, or bring back: who needs a backup now shall not have to repair a configuration first. All
 * others stop where it is not in order, since a hook or plugin that they do not know might have stopped them.
 */
const reading: ReadonlySet<string> = new Set('list show ls find diff cat dump stats check restore doctor'.split(' '));

/** Loads plugins and hooks once, when the first one asks for them, and ends them with the program. */
export class CliExtensions implements AsyncDisposable {
  readonly #reads: boolean;
  #loading: Promise<Extensions | undefined> | undefined;

  /** `command` is the name of the one that runs, if it is one of ours. */
  constructor(command: string | undefined) {
    this.#reads = command !== undefined && reading.has(command);
  }

  /** `undefined` where there are none. Throws `PLUGIN_FAILED` for a plugin that is required, `CONFIG_INVALID`. */
  get(context: ExtensionsContext): Promise<Extensions | undefined> {
    this.#loading ??= this.#load(context);
    return this.#loading;
  }

  async #load(context: ExtensionsContext): Promise<Extensions | undefined> {
    try {
      return await load(context);
    } catch (error) {
      if (!this.#reads || !hasCode(error, 'CONFIG_INVALID')) throw error;
      context.warn(`without plugins and hooks, since the configuration is not in order: ${error.message}`);
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    let extensions: Extensions | undefined;
    try {
      extensions = await this.#loading;
    } catch {
      // Whoever asked for them has said so.
    }
    await extensions?.[Symbol.asyncDispose]();
  }
}

async function load(context: ExtensionsContext): Promise<Extensions | undefined> {
  const loaded = await context.config();
  if (loaded === undefined) return undefined;
  const { configuredExtensions } = await import('../app/configured-extensions.ts');
  return configuredExtensions(loaded, {
    logger: cliLogger(context),
    reserved: { commands: reservedNames },
    env: context.env,
    signal: context.signal,
  });
}

/** Lines of plugins and hooks look like those of Cairn. */
export function cliLogger({ options, info, warn, detail }: Omit<ExtensionsContext, 'config'>): Logger {
  return {
    debug: (message) => {
      if (options.verbose > 1) detail(message);
    },
    info,
    warn,
    error: warn,
  };
}
