import { CairnError, messageOf } from '../../base/errors.ts';
import type { NotifierFactory, PluginNotifier } from '../../plugins/plugin-notifier.ts';
import { deliveryFailed } from './delivery-failed.ts';
import type { CustomNotifierSettings, MessageRules } from './notifier-settings.ts';

/** Notifiers of plugins, by the type under which they were registered. */
export type PluginNotifiers = ReadonlyMap<string, NotifierFactory>;

/**
 * A notifier of a plugin. It is made with its first message: one whose plugin failed, or that cannot be made, is a
 * message that did not arrive, and no backup that was not made.
 */
export function pluginChannel(
  rules: MessageRules,
  { of, options }: { readonly of: string; readonly options: Readonly<Record<string, unknown>> },
  notifiers: PluginNotifiers | undefined,
): CustomNotifierSettings {
  let made: PluginNotifier | undefined;
  return {
    ...rules,
    type: 'custom',
    deliver: async (message, { signal }) => {
      try {
        made ??= factoryOf(of, notifiers)(options);
        await made.deliver(message, { signal });
      } catch (error) {
        if (error instanceof CairnError) throw error;
        throw deliveryFailed(`the plugin of ${of} failed: ${messageOf(error)}`, { cause: error });
      }
    },
  };
}

function factoryOf(of: string, notifiers: PluginNotifiers | undefined): NotifierFactory {
  const factory = notifiers?.get(of);
  if (factory !== undefined) return factory;
  const known = [...(notifiers?.keys() ?? [])].join(', ');
  throw deliveryFailed(`no plugin has registered notifiers of type ${of}`, {
    hint: known === '' ? 'No plugin that registers notifiers is at work.' : `Registered are: ${known}.`,
  });
}
