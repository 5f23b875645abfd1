import { afterEach, describe, expect, it, vi } from 'vitest';
import { hasCode } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { openMemoryStorage } from '../storage/drivers/memory.ts';
import { openStorage } from '../storage/open-storage.ts';
import { VaultEmitter } from '../vault/vault-emitter.ts';
import type { VaultListener } from '../vault/vault-events.ts';
import { definePlugin, type Plugin, type PluginContext } from './define-plugin.ts';
import type { PluginEntry } from './plugin-entry.ts';
import { PluginHost, type PluginHostOptions } from './plugin-host.ts';

const lines: string[] = [];
const logger: Logger = {
  debug: (message) => lines.push(`debug ${message}`),
  info: (message) => lines.push(`info ${message}`),
  warn: (message) => lines.push(`warn ${message}`),
  error: (message) => lines.push(`error ${message}`),
};

afterEach(() => {
  lines.length = 0;
  vi.useRealTimers();
});

function load(entries: readonly PluginEntry[], options: Partial<PluginHostOptions> = {}): Promise<PluginHost> {
  return PluginHost.load(entries, { folder: '/nowhere', pluginsFolder: '/nowhere/plugins', logger, ...options });
}

/** Runs an action whose events the plugins hear. */
async function act(host: PluginHost): Promise<string> {
  const emitter = new VaultEmitter({
    vaultUrl: 'memory:plugins',
    shared: host.registry.listeners,
    onListenerError: () => lines.push('a listener of a plugin threw through'),
  });
  const signal = new AbortController().signal;
  await emitter.around('delete', { sessionId: 's', options: { references: [] }, signal }, () =>
    Promise.resolve({ removed: [], failed: [] }),
  );
  return 'acted';
}

const never = (): Promise<never> => new Promise(() => {});

describe('B63: plugins', () => {
  it('are activated in their order, each when the one before is ready, and deactivated in the reverse order, once', async () => {
    const log: string[] = [];
    const make = (name: string): PluginEntry => ({
      use: {
        name,
        activate: async () => {
          await new Promise((resolve) => setImmediate(resolve));
          log.push(`+${name}`);
        },
        deactivate: () => log.push(`-${name}`),
      },
    });
    const host = await load([make('a'), make('b'), make('c')]);
    expect(host.names).toEqual(['a', 'b', 'c']);
    await host[Symbol.asyncDispose]();
    await host[Symbol.asyncDispose]();
    expect(log).toEqual(['+a', '+b', '+c', '-c', '-b', '-a']);
  });

  it('need no deactivate', async () => {
    const host = await load([{ use: { name: 'plain', activate: () => {} } }]);
    await host[Symbol.asyncDispose]();
    expect(lines).toEqual([]);
  });

  it('that fail to deactivate are named, and keep nobody else from it', async () => {
    const log: string[] = [];
    const host = await load([
      { use: { name: 'first', activate: () => {}, deactivate: () => log.push('first') } },
      {
        use: {
          name: 'second',
          activate: () => {},
          deactivate: () => {
            throw new Error('stuck');
          },
        },
      },
      { use: { name: 'third', activate: () => {}, deactivate: never }, timeoutMs: 5 },
    ]);
    await host[Symbol.asyncDispose]();
    expect(log).toEqual(['first']);
    expect(lines).toEqual([
      'warn the plugin third failed to deactivate: it was given up after 0.005 s',
      'warn the plugin second failed to deactivate: stuck',
    ]);
  });

  it('cannot have the name of another one', async () => {
    const host = await load([
      { use: { name: 'twin', activate: () => {} } },
      { use: { name: 'twin', activate: () => lines.push('activated again') } },
    ]);
    expect(host.names).toEqual(['twin']);
    expect(lines).toEqual(['warn the plugin twin could not be loaded: another plugin of that name is loaded already']);
  });

  it.each([
    [{ activate: () => {} }, 'its `name` has to be'],
    [{ name: 'x y', activate: () => {} }, 'its `name` has to be'],
    [{ name: 'x' }, 'has no function `activate`'],
    [{ name: 'x', activate: () => {}, deactivate: 3 }, '`deactivate` of x is no function'],
    [undefined, 'it is no object'],
  ])('are refused where they are none: %j', (value, reason) => {
    expect(() => definePlugin(value as never)).toThrow(reason);
  });
});

