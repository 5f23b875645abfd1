import { lstat, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../base/errors.ts';
import { isId } from '../../base/ids.ts';
import { OPENINGS } from '../../vault/opening-memory.ts';
import { cacheFolder } from '../user-places.ts';
import type { CommandModule } from '../command-table.ts';
import type { CliContext } from '../context.ts';
import { addExamples, addExitCodes } from '../help.ts';
import { formatBytes, formatTime, plural } from '../output/format.ts';
import { renderTable } from '../output/table.ts';

/** What is kept of one remote vault. */
interface CachedVault {
  /** Id of the repository. */
  readonly id: string;
  readonly path: string;
  readonly bytes: number;
  readonly lastUsed: Date;
}

export const cacheCommand: CommandModule = {
  configure(command, start) {
    command.description(
      'What this machine keeps to be faster: of each vault, encrypted copies of its index, snapshots and trees if it is\n' +
        'remote, what was seen of the files that were saved, and how keys are derived. It can always go.',
    );
    command
      .command('list', { isDefault: true })
      .description('list them')
      .action(() => start(listCache));
    command
      .command('clear')
      .description('remove them')
      .argument('[id]', 'only of the vault with this id, or the beginning of it')
      .action((id: string | undefined) => start((cli) => clearCache(cli, id)));
    addExamples(command, [
      ['cairn cache list', 'what there is'],
      ['cairn cache clear', 'remove all of it'],
    ]);
    addExitCodes(command, []);
  },
};

async function listCache(cli: CliContext): Promise<void> {
  const folder = folderOf(cli);
  const vaults = await readCache(folder);
  if (cli.options.json) {
    await cli.out.json({ schema: 1, folder, vaults });
    return;
  }
  if (vaults.length === 0) {
    cli.info(`nothing is cached in ${folder}`);
    return;
  }
  const rows = vaults.map((vault) => [
    vault.id.slice(0, 8),
    formatTime(vault.lastUsed),
    formatBytes(vault.bytes),
    vault.path,
  ]);
  const columns = [
    { title: 'VAULT' },
    { title: 'LAST USED' },
    { title: 'SIZE', align: 'right' as const },
    { title: 'FOLDER' },
  ];
  await cli.out.write(renderTable(columns, rows));
}

async function clearCache(cli: CliContext, id: string | undefined): Promise<void> {
  const vaults = (await readCache(folderOf(cli))).filter((vault) => id === undefined || vault.id.startsWith(id));
  for (const vault of vaults) await rm(vault.path, { recursive: true, force: true });
  if (id === undefined) await rm(join(folderOf(cli), OPENINGS), { recursive: true, force: true });
  const bytes = vaults.reduce((sum, vault) => sum + vault.bytes, 0);
  if (cli.options.json) await cli.out.json({ schema: 1, removed: vaults.map((vault) => vault.id), bytes });
  else await cli.out.write(`removed the cache of ${plural(vaults.length, 'vault')}, ${formatBytes(bytes)}\n`);
}

function folderOf({ options, env }: CliContext): string {
  return options.cacheDir ?? cacheFolder(env);
}

/** Only folders whose name is an id: nothing else in there is ours to count or remove. */
async function readCache(folder: string): Promise<CachedVault[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
  const vaults: CachedVault[] = [];
  for (const id of names.filter(isId)) {
    const path = join(folder, id);
    vaults.push({ id, path, bytes: await sizeOf(path), lastUsed: (await stat(path)).mtime });
  }
  return vaults;
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await lstat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}
