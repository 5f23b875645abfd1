import { CairnError } from '../../base/errors.ts';
import type { Vault } from '../../vault/vault.ts';
import type { CliContext } from '../context.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { plural } from '../output/format.ts';
import { printable } from '../output/printable.ts';

export interface KvDeleteFlags {
  readonly dryRun: boolean;
}

interface KeyToDelete {
  readonly key: string;
  readonly versions: number;
}

export async function kvDelete(cli: CliContext, names: readonly string[], { dryRun }: KvDeleteFlags): Promise<void> {
  await using vault = await openCliVault(cli);
  const keys = await plan(cli, vault, [...new Set(names)]);
  const versions = keys.reduce((sum, key) => sum + key.versions, 0);
  const what = `${plural(keys.length, 'key')} with ${plural(versions, 'version')}`;
  if (!cli.options.json) await cli.out.write(keys.map(describe).join(''));
  const deleted: string[] = [];
  if (!dryRun) {
    const consequence = `${what} would be deleted from ${vault.url}`;
    await cli.confirm(`${consequence}. Go on?`, consequence);
    for (const { key } of keys) {
      if (await vault.values.delete(key, { signal: cli.signal })) deleted.push(key);
    }
  }
  if (cli.options.json) await cli.out.json({ schema: 1, dryRun, keys, deleted });
  else cli.info(dryRun ? `would delete ${what}; nothing was changed` : `deleted ${what}`);
}

/** Looks for all of them before it deletes any, so that a typing error deletes nothing. */
async function plan({ signal }: CliContext, { values }: Vault, names: readonly string[]): Promise<KeyToDelete[]> {
  const keys: KeyToDelete[] = [];
  for (const key of names) keys.push({ key, versions: (await values.history(key, { signal })).length });
  const missing = keys.filter(({ versions }) => versions === 0).map(({ key }) => key);
  if (missing.length === 0) return keys;
  const shown = missing.map((key) => JSON.stringify(key)).join(', ');
  throw new CairnError('VALUE_MISSING', `there is no value ${shown}; nothing was deleted`, {
    facts: { keys: missing },
  });
}

function describe({ key, versions }: KeyToDelete): string {
  return `${printable(key)}: ${plural(versions, 'version')}\n`;
}
