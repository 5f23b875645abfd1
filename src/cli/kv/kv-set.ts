import { CairnError } from '../../base/errors.ts';
import type { ValueVersion } from '../../values/value-version.ts';
import type { ValueSealOptions } from '../../values/value-seal.ts';
import type { CliContext } from '../context.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { formatBytes } from '../output/format.ts';
import { printable } from '../output/printable.ts';
import { readValueInput } from './value-input.ts';
import { findValuePassword, type ValuePasswordFlags } from './value-secrets.ts';

export interface KvSetFlags extends ValuePasswordFlags {
  readonly file?: string;
  readonly text: boolean;
  readonly compress: boolean;
  readonly encrypt: boolean;
  readonly recipient?: readonly string[];
  readonly keep?: number;
}

export async function kvSet(
  cli: CliContext,
  key: string,
  argument: string | undefined,
  flags: KvSetFlags,
): Promise<void> {
  const value = await readValueInput({ argument, file: flags.file, asText: flags.text }, process.stdin);
  await using vault = await openCliVault(cli, { createDefault: true });
  const version = await vault.values.set(key, value, {
    ...(await sealing(cli, key, flags)),
    compress: flags.compress,
    keep: flags.keep,
    signal: cli.signal,
  });
  if (cli.options.json) await cli.out.json({ schema: 1, ...version });
  else cli.info(describe(version));
}

async function sealing(cli: CliContext, key: string, flags: KvSetFlags): Promise<ValueSealOptions> {
  const byPassword = flags.encrypt || flags.valuePasswordFile !== undefined || flags.valuePasswordCommand !== undefined;
  if (byPassword && flags.recipient !== undefined) {
    throw new CairnError('USAGE', 'a value is encrypted with a password or to recipients, not both');
  }
  return byPassword
    ? { password: await findValuePassword(cli, key, flags, 'create') }
    : { recipients: flags.recipient };
}

function describe({ key, storedBytes, encrypted }: ValueVersion): string {
  // Said each time, because people expect the vault's password to encrypt everything in it.
  const how = encrypted ? 'encrypted' : 'not encrypted';
  return `set ${printable(key)} (${formatBytes(storedBytes)}, ${how})`;
}
