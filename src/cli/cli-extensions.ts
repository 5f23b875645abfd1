// Plugins and hooks of the configuration, for this command line. Where none are configured nothing of it is loaded.
import type { Logger } from '../base/logger.ts';
import type { Extensions } from '../plugins/load-extensions.ts';
import { reservedNames } from './command-table.ts';
import type { CliContext } from './context.ts';

/** What loading them needs of a command line. */
export type ExtensionsContext = Pick<CliContext, 'config' | 'env' | 'signal' | 'options' | 'info' | 'warn' | 'detail'>;

/** Loads plugins and hooks once, when the first one asks for them, and ends them with the program. */
export class CliExtensions implements AsyncDisposable {
  #loading: Promise<Extensions | undefined> | undefined;

  /** `undefined` where there are none. Throws `PLUGIN_FAILED` for a plugin that is required, `CONFIG_INVALID`. */
  get(context: ExtensionsContext): Promise<Extensions | undefined> {
    this.#loading ??= load(context);
    return this.#loading;
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
