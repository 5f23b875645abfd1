import { parseRotationRules, type RotationRules, rotationUnits } from '../../retention/rotation-policy.ts';
import { applyForgetPlan } from '../apply-forget-plan.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { filtersOf } from '../filter-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import {
  addByNameOptions,
  addRotationOptions,
  type ByNameFlags,
  byNameOptions,
  forgetResult,
  type RotationFlags,
  rotationRules,
} from '../rotation-flags.ts';
import { chooseVault } from '../vault-choice.ts';

type RotateFlags = RotationFlags & ByNameFlags;

export const rotateCommand: CommandModule = {
  configure(command, start) {
    command.description(
      'Thins out the backups of each name: of each of the last n days, weeks, months, … the oldest stays, also the newest of\n' +
        'all, what is dated in the future, and what is held. Each name is rotated by itself. Data that only removed snapshots\n' +
        'had stays in the vault until `cairn prune`, or goes at once with --prune; archives are gone at once.',
    );
    addRotationOptions(command);
    addByNameOptions(command).action((flags: RotateFlags) => start((cli) => rotate(cli, flags)));
    addExamples(command, [
      ['cairn rotate --days 7 --weeks 6 --months 6 -n', 'what would go, and what keeps the others'],
      ['cairn rotate -n', 'by the rules of the vault in cairn.yaml'],
      ['cairn rotate --name main --days 7 --weeks 4 --first-weekday monday --yes', 'of one name, for a schedule'],
      ['cairn rotate --hours 24 --days 30 --zone Europe/Berlin', 'days as they are in Berlin'],
    ]);
    addExitCodes(command, [...vaultExits, 'unknownRef', 'confirmation', 'partial', 'damaged', 'readOnly']);
  },
};

/** Those of the command line, or, where it has none, those that the configuration has for the vault. */
async function chosenRules(cli: CliContext, flags: RotateFlags): Promise<RotationRules> {
  const said = rotationRules(flags);
  if (said.last !== undefined || rotationUnits.some((unit) => said[unit] !== undefined)) return said;
  const choice = await chooseVault(cli.options.vault, cli.env, cli.config);
  const keep = choice.kind === 'configured' ? choice.vault.keep : undefined;
  if (keep === undefined) return said;
  return said.firstWeekday === undefined ? keep : { ...keep, firstWeekday: said.firstWeekday };
}

async function rotate(cli: CliContext, flags: RotateFlags): Promise<void> {
  const rules = await chosenRules(cli, flags);
  // What is wrong with the rules is said before a password is asked.
  parseRotationRules(rules);
  const options = { ...byNameOptions(flags), zone: flags.zone, signal: cli.signal };
  const filter = filtersOf(flags);
  await using vault = await openCliVault(cli);
  const plan = await vault.planRotation(filter, rules, options);
  const { now, zone } = plan;
  await applyForgetPlan(cli, vault, plan, {
    ...flags,
    about: { now, zone, rules },
    remove: async () => forgetResult(await cli.follow(vault.rotate(plan, { signal: cli.signal }))),
  });
}
