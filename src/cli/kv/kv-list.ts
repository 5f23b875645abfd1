import { CairnError } from '../../base/errors.ts';
import type { ValueVersion } from '../../values/value-version.ts';
import type { CliContext } from '../context.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { formatBytes, formatTime } from '../output/format.ts';
import { printable } from '../output/printable.ts';
import { renderTable } from '../output/table.ts';

export interface KvListFlags {
  readonly prefix?: string;
}

/** The keys, or the versions of one. */
export async function kvList(cli: CliContext, key: string | undefined, { prefix }: KvListFlags): Promise<void> {
  if (key !== undefined && prefix !== undefined) {
    throw new CairnError('USAGE', 'a key and --prefix exclude each other');
  }
  await using vault = await openCliVault(cli);
  if (key === undefined) await listKeys(cli, await Array.fromAsync(vault.values.list({ prefix, signal: cli.signal })));
  else await listVersions(cli, key, await vault.values.history(key, { signal: cli.signal }));
}

async function listKeys(
  cli: CliContext,
  values: readonly (ValueVersion & { readonly versions: number })[],
): Promise<void> {
  if (cli.options.json) return cli.out.json({ schema: 1, values });
  if (values.length === 0) return cli.info('there are no values');
  const rows = values.map((value) => [
    formatTime(value.time),
    String(value.versions),
    formatBytes(value.storedBytes),
    form(value),
    printable(value.key),
  ]);
  const columns = [
    { title: 'TIME' },
    { title: 'VERSIONS', align: 'right' },
    { title: 'STORED', align: 'right' },
    { title: 'FORM' },
    { title: 'KEY' },
  ] as const;
  await cli.out.write(renderTable(columns, rows));
}

/** Newest first. */
async function listVersions(cli: CliContext, key: string, versions: readonly ValueVersion[]): Promise<void> {
  if (cli.options.json) return cli.out.json({ schema: 1, key, versions });
  if (versions.length === 0) {
    throw new CairnError('VALUE_MISSING', `there is no value ${JSON.stringify(key)}`, { facts: { key } });
  }
  const rows = versions.map((version) => [
    version.time.toISOString(),
    formatBytes(version.storedBytes),
    form(version),
    printable(version.id),
  ]);
  const columns = [{ title: 'TIME' }, { title: 'STORED', align: 'right' }, { title: 'FORM' }, { title: 'ID' }] as const;
  await cli.out.write(renderTable(columns, rows));
}

function form({ compressed, encrypted }: ValueVersion): string {
  return ['json', ...(compressed ? ['gzip'] : []), ...(encrypted ? ['age'] : [])].join('+');
}
