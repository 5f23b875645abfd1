import type { Command } from 'commander';
import type { CommandModule, StartCommand } from '../command-table.ts';
import { addFilterOptions } from '../filter-options.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { repairBackups, type RepairBackupsFlags } from '../repair/repair-backups.ts';
import { repairIndex, type RepairIndexFlags } from '../repair/repair-index.ts';
import { repairPacks, type RepairPacksFlags } from '../repair/repair-packs.ts';

export const repairCommand: CommandModule = {
  configure(command, start) {
    command.description(
      'Repairs a vault after `check` found damage. First of all, copy the vault. Then in this order: index, packs, a new\n' +
        'backup of the same files, which stores the lost parts anew, snapshots.',
    );
    addIndex(command, start);
    addPacks(command, start);
    addSnapshots(command, start);
    addExamples(command, [
      ['cairn repair index', 'make the index agree with the packs'],
      ['cairn check --read-data --json | cairn repair packs --findings -', 'save what is good in damaged packs'],
      ['cairn repair snapshots --dry-run', 'what backups would lose'],
    ]);
    addExitCodes(command, [...vaultExits, 'unknownRef', 'ambiguousRef', 'confirmation', 'partial', 'readOnly']);
  },
};

function addIndex(command: Command, start: StartCommand): void {
  command
    .command('index')
    .description('list the packs that are there, and forget those that are gone')
    .option('--read-all-packs', 'read the header of every pack, and believe no index file', false)
    .option('-n, --dry-run', 'show what would be done, and do nothing', false)
    .action((flags: RepairIndexFlags) => start((cli) => repairIndex(cli, flags)));
}

function addPacks(command: Command, start: StartCommand): void {
  command
    .command('packs')
    .description('store what is intact in damaged packs again, and remove them')
    .argument('[id...]', 'ids of packs, as `check --read-data` names them')
    .option('--findings <file>', 'take the packs from what `check --json` printed; - reads standard input')
    .option('--copies-to <dir>', 'where copies of the damaged packs go', '.')
    .option('--no-copies', 'keep no copies of the damaged packs')
    .option('-n, --dry-run', 'show what would be done, and do nothing', false)
    .action((ids: readonly string[], flags: RepairPacksFlags) => start((cli) => repairPacks(cli, ids, flags)));
}

function addSnapshots(command: Command, start: StartCommand): void {
  const snapshots = command
    .command('snapshots')
    .description('make versions of damaged backups without what is missing')
    .argument('[ref...]', 'ids or their beginnings, `latest`, names, name@time');
  addFilterOptions(snapshots)
    .option('--forget', 'remove the damaged versions', false)
    .option('-n, --dry-run', 'show what would be done, and do nothing', false)
    .action((references: readonly string[], flags: RepairBackupsFlags) =>
      start((cli) => repairBackups(cli, references, flags)),
    );
}
