import { pathToFileURL } from 'node:url';
import { CairnArgumentError } from '../base/errors.ts';
import { parsePlugin, type Plugin } from './define-plugin.ts';

/** Loads the module of a plugin: its export `plugin`, or its default export. */
export async function importPlugin(file: string): Promise<Plugin> {
  const url = pathToFileURL(file).href;
  const module: { readonly plugin?: unknown; readonly default?: unknown } = await import(/* @vite-ignore */ url);
  const found = module.plugin ?? module.default;
  if (found === undefined) {
    throw new CairnArgumentError('it exports no plugin', {
      hint: 'Write `export const plugin = definePlugin({ … })`, or export it as the default.',
    });
  }
  return parsePlugin(found);
}
