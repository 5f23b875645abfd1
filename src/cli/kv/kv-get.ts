import { CairnError } from '../../base/errors.ts';
import type { JsonValue } from '../../values/json-content.ts';
import type { StoredValue } from '../../vault/values/vault-values.ts';
import type { CliContext } from '../context.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { openingOf, type OpenValueFlags } from './value-secrets.ts';

export interface KvGetFlags extends OpenValueFlags {
  readonly at?: string;
  readonly id?: string;
  readonly default?: string;
  readonly raw: boolean;
}

export async function kvGet(cli: CliContext, key: string, flags: KvGetFlags): Promise<void> {
  const fallback = flags.default === undefined ? undefined : parseDefault(flags.default);
  await using vault = await openCliVault(cli);
  const opening = await openingOf(cli, key, flags);
  const options = { ...opening, at: flags.at, id: flags.id, signal: cli.signal };
  const found = await vault.values.read(key, options);
  if (found === undefined && fallback === undefined) {
    // For its error, which says why there is none.
    await vault.values.getOrThrow(key, options);
  }
  await print(cli, key, found, fallback, flags);
}

async function print(
  cli: CliContext,
  key: string,
  found: StoredValue | undefined,
  fallback: JsonValue | undefined,
  { raw }: KvGetFlags,
): Promise<void> {
  const value = found === undefined ? fallback : found.value;
  if (cli.options.json) {
    const { id = null, time = null } = found?.version ?? {};
    await cli.out.json({ schema: 1, key, id, time, value });
  } else if (raw && typeof value === 'string') {
    await cli.out.write(value);
  } else {
    await cli.out.write(`${JSON.stringify(value, null, 2)}\n`);
  }
}

function parseDefault(text: string): JsonValue {
  try {
    const value: JsonValue = JSON.parse(text);
    return value;
  } catch {
    throw new CairnError('USAGE', 'the value of --default is no JSON', {
      hint: 'Quote it for the shell: --default \'"text"\', --default 0, --default null.',
    });
  }
}
