// Small vaults for programs that are killed: three backups of one folder, a day apart, each with packs of its own.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { utf8, utf8Lossy } from '../../src/base/bytes.ts';
import { idToBytes, type PackId } from '../../src/base/ids.ts';
import { Secret } from '../../src/base/secret.ts';
import { BLOB_DATA } from '../../src/repository/index/blob-index.ts';
import { loadIndex } from '../../src/repository/index/load-index.ts';
import { initRepository } from '../../src/repository/init-repository.ts';
import { objectName } from '../../src/repository/layout.ts';
import { openRepository } from '../../src/repository/open-repository.ts';
import { listSnapshots } from '../../src/repository/snapshots.ts';
import { walkTree } from '../../src/repository/walk/walk-tree.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { openVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { describeTree } from './describe-tree.ts';
import { filesOf } from './interop.ts';
import { flipBit, storePack } from './repository-fixture.ts';
import { RESTIC_PASSWORD } from './restic.ts';
import type { Described } from './survived-vault.ts';

/** When the backups were made, oldest first. */
export const TIMES = ['2024-01-01T10:00:00.000Z', '2024-01-02T10:00:00.000Z', '2024-01-03T10:00:00.000Z'] as const;
const password = new Secret(RESTIC_PASSWORD);

export interface KillTemplates {
  /** The name of the index file that the last backup made. */
  readonly newestIndex: string;
  /** The backups, by time: what was there, and what would be without `*.tmp`. */
  readonly contents: ReadonlyMap<string, { readonly whole: Described; readonly excluded: Described }>;
  /** A new folder with this vault in `vault`. */
  readonly make: (name: string, change?: (vault: string) => Promise<void>) => Promise<string>;
}

/** Makes the source and the vault that all others are copies of, below `scratch`. */
export async function makeKillTemplates(scratch: string, version: 1 | 2 = 2): Promise<KillTemplates> {
  const base = join(scratch, `base-${version}`);
  const source = join(base, 'source');
  await makeEmptyVault(join(base, 'vault'), version);
  const contents = new Map<string, { readonly whole: Described; readonly excluded: Described }>();
  let newestIndex = '';
  await using vault = await open(join(base, 'vault'));
  for (const [day, time] of TIMES.entries()) {
    changeSource(source, day);
    const known = new Set(day === 0 ? [] : filesOf(vault.url, 'index'));
    await vault.backup(source, { time, tags: ['old'] });
    newestIndex = filesOf(vault.url, 'index').find((name) => !known.has(name)) ?? '';
    const whole = describeTree(source);
    const excluded = Object.fromEntries(Object.entries(whole).filter(([path]) => !path.endsWith('.tmp')));
    contents.set(time, { whole, excluded });
  }
  const make: KillTemplates['make'] = async (name, change) => {
    const folder = join(scratch, name);
    fs.cpSync(join(base, 'vault'), join(folder, 'vault'), { recursive: true });
    await change?.(join(folder, 'vault'));
    return folder;
  };
  return { newestIndex, contents, make };
}

export async function makeEmptyVault(path: string, version: 1 | 2 = 2): Promise<void> {
  const storage = openLocalStorage(path, { durable: false });
  await using _made = await initRepository(storage, { password, version, kdf: { N: 1024, r: 8, p: 1 } });
}

export function open(path: string): Promise<Vault> {
  return openVault(path, { password, cache: false, catalog: false, jobs: 1 });
}

/** `first` is only in the first backup, `all` in all of them. */
function changeSource(source: string, day: number): void {
  const write = (name: string, sizeBytes: number): void => fs.writeFileSync(join(source, name), randomBytes(sizeBytes));
  if (day === 0) {
    fs.mkdirSync(join(source, 'sub'), { recursive: true });
    write('all', 20_000);
    fs.symlinkSync('all', join(source, 'link'));
    write('sub/left-out.tmp', 5000);
  }
  write('first', 30_000);
  if (day === 1) write('sub/second', 10_000);
  if (day === 2) write('sub/left-out.tmp', 6000);
}

/** Makes data that no backup needs, in packs with others and in packs of its own, and a pack that nothing refers to. */
export async function makePrunable(path: string): Promise<void> {
  await using vault = await open(path);
  const dead = join(path, '..', 'dead');
  fs.mkdirSync(dead);
  fs.writeFileSync(join(dead, 'file'), randomBytes(25_000));
  await vault.backup(dead, { time: '2024-01-04T10:00:00Z' });
  const needed: ReadonlySet<string> = new Set(TIMES.slice(1));
  const backups = await Array.fromAsync(vault.list());
  await vault.delete(backups.filter(({ time }) => !needed.has(time.toISOString())).map(({ id }) => id));
  await using repository = await openRepository(openLocalStorage(path), { password });
  await storePack(repository, [{ type: 'data', plain: utf8('left by a run that was killed') }]);
}

/** Where the content of a file of the oldest backup is. */
export async function packOfOldest(
  path: string,
  file: string,
): Promise<{ readonly pack: PackId; readonly offset: number }> {
  await using repository = await openRepository(openLocalStorage(path), { password });
  const index = await loadIndex(repository);
  const [oldest] = await listSnapshots(repository);
  for await (const { node } of walkTree(repository, index, oldest!.snapshot.tree)) {
    if (node.type !== 'file' || utf8Lossy(node.name) !== file) continue;
    const [location] = index.locations(BLOB_DATA, idToBytes(node.content[0]!));
    return { pack: index.packId(location!.packNumber), offset: location!.offset };
  }
  throw new Error(`the oldest backup has no file ${file}`);
}

/** What only the oldest backup has is damaged, beside what others need. */
export async function damageOldest(path: string): Promise<void> {
  const { pack, offset } = await packOfOldest(path, 'first');
  await flipBit(openLocalStorage(path), objectName('pack', pack), (offset + 100) * 8);
}

/** Every blob is intact, and only the index still says where they are. */
export async function damageHeader(path: string): Promise<void> {
  const { pack } = await packOfOldest(path, 'first');
  const name = objectName('pack', pack);
  await flipBit(openLocalStorage(path), name, (fs.statSync(join(path, name)).size - 40) * 8);
}

/** What only the oldest backup has is gone, with the pack that was damaged. */
export async function loseOldest(path: string): Promise<void> {
  await damageOldest(path);
  const { pack } = await packOfOldest(path, 'first');
  await using vault = await open(path);
  await vault.repairPacks([pack]);
}

export async function deleteMiddle(path: string): Promise<void> {
  await using vault = await open(path);
  const backups = await Array.fromAsync(vault.list());
  await vault.delete(backups.filter(({ time }) => time.toISOString() === TIMES[1]).map(({ id }) => id));
}
