import { CairnError } from '../base/errors.ts';
import type { RegisteredSource } from '../vault/actions/registered-source.ts';
import type { CliContext } from './context.ts';

/**
 * The source of a plugin that `TYPE:TARGET` means, or `undefined` where no argument means one. A plugin gets
 * `{ target }`. Throws `USAGE` where it is not alone.
 */
export async function registeredSource(
  cli: Pick<CliContext, 'extensions'>,
  paths: readonly string[],
): Promise<RegisteredSource | undefined> {
  // A path that begins like this is written ./name:x, as where a vault is named.
  const typed = paths.map((path) => /^([a-z][a-z0-9-]*):(.*)$/su.exec(path)).filter((match) => match !== null);
  if (typed.length === 0) return undefined;
  const sources = (await cli.extensions())?.forVaults.sources;
  const found = typed.find(([, type = '']) => sources?.has(type));
  if (found === undefined) return undefined;
  if (paths.length > 1) {
    throw new CairnError('USAGE', `${found[0]} is a source of a plugin, and cannot be saved together with others`, {
      hint: 'Back it up by itself. A path is written ./name:x.',
    });
  }
  const [, of = '', target = ''] = found;
  return { type: 'registered', of, options: { target } };
}
