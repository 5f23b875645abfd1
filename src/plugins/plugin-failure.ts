import { CairnError, hasCode, messageOf } from '../base/errors.ts';
import { TimeLimitError } from './time-limit.ts';

export type PluginPhase = 'load' | 'activate' | 'listener' | 'storage' | 'source' | 'command' | 'deactivate';

const doing: Readonly<Record<PluginPhase, string>> = {
  load: 'could not be loaded',
  activate: 'failed to activate',
  listener: 'failed in a listener',
  storage: 'failed to open a storage',
  source: 'failed to open a source',
  command: 'failed in its command',
  deactivate: 'failed to deactivate',
};

/** The error of a plugin, which names it. An error that says so already stays as it is. */
export function pluginFailed(plugin: string, phase: PluginPhase, cause: unknown, where?: string): CairnError {
  if (hasCode(cause, 'PLUGIN_FAILED') && cause instanceof CairnError) return cause;
  const what = where === undefined ? doing[phase] : `${doing[phase]} (${where})`;
  const why = cause instanceof TimeLimitError ? `it was given up after ${cause.limitMs / 1000} s` : messageOf(cause);
  const hint = typeof cause === 'object' && cause !== null && 'hint' in cause ? cause.hint : undefined;
  return new CairnError('PLUGIN_FAILED', `the plugin ${plugin} ${what}: ${why}`, {
    hint: typeof hint === 'string' ? hint : hintOf(phase),
    facts: { plugin, phase },
    cause,
  });
}

/** What it was asked for may be wrong as well as the plugin. */
function hintOf(phase: PluginPhase): string {
  const isAsked = phase === 'storage' || phase === 'source' || phase === 'command';
  return isAsked
    ? 'It is the plugin that says so: see how it is to be used.'
    : 'Correct the plugin, or take it out of the configuration.';
}
