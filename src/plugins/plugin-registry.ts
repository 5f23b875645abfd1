import { CairnArgumentError, CairnError } from '../base/errors.ts';
import { isFreeScheme, type OpenScheme } from '../storage/open-storage.ts';
import type { SourceFactory } from '../vault/actions/registered-source.ts';
import { VaultListeners } from '../vault/vault-listeners.ts';
import type { PluginCommand } from './plugin-command.ts';
import { pluginFailed } from './plugin-failure.ts';
import type { NotifierFactory } from './plugin-notifier.ts';

/** Names that are taken. */
export interface ReservedNames {
  /** Commands of the command line. */
  readonly commands?: ReadonlySet<string> | undefined;
}

// Also those that are to come.
const ownSources: ReadonlySet<string> = new Set(
  'files stream stdin command registered sqlite postgres mysql mongodb sql'.split(' '),
);

/** What plugins have added. A registration gives back how to take it away again. */
export class PluginRegistry {
  readonly listeners: VaultListeners = new VaultListeners();
  readonly storages: Map<string, OpenScheme> = new Map();
  readonly sources: Map<string, SourceFactory> = new Map();
  readonly notifiers: Map<string, NotifierFactory> = new Map();
  readonly commands: Map<string, PluginCommand> = new Map();
  readonly #reserved: ReservedNames;

  constructor(reserved: ReservedNames = {}) {
    this.#reserved = reserved;
  }

  addStorage(plugin: string, scheme: string, open: OpenScheme): Disposable {
    if (!isFreeScheme(scheme)) throw refused(`the scheme ${JSON.stringify(scheme)} is Cairn's own, or is none`);
    return add(this.storages, 'the scheme', scheme, async (url, options) => {
      return naming(plugin, 'storage', async () => open(url, options));
    });
  }

  addSource(plugin: string, type: string, factory: SourceFactory): Disposable {
    if (!isName(type) || ownSources.has(type)) {
      throw refused(`the type of source ${JSON.stringify(type)} is Cairn's own, or no name`);
    }
    return add(this.sources, 'the type of source', type, async (options, context) => {
      return naming(plugin, 'source', async () => factory(options, context));
    });
  }

  addNotifier(type: string, factory: NotifierFactory): Disposable {
    if (!isName(type)) throw refused(`the type of notifier ${JSON.stringify(type)} is no name`);
    return add(this.notifiers, 'the type of notifier', type, factory);
  }

  addCommand(plugin: string, command: PluginCommand): Disposable {
    const { name } = command;
    if (!isName(name) || this.#reserved.commands?.has(name) === true) {
      throw refused(`the command ${JSON.stringify(name)} is Cairn's own, or no name`);
    }
    return add(this.commands, 'the command', name, {
      ...command,
      run: (context) => naming(plugin, 'command', async () => command.run(context)),
    });
  }
}

function isName(name: string): boolean {
  return /^[a-z][a-z0-9-]{0,49}$/.test(name);
}

function add<T>(map: Map<string, T>, what: string, name: string, value: T): Disposable {
  if (map.has(name)) throw refused(`${what} ${name} was registered by another plugin`);
  map.set(name, value);
  return { [Symbol.dispose]: () => void map.delete(name) };
}

function refused(reason: string): CairnArgumentError {
  return new CairnArgumentError(`cannot register it: ${reason}`, {
    hint: 'Names have lower-case letters, digits and hyphens, and nothing of Cairn can be replaced.',
  });
}

/** What Cairn has a code for says enough by itself; anything else is named after its plugin. */
async function naming<T>(plugin: string, phase: 'storage' | 'source' | 'command', run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const isKnown = error instanceof CairnError || (error instanceof Error && error.name === 'AbortError');
    throw isKnown ? error : pluginFailed(plugin, phase, error);
  }
}
