import { CairnError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { actionNames, type VaultEventName } from '../vault/vault-events.ts';
import type { VaultListeners } from '../vault/vault-listeners.ts';
import type { HookEntry, HookTable } from './hook-entry.ts';
import type { HookedEvent } from './hook-event.ts';

export interface HookOptions {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly logger: Logger;
}

/**
 * Lets the commands of hooks run at their events, until the result is disposed. Throws `CONFIG_INVALID` for an event that
 * there is not.
 */
export function attachHooks(hooks: HookTable, listeners: Pick<VaultListeners, 'on'>, options: HookOptions): Disposable {
  using attached = new DisposableStack();
  for (const [event, entries] of Object.entries(hooks)) {
    const name = parseEventName(event);
    for (const entry of entries) {
      attached.use(listeners.on(name, (told: HookedEvent) => runOne(name, entry, told, options)));
    }
  }
  return attached.move();
}

async function runOne(name: VaultEventName, entry: HookEntry, event: HookedEvent, options: HookOptions): Promise<void> {
  const { runHook } = await import('./run-hook.ts');
  // What follows an action that was stopped runs all the same: it may have to undo what came before it.
  const signal = 'signal' in event ? event.signal : undefined;
  try {
    await runHook(name, entry, event, { ...options, signal });
  } catch (error) {
    const stops = name.endsWith('.before') && (entry.onError ?? 'fail') === 'fail';
    if (stops || signal?.aborted === true) throw error;
    options.logger.warn(error instanceof Error ? error.message : String(error), { hook: name });
  }
}

const moments = ['before', 'done', 'failed'] as const;

/** Throws `CONFIG_INVALID`. */
function parseEventName(text: string): VaultEventName {
  const known = actionNames.flatMap((action) => moments.map((moment): VaultEventName => `${action}.${moment}`));
  const name = known.find((one) => one === text);
  if (name !== undefined) return name;
  throw new CairnError('CONFIG_INVALID', `there is no event ${JSON.stringify(text)} for a hook`, {
    hint: `An event is one of ${actionNames.join(', ')}, then .before, .done or .failed.`,
  });
}
