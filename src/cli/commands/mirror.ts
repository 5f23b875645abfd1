import { CairnError } from '../../base/errors.ts';
import type { MirrorMemberReport } from '../../storage/mirror/mirror-member.ts';
import type { MirrorRepairPlan, MirrorRepairResult } from '../../storage/mirror/mirror-repair.ts';
import type { VaultMirror } from '../../vault/care/vault-mirror.ts';
import type { Vault } from '../../vault/vault.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { formatBytes, plural } from '../output/format.ts';
import { printable } from '../output/printable.ts';

interface RepairFlags {
  readonly dryRun: boolean;
}

export const mirrorCommand: CommandModule = {
  configure(command, start) {
    command.description('A vault in several storages: --vault for the vault itself, and again for each copy of it.');
    command
      .command('status', { isDefault: true })
      .description('compare what commits backups in all of them')
      .action(() => start(status));
    command
      .command('repair')
      .description('bring those that fell behind up to date with the first')
      .option('-n, --dry-run', 'change nothing, and say what would be copied and removed', false)
      .action((flags: RepairFlags) => start((cli) => repair(cli, flags)));
    addExamples(command, [
      ['cairn mirror --vault /mnt/a/vault --vault s3://bucket/vault', 'which of them is behind'],
      ['cairn mirror repair --vault /mnt/a/vault --vault s3://bucket/vault', 'let the second catch up'],
    ]);
    addExitCodes(command, ['partial', ...vaultExits, 'full', 'confirmation']);
  },
};

async function status(cli: CliContext): Promise<void> {
  await using vault = await openCliVault(cli);
  const members = await mirrorOf(vault).compare({ signal: cli.signal });
  if (cli.options.json) await cli.out.json({ schema: 1, members });
  else await cli.out.write(members.map((member) => `${describeMember(member)}\n`).join(''));
  const behind = members.filter(({ state }) => state === 'behind');
  if (behind.length > 0) throw behindError(behind.map(({ url }) => url));
}

async function repair(cli: CliContext, { dryRun }: RepairFlags): Promise<void> {
  await using vault = await openCliVault(cli);
  const mirror = mirrorOf(vault);
  const plans = await cli.follow(mirror.planRepair({ signal: cli.signal }));
  if (!cli.options.json) await cli.out.write(plans.map((plan) => `${describePlan(plan)}\n`).join(''));
  const results = dryRun ? [] : await confirmAndRepair(cli, mirror, plans);
  if (cli.options.json) {
    const short = plans.map(({ url, copy, copyBytes, remove }) => ({
      url,
      copy: copy.length,
      copyBytes,
      remove: remove.length,
    }));
    await cli.out.json({ schema: 1, dryRun, plans: short, results });
  } else if (dryRun) await cli.out.write('dry run: nothing was changed\n');
  else await cli.out.write(results.map((result) => `${describeResult(result)}\n`).join(''));
  const failed = results.filter(({ problems }) => problems.length > 0);
  for (const { url, problems } of failed) {
    for (const { name, message } of problems) cli.warn(`${url}: ${name}: ${message}`);
  }
  if (failed.length > 0) throw behindError(failed.map(({ url }) => url));
}

async function confirmAndRepair(
  cli: CliContext,
  mirror: VaultMirror,
  plans: readonly MirrorRepairPlan[],
): Promise<readonly MirrorRepairResult[]> {
  const needed = plans.filter(({ copy, remove }) => copy.length + remove.length > 0);
  const removals = needed.filter(({ remove }) => remove.length > 0);
  if (removals.length > 0) {
    const what = removals.map(({ url, remove }) => `${plural(remove.length, 'object')} from ${url}`).join(' and ');
    const consequence = `what the vault has no more would be removed: ${what}`;
    await cli.confirm(`${consequence}. Go on?`, consequence);
  }
  return needed.length === 0 ? [] : cli.follow(mirror.repair(needed, { signal: cli.signal }));
}

function mirrorOf(vault: Vault): VaultMirror {
  if (vault.mirror !== undefined) return vault.mirror;
  throw new CairnError('USAGE', `${vault.url} is one storage, not a mirror`, {
    hint: 'Name the vault with --vault, and again for each copy of it.',
  });
}

function describeMember({ url, isFirst, state, reason }: MirrorMemberReport): string {
  const place = printable(url);
  if (isFirst) return `${place}: the vault`;
  if (state === 'in-step' || reason === undefined) return `${place}: in step`;
  if (reason.kind === 'failed') return `${place}: cannot ${printable(reason.operation)}: ${printable(reason.message)}`;
  return `${place}: behind, ${plural(reason.missing, 'file')} of the vault missing, ${plural(reason.extra, 'file')} too many`;
}

function describePlan({ url, copy, copyBytes, remove }: MirrorRepairPlan): string {
  const place = printable(url);
  if (copy.length + remove.length === 0) return `${place}: nothing to do`;
  return `${place}: ${plural(copy.length, 'object')} to copy (${formatBytes(copyBytes)}), ${remove.length} to remove`;
}

function describeResult({ url, copied, copiedBytes, removed, problems }: MirrorRepairResult): string {
  const done = `${printable(url)}: copied ${plural(copied, 'object')} (${formatBytes(copiedBytes)}), removed ${removed}`;
  return problems.length === 0
    ? `${done}; in step`
    : `${done}; ${plural(problems.length, 'object')} could not be copied`;
}

function behindError(urls: readonly string[]): CairnError {
  return new CairnError('MIRROR_BEHIND', `behind the vault: ${urls.join(', ')}`, {
    hint: 'Run `cairn mirror repair`; `cairn check --read-data` looks for damage in the vault itself.',
    facts: { behind: urls },
  });
}
