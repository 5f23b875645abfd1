import { resolve } from 'node:path';
import { findConfig } from '../../config/find-config.ts';
import { CairnError } from '../../base/errors.ts';
import type { LoadedConfig } from '../../config/loaded-config.ts';
import type { CliContext } from '../context.ts';
import { configFile } from '../user-places.ts';

/** The file that a command changes: the one that is named, the one that is found, or the user's own to be made. */
export function fileToChange({ options, env }: CliContext): string {
  const named = options.config ?? (env['CAIRN_CONFIG'] || undefined);
  if (named !== undefined) return resolve(named);
  return findConfig({ env, cwd: process.cwd() })?.file ?? configFile(env);
}

/** Throws `CONFIG_INVALID` where there is none. */
export async function configInUse(cli: CliContext): Promise<LoadedConfig> {
  const loaded = await cli.config();
  if (loaded !== undefined) return loaded;
  throw new CairnError(
    'CONFIG_INVALID',
    `there is no configuration: no cairn.yaml here or above, and no ${configFile(cli.env)}`,
    {
      hint: 'Make one with `cairn config init`, or name it with --config FILE.',
    },
  );
}
