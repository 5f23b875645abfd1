// Trees so deep that a call for each level ends the stack, or a path to their bottom is longer than the system takes.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { Secret } from '../../src/base/secret.ts';
import { encodeTree } from '../../src/formats/tree/tree-encoder.ts';
import { openRepository } from '../../src/repository/open-repository.ts';
import { saveSnapshot } from '../../src/repository/snapshots.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { quickVault } from '../support/quick-vault.ts';
import {
  aSnapshot,
  blobIdOf,
  dirNode,
  fileNode,
  type PlainBlob,
  storeIndex,
  storePack,
} from '../support/repository-fixture.ts';
import { sharedStorage } from '../support/shared-storage.ts';

const PASSWORD = 'correct horse';
/** Its path has 3,800 bytes: more levels cannot be named by a path, and restic does not save them either. */
const NAMED_LEVELS = 1900;
const LEVELS = 3000;

let scratch: string;
let storage: Storage;
let vault: Vault;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-deep-'));
  storage = openMemoryStorage('deep-trees');
  vault = await quickVault(sharedStorage(storage), PASSWORD);
});
afterAll(async () => {
  await vault.close();
  // Node's own removal names everything by its path.
  execFileSync('rm', ['-rf', scratch]);
});

describe('a source of 1,900 levels', () => {
  const bottom = '/d'.repeat(NAMED_LEVELS);
  let source: string;
  beforeAll(() => {
    source = join(scratch, 'source');
    mkdirSync(source + bottom, { recursive: true });
    writeFileSync(join(source + bottom, 'file'), 'bottom');
    // Beside a folder in the middle, before and after it.
    for (const name of ['a', 'z']) writeFileSync(join(source, '/d'.repeat(900), name), name);
  });

  it.each(['backup', 'archive'] as const)('comes back from what %s makes of it', async (form) => {
    const { id } = await vault[form](source, { name: form });
    const out = join(scratch, form);
    const { status, destination } = await vault.restore(id, { to: out });
    expect(status).toBe('complete');
    expect(readFileSync(join(destination + bottom, 'file'), 'utf8')).toBe('bottom');
    for (const name of ['a', 'z']) expect(readFileSync(join(destination, '/d'.repeat(900), name), 'utf8')).toBe(name);
  });
});

describe('a backup of 20,000 levels whose only file lost its content', () => {
  it('is repaired', async () => {
    const lost = openMemoryStorage('deepest-tree');
    await using damaged = await quickVault(sharedStorage(lost), PASSWORD);
    await storeDeepTree('deepest', 'lost', { on: lost, levels: 20_000, isLost: true });
    const { changes } = await damaged.repairSnapshots({ forget: true });
    expect(changes).toMatchObject([{ outcome: 'rewritten', entries: [{ path: `${'/d'.repeat(20_000)}/bottom` }] }]);
    expect((await damaged.check()).isGood).toBe(true);
  });
});

describe('a backup of 3,000 levels', () => {
  beforeAll(async () => {
    await storeDeepTree('deep', 'one');
    await storeDeepTree('other', 'two');
  });

  it('is listed to its bottom', async () => {
    let last = '';
    for await (const { path } of vault.ls('deep', { recursive: true })) last = path;
    expect(last).toBe(`${'/d'.repeat(LEVELS)}/bottom`);
  });

  it('is searched to its bottom', async () => {
    const found = await Array.fromAsync(vault.find('bottom'), ({ backup }) => backup.name);
    expect(found.toSorted()).toEqual(['deep', 'other']);
  });

  it('is compared to its bottom', async () => {
    expect((await vault.diff('deep', 'other')).changedFiles).toBe(1);
  });

  it('is checked, and rewritten without its bottom', async () => {
    expect((await vault.check()).isGood).toBe(true);
    const { changes } = await vault.rewrite({ exclude: ['bottom'] }, { references: ['deep'], dryRun: true });
    expect(changes).toHaveLength(1);
  });

  it('is restored below where a path leads, and found there by the next restore', async () => {
    const to = join(scratch, 'deep');
    expect(await vault.restore('deep', { to })).toMatchObject({ status: 'complete', filesRestored: 1 });
    await expect(vault.restore('deep', { to })).rejects.toMatchObject({ code: 'TARGET_EXISTS' });
  });
});

async function storeDeepTree(
  name: string,
  text: string,
  { on = storage, levels = LEVELS, isLost = false } = {},
): Promise<void> {
  await using repository = await openRepository(sharedStorage(on), { password: new Secret(PASSWORD) });
  const plain = utf8(text);
  let tree = encodeTree([fileNode('bottom', [blobIdOf(plain)], plain.length)]);
  const trees: PlainBlob[] = [{ type: 'tree', plain: tree }];
  for (let level = 0; level < levels; level++) {
    tree = encodeTree([dirNode('d', blobIdOf(tree))]);
    trees.push({ type: 'tree', plain: tree });
  }
  const content = isLost ? [] : [await storePack(repository, [{ type: 'data', plain }])];
  await storeIndex(repository, [...content, await storePack(repository, trees)]);
  await saveSnapshot(repository, aSnapshot(blobIdOf(tree), { paths: [`/${name}`] }));
}
