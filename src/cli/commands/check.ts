import { CairnError } from '../../base/errors.ts';
import type { CheckResult } from '../../repository/check/check-repository.ts';
import type { Finding } from '../../repository/check/finding.ts';
import type { VaultCheckOptions, VaultCheckResult } from '../../vault/actions/check-action.ts';
import { type ArchiveKeyFlags, archiveKeys } from '../archive-key-options.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { collect, parseSizeArgument } from '../global-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { formatBytes, formatCount, plural } from '../output/format.ts';
import { printable } from '../output/printable.ts';

interface CheckFlags extends Pick<ArchiveKeyFlags, 'identity'> {
  /** `true` for the option without a value. */
  readonly readData?: string | true;
  readonly resume: boolean;
}

export const checkCommand: CommandModule = {
  configure(command, start) {
    command
      .description(
        'Verifies the vault: every file, the index, every tree; with --read-data also every byte of the data.',
      )
      .option(
        '--read-data [part]',
        'read and authenticate the data too: all of it, a random part such as 10% or 5G, or part 3/7',
      )
      .option('--resume', 'with --read-data: go on where an earlier check stopped, until all was read', false)
      .option('--identity <file>', 'with --read-data: the secret key of age that opens archives', collect)
      .action((flags: CheckFlags) => start((cli) => check(cli, flags)));
    addExamples(command, [
      ['cairn check', 'structure only'],
      ['cairn check --read-data', 'every byte'],
      ['cairn check --read-data=5%', 'a random twentieth, for a daily run'],
      ['cairn check --read-data=20G --resume', 'every night the next 20 GiB'],
    ]);
    addExitCodes(command, [...vaultExits, 'checkFailed']);
  },
};

async function check(cli: CliContext, flags: CheckFlags): Promise<void> {
  const readData = parseReadData(flags.readData);
  const keys = await archiveKeys(cli, flags);
  await using vault = await openCliVault(cli);
  const onFinding = (finding: Finding): void => printFinding(cli, finding);
  const result = await cli.follow(
    vault.check({ ...keys, readData, resume: flags.resume, onFinding, signal: cli.signal }),
  );
  if (cli.options.json) {
    await cli.out.json({ schema: 1, ...result });
  } else {
    const read =
      result.packsRead > 0
        ? `, ${plural(result.packsRead, 'pack')} (${formatBytes(result.bytesRead)}) read in full${before(result)}`
        : '';
    await cli.out.write(
      `checked ${plural(result.snapshots, 'backup')}, ${formatCount(result.trees)} trees, ` +
        `${formatCount(result.blobs)} blobs, ${formatCount(result.packs)} packs${read}${shelvesOf(result)}\n`,
    );
    if (result.isGood) await cli.out.write(`${cli.style('green', 'no errors were found')}\n`);
  }
  if (!result.isGood)
    throw damageFound(result.findings.filter(({ severity }) => severity === 'error').length + result.omittedFindings);
}

/** Vaults without archives and values need not hear of them. */
function shelvesOf({ archives, values }: VaultCheckResult): string {
  const parts = [
    ...(archives === 0 ? [] : [plural(archives, 'archive')]),
    ...(values === 0 ? [] : [plural(values, 'version of a value', 'versions of values')]),
  ];
  return parts.map((part) => `, ${part}`).join('');
}

function before({ packsReadBefore }: CheckResult): string {
  return packsReadBefore === 0 ? '' : ` and ${formatCount(packsReadBefore)} in earlier checks`;
}

function printFinding(cli: CliContext, { severity, object, message }: Finding): void {
  if (severity === 'error') cli.warn(`${object}: ${message}`);
  else cli.info(`note: ${printable(object)}: ${printable(message)}`);
}

function damageFound(errors: number): CairnError {
  return new CairnError('CHECK_FAILED', `the check found ${plural(errors, 'error')}`, {
    hint: 'Each one is named above. Do not remove anything: restore what you need from this vault or a copy first, and see CHECK_FAILED in docs/errors.md.',
    facts: { errors },
  });
}

/** `undefined` for no data, or a part such as `10%`, `5G`, or `3/7` of the packs, as restic divides them. */
export function parseReadData(text: string | true | undefined): VaultCheckOptions['readData'] {
  if (text === undefined) return 'none';
  if (text === true || text === 'all' || text === '100%') return 'all';
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent !== undefined && Number(percent) > 0 && Number(percent) <= 100) return { percent: Number(percent) };
  const share = /^([1-9]\d*)\/([1-9]\d*)$/.exec(text);
  const [part, of] = [Number(share?.[1]), Number(share?.[2])];
  if (part <= of && of <= 256) return { part, of };
  try {
    return { bytes: parseSizeArgument(text) };
  } catch {
    throw new CairnError('USAGE', `${JSON.stringify(text)} is no part of the data`, {
      hint: 'Write --read-data for all of it, or --read-data=10%, --read-data=5G, or --read-data=3/7 with at most 256 parts.',
    });
  }
}