describe('B62: a plugin', () => {
  it('gets its options and the profile, and logs under its name', async () => {
    const seen: unknown[] = [];
    const named: unknown[] = [];
    await load(
      [
        {
          use: {
            name: 'reader',
            activate: ({ config, logger }: PluginContext) => {
              seen.push(config);
              logger.info('hello');
            },
          },
          options: { every: 3 },
        },
      ],
      { profile: { vaults: {} }, logger: { ...logger, info: (_, facts) => named.push(facts) } },
    );
    expect(seen).toEqual([{ options: { every: 3 }, profile: { vaults: {} } }]);
    expect(named).toEqual([{ plugin: 'reader' }]);
  });

  it('hears events until it is deactivated', async () => {
    const log: string[] = [];
    const host = await load([
      { use: { name: 'ear', activate: ({ on }: PluginContext) => on('delete.done', () => log.push('heard')) } },
    ]);
    await act(host);
    await host[Symbol.asyncDispose]();
    await act(host);
    expect(log).toEqual(['heard']);
  });

  it('is told by its signal that it ended', async () => {
    let signal: AbortSignal | undefined;
    const host = await load([
      { use: { name: 'worker', activate: (context: PluginContext) => (signal = context.signal) } },
    ]);
    expect(signal?.aborted).toBe(false);
    await host[Symbol.asyncDispose]();
    expect(signal?.aborted).toBe(true);
  });

  it('opens storages of its scheme', async () => {
    const host = await load([
      {
        use: {
          name: 'drive',
          activate: ({ registerStorage }: PluginContext) => registerStorage('drive', (url) => openMemoryStorage(url)),
        },
      },
    ]);
    await using storage = await openStorage('drive://box/a', { schemes: host.registry.storages });
    expect(storage.url).toContain('drive://box/a');
    await expect(openStorage('drive://box/a')).rejects.toMatchObject({ code: 'STORAGE_URL_INVALID' });
  });

  it('is named where its storage cannot be opened, and an error with a code stays as it is', async () => {
    const host = await load([
      {
        use: {
          name: 'drive',
          activate: ({ registerStorage }: PluginContext) => {
            registerStorage('broken', () => {
              throw new TypeError('x is not a function');
            });
          },
        },
      },
    ]);
    await expect(openStorage('broken:', { schemes: host.registry.storages })).rejects.toMatchObject({
      code: 'PLUGIN_FAILED',
      facts: { plugin: 'drive', phase: 'storage' },
    });
  });

  it.each([
    ['a scheme of Cairn', ({ registerStorage }: PluginContext) => registerStorage('s3', () => openMemoryStorage('x'))],
    ['a drive letter', ({ registerStorage }: PluginContext) => registerStorage('c', () => openMemoryStorage('x'))],
    ['a source of Cairn', ({ registerSource }: PluginContext) => registerSource('files', () => '/')],
    [
      'a command of Cairn',
      ({ registerCommand }: PluginContext) => registerCommand({ name: 'backup', summary: '', run: () => {} }),
    ],
    ['what another one registered', ({ registerSource }: PluginContext) => registerSource('taken', () => '/')],
  ])('cannot replace %s', async (_what, activate) => {
    const other = {
      name: 'other',
      activate: ({ registerSource }: PluginContext) => registerSource('taken', () => '/'),
    };
    const reserved = { commands: new Set(['backup']) };
    const host = await load([{ use: other }, { use: { name: 'greedy', activate } }], { reserved });
    expect(host.names).toEqual(['other']);
    expect(lines.join()).toContain('the plugin greedy failed to activate: cannot register it');
  });
});

function failingActivate({ on, registerSource }: PluginContext): never {
  on('delete.before', () => lines.push('a dead plugin heard something'));
  registerSource('half', () => '/');
  throw new Error('no licence');
}

