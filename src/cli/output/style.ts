import { styleText } from 'node:util';

type Color = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** Colours text for one stream, or leaves it alone. */
export type Style = (color: Color, text: string) => string;

export interface ColorChoice {
  /** Node leaves it undefined for a stream that is no terminal. */
  readonly isTTY: boolean | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** `false` for `--no-color`. */
  readonly allowed: boolean;
}

/**
 * Whether to colour: `--no-color` and NO_COLOR (any value but the empty one, https://no-color.org) turn it
 * off, FORCE_COLOR turns it on, and otherwise a terminal that is not `dumb` has colours.
 */
export function wantsColor({ isTTY, env, allowed }: ColorChoice): boolean {
  if (!allowed) return false;
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return isTTY === true && env['TERM'] !== 'dumb';
}

export function makeStyle(colored: boolean): Style {
  if (!colored) return (_, text) => text;
  return (color, text) => styleText(color, text, { validateStream: false });
}
