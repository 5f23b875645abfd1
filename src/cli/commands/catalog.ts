import type { Command } from 'commander';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Catalog } from '../../catalog/catalog.ts';
import { catalogFile, home } from '../user-places.ts';
import type { CatalogSyncResult } from '../../catalog/merge-vault.ts';
import { CairnError, messageOf, systemCode } from '../../base/errors.ts';
import type { CommandModule, StartCommand } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addExamples, addExitCodes, vaultExits } from '../help.ts';
import { openCliVault } from '../open-cli-vault.ts';
import { plural } from '../output/format.ts';
import { addQueryCommand } from './catalog-query.ts';

export const catalogCommand: CommandModule = {
  configure(command, start) {
    command.description(
      'The catalog is an SQLite database on this machine with a row for each backup of every vault it used. The vaults are\n' +
        'the truth: it can always be made again from them. Its tables are in docs/guides/catalog.md.',
    );
    addQueryCommand(command, start);
    addVaultCommands(command, start);
    addFileCommands(command, start);
    addExamples(command, [
      ["cairn catalog query 'select name, count(*), max(time) from live_backups group by name'", 'what there is'],
      ['cairn catalog sync', 'learn what other machines did to the vault'],
      ['cairn catalog rebuild', 'read all of it again'],
    ]);
    addExitCodes(command, [...vaultExits, 'unsupported']);
  },
};

function addVaultCommands(command: Command, start: StartCommand): void {
  command
    .command('sync')
    .description('read what is new in the vault, and mark what is gone')
    .action(() => start((cli) => sync(cli, 'sync')));
  command
    .command('rebuild')
    .description('read every backup of the vault again; a damaged catalog is set aside')
    .action(() => start((cli) => sync(cli, 'rebuild')));
}

function addFileCommands(command: Command, start: StartCommand): void {
  command
    .command('path')
    .description('print where the catalog is')
    .action(() => start(printPath));
  command
    .command('export')
    .description('print the catalog, one JSON document a line')
    .action(() => start(exportCatalog));
  command
    .command('import')
    .description('take over what another catalog exported; of two versions of a row the newer one stays')
    .argument('<file>', 'the exported lines; `-` is stdin')
    .action((file: string) => start((cli) => importCatalog(cli, file)));
  command
    .command('import-bakthat')
    .description('take over the rows of a bakthat database, those of deleted backups too')
    .argument('[file]', 'default: ~/.bakthat.sqlite')
    .action((file: string | undefined) => start((cli) => importFromBakthat(cli, file)));
}

async function sync(cli: CliContext, how: 'sync' | 'rebuild'): Promise<void> {
  await using vault = await openCliVault(cli);
  const result = await cli.follow(vault.catalog[how]({ signal: cli.signal }));
  await printResult(cli, result);
}

async function printPath(cli: CliContext): Promise<void> {
  const file = catalogFile(cli.env);
  if (cli.options.json) await cli.out.json({ schema: 1, file });
  else await cli.out.write(`${file}\n`);
}

async function exportCatalog(cli: CliContext): Promise<void> {
  const { exportLines } = await import('../../catalog/catalog-lines.ts');
  using catalog = await openCatalog(cli);
  for (const line of exportLines(catalog)) {
    cli.signal.throwIfAborted();
    await cli.out.write(`${line}\n`);
  }
}

async function importCatalog(cli: CliContext, file: string): Promise<void> {
  const { importLines } = await import('../../catalog/catalog-lines.ts');
  const lines = await readLines(file);
  using catalog = await openCatalog(cli);
  await printResult(cli, importLines(catalog, lines));
}

async function importFromBakthat(cli: CliContext, file: string | undefined): Promise<void> {
  const { importBakthat } = await import('../../catalog/import-bakthat.ts');
  using catalog = await openCatalog(cli);
  await printResult(cli, importBakthat(catalog, file ?? join(home(cli.env), '.bakthat.sqlite')));
}

async function readLines(file: string): Promise<string[]> {
  const input = file === '-' ? process.stdin : createReadStream(file);
  try {
    return await Array.fromAsync(createInterface({ input, crlfDelay: Infinity }));
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw new CairnError('USAGE', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
}

async function openCatalog(cli: CliContext): Promise<Catalog> {
  const { Catalog } = await import('../../catalog/catalog.ts');
  return Catalog.open(catalogFile(cli.env));
}

async function printResult(cli: CliContext, result: CatalogSyncResult): Promise<void> {
  if (cli.options.json) {
    await cli.out.json({ schema: 1, ...result });
    return;
  }
  const { added, updated, deleted, unchanged } = result;
  await cli.out.write(
    `${plural(added, 'backup')} added, ${updated} updated, ${deleted} found to be gone, ${unchanged} as before\n`,
  );
}
