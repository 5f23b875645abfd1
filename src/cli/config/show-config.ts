import { configValues, type ConfigValue } from '../../config/config-values.ts';
import type { LoadedConfig } from '../../config/loaded-config.ts';
import type { CliContext } from '../context.ts';
import { printable } from '../output/printable.ts';
import { renderTable } from '../output/table.ts';
import { configInUse } from './config-file.ts';
import { commandLineValues, type Origin, type OriginedValue } from './command-line-values.ts';

/** Prints every value and who says so. */
export async function showConfig(cli: CliContext, { effective }: { readonly effective: boolean }): Promise<void> {
  // Without a file there are still defaults and the environment to show.
  const loaded = effective ? await cli.config() : await configInUse(cli);
  const ofFile = loaded === undefined ? [] : configValues(loaded, { defaults: effective });
  const values = [
    ...(effective ? await commandLineValues(cli, loaded) : []),
    ...ofFile.map((value) => withOrigin(value, loaded)),
  ];
  if (cli.options.json) {
    await cli.out.json({ schema: 1, file: loaded?.file ?? null, profile: loaded?.profile ?? null, values });
    return;
  }
  const rows = values.map(({ key, value, origin }) => [printable(key), printable(value), describeOrigin(origin)]);
  await cli.out.write(renderTable([{ title: 'KEY' }, { title: 'VALUE' }, { title: 'FROM' }], rows));
}

function withOrigin({ key, value, position }: ConfigValue, loaded: LoadedConfig | undefined): OriginedValue {
  if (position === undefined || loaded?.file === undefined) return { key, value, origin: { kind: 'default' } };
  return { key, value, origin: { kind: 'file', file: loaded.file, ...position } };
}

function describeOrigin(origin: Origin): string {
  switch (origin.kind) {
    case 'file':
      return printable(`${origin.file}:${origin.line}`);
    case 'env':
      return `env ${origin.name}`;
    case 'flag':
      return `flag ${origin.name}`;
    case 'default':
      return 'default';
    default:
      return origin satisfies never;
  }
}