describe('a plugin that fails to activate', () => {
  it('is named, leaves nothing behind, and stops nothing', async () => {
    const host = await load([
      { use: { name: 'bad', activate: failingActivate } },
      { use: { name: 'good', activate: () => {} } },
    ]);
    expect(host.names).toEqual(['good']);
    expect(host.registry.sources.size).toBe(0);
    expect(await act(host)).toBe('acted');
    expect(lines).toEqual(['warn the plugin bad failed to activate: no licence']);
  });

  it('stops everything where it is required, and those before it are deactivated', async () => {
    const log: string[] = [];
    const first = { name: 'first', activate: () => {}, deactivate: () => log.push('deactivated') };
    const loading = load([{ use: first }, { use: { name: 'bad', activate: failingActivate }, required: true }]);
    await expect(loading).rejects.toMatchObject({
      code: 'PLUGIN_FAILED',
      facts: { plugin: 'bad', phase: 'activate' },
      cause: new Error('no licence'),
    });
    expect(log).toEqual(['deactivated']);
  });

  it('because it hangs is given up, and can register nothing when it comes back', async () => {
    const back = Promise.withResolvers<void>();
    const tried = Promise.withResolvers<string>();
    const host = await load([
      {
        use: {
          name: 'slow',
          activate: async ({ registerSource }: PluginContext) => {
            await back.promise;
            try {
              registerSource('late', () => '/');
              tried.resolve('registered');
            } catch {
              tried.resolve('refused');
            }
          },
        },
        timeoutMs: 5,
      },
    ]);
    expect(lines).toEqual(['warn the plugin slow failed to activate: it was given up after 0.005 s']);
    back.resolve();
    expect(await tried.promise).toBe('refused');
    expect(host.registry.sources.size).toBe(0);
  });

  it('because it hangs does not outlive an abort', async () => {
    const stop = new AbortController();
    const log: string[] = [];
    const first = { name: 'first', activate: () => {}, deactivate: () => log.push('deactivated') };
    const hanging = { name: 'slow', activate: () => (stop.abort(new Error('enough')), never()) };
    const loading = load([{ use: first }, { use: hanging }], { signal: stop.signal });
    await expect(loading).rejects.toThrow('enough');
    expect(log).toEqual(['deactivated']);
  });

  it('is given 30 seconds where nothing else is said', async () => {
    vi.useFakeTimers();
    const loading = load([{ use: { name: 'slow', activate: never } }]);
    await vi.advanceTimersByTimeAsync(29_999);
    expect(lines).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    await loading;
    expect(lines).toEqual(['warn the plugin slow failed to activate: it was given up after 30 s']);
  });
});

function listening(listener: VaultListener<'delete.before'>): Plugin {
  return { name: 'touchy', activate: ({ on }) => on('delete.before', listener) };
}

describe('a listener of a plugin', () => {
  it('that throws is named and stops nothing', async () => {
    const host = await load([{ use: listening(() => Promise.reject(new Error('oops'))) }]);
    expect(await act(host)).toBe('acted');
    expect(lines).toEqual(['warn the plugin touchy failed in a listener (delete.before): oops']);
  });

  it('that throws stops the action where the plugin is required', async () => {
    const host = await load([{ use: listening(() => Promise.reject(new Error('oops'))), required: true }]);
    const error: unknown = await act(host).catch((thrown: unknown) => thrown);
    expect(hasCode(error, 'ACTION_VETOED') && hasCode(error.cause, 'PLUGIN_FAILED')).toBe(true);
  });

  it('may veto the action in any case', async () => {
    const host = await load([{ use: listening(({ veto }) => veto('freeze')) }]);
    await expect(act(host)).rejects.toMatchObject({
      code: 'ACTION_VETOED',
      message: 'delete was stopped before it began: freeze',
    });
  });

  it('that hangs is given up, and the action goes on', async () => {
    const host = await load([{ use: listening(never), timeoutMs: 5 }]);
    expect(await act(host)).toBe('acted');
    expect(lines).toEqual([
      'warn the plugin touchy failed in a listener (delete.before): it was given up after 0.005 s',
    ]);
  });
});
