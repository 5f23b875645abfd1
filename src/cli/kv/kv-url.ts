import type { ValueUrlMethod } from '../../values/signed-url.ts';
import type { CliContext } from '../context.ts';
import { openCliVault } from '../open-cli-vault.ts';

export interface KvUrlFlags {
  /** Milliseconds. */
  readonly expires: number;
  readonly method: ValueUrlMethod;
  readonly baseUrl?: string;
  /** `false` for `--no-check`. */
  readonly check: boolean;
  readonly at?: string;
}

export async function kvUrl(cli: CliContext, key: string, flags: KvUrlFlags): Promise<void> {
  const { CAIRN_VALUES_URL = '' } = cli.env;
  const base = flags.baseUrl ?? (CAIRN_VALUES_URL === '' ? undefined : CAIRN_VALUES_URL);
  await using vault = await openCliVault(cli);
  const url = await vault.values.url(key, {
    expiresIn: flags.expires / 1000,
    method: flags.method,
    base,
    checkExists: flags.check,
    at: flags.at,
    signal: cli.signal,
  });
  // Whole seconds, rounded down: never later than the URL really expires.
  const expiresAt = new Date(Math.floor((Date.now() + flags.expires) / 1000) * 1000 - 1000);
  if (cli.options.json) await cli.out.json({ schema: 1, key, method: flags.method, url, expiresAt });
  else await cli.out.write(`${url}\n`);
}
