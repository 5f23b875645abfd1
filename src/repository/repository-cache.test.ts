import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  blobIdOf,
  fileNode,
  flipBit,
  makeSampleRepository,
  TEST_PASSWORD,
} from '../../test/support/repository-fixture.ts';
import { idToBytes } from '../base/ids.ts';
import { encodeTree } from '../formats/tree/tree-encoder.ts';
import type { Storage } from '../storage/storage.ts';
import { readTree } from './blob-reader.ts';
import { checkRepository } from './check/check-repository.ts';
import { BLOB_DATA, BLOB_TREE, type BlobTypeBit } from './index/blob-index.ts';
import { loadIndex } from './index/load-index.ts';
import { openRepository } from './open-repository.ts';
import { PACK_HEADER_ROOM, PackBuilder } from './pack-builder.ts';
import { PackWriter } from './pack-writer.ts';
import type { Repository } from './repository.ts';
import { listSnapshots } from './snapshots.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cairn-cache-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Pretends to be far away, and counts reads. */
function remote(inner: Storage): { readonly storage: Storage; readonly reads: string[] } {
  const reads: string[] = [];
  const storage = new Proxy(inner, {
    get(target, property) {
      if (property === 'features') return { ...target.features, remote: true };
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      if (property !== 'read') return value.bind(target);
      return (name: string, options?: object) => {
        reads.push(name);
        return target.read(name, options);
      };
    },
  });
  return { storage, reads };
}

async function readMetadata(storage: Storage) {
  const repository = await openRepository(storage, { password: TEST_PASSWORD, cache: { folder } });
  const [record] = await listSnapshots(repository);
  const index = await loadIndex(repository);
  return { repository, index, nodes: await readTree(repository, index, record!.snapshot.tree) };
}

/** A pack with one blob. */
async function storeAlone(
  { codec, key }: Repository,
  packs: PackWriter,
  type: BlobTypeBit,
  plain: Uint8Array,
): Promise<void> {
  const bytes = new Uint8Array(4096 + PACK_HEADER_ROOM);
  const builder = new PackBuilder(codec, key, bytes);
  builder.addRaw(type, idToBytes(blobIdOf(plain)), plain);
  await packs.store(builder.finish(), bytes);
}

async function cachedFiles(): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => /^[0-9a-f]{64}$/.test(entry.name) && entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}

describe('cache of a repository', () => {
  it('reads index, snapshots and trees once only', async () => {
    const { storage, reads } = remote((await makeSampleRepository()).storage);
    await readMetadata(storage);
    reads.length = 0;
    const { nodes } = await readMetadata(storage);
    expect(nodes).toHaveLength(2);
    expect(reads.filter((name) => /^(index|snapshots|data)\//.test(name))).toEqual([]);
  });

  it('fetches again what went bad in the cache', async () => {
    const { storage } = remote((await makeSampleRepository()).storage);
    await readMetadata(storage);
    for (const path of await cachedFiles()) {
      const bytes = await readFile(path);
      bytes[40] = bytes[40]! ^ 1;
      await rm(path);
      await writeFile(path, bytes);
    }
    expect((await readMetadata(storage)).nodes).toHaveLength(2);
  });

  it('has the trees that this program stored, and no data', async () => {
    const { storage, reads } = remote((await makeSampleRepository()).storage);
    const repository = await openRepository(storage, { password: TEST_PASSWORD, cache: { folder } });
    const tree = encodeTree([fileNode('new', [], 0)]);
    const packs = new PackWriter(repository);
    await storeAlone(repository, packs, BLOB_TREE, tree);
    await storeAlone(repository, packs, BLOB_DATA, new Uint8Array(randomBytes(1000)));
    await packs.flush();
    const index = await loadIndex(repository);
    reads.length = 0;
    expect(await readTree(repository, index, blobIdOf(tree))).toHaveLength(1);
    expect(reads).toEqual([]);
    expect((await cachedFiles()).filter((path) => path.includes('/data/'))).toHaveLength(1);
  });

  it('that cannot be made is told of, and stops nobody from reading', async () => {
    const { storage } = remote((await makeSampleRepository()).storage);
    const file = join(folder, 'file');
    await writeFile(file, '');
    const problems: unknown[] = [];
    const cache = { folder: join(file, 'cache'), onProblem: (error: unknown) => problems.push(error) };
    const repository = await openRepository(storage, { password: TEST_PASSWORD, cache });
    expect(await listSnapshots(repository)).toHaveLength(1);
    expect(problems).toHaveLength(1);
  });

  it.each(['index/', 'snapshots/', 'data/'])(
    'hides nothing that is damaged in %s of the vault from a check',
    async (folderName) => {
      const { storage } = remote((await makeSampleRepository()).storage);
      const { repository } = await readMetadata(storage);
      const objects = await Array.fromAsync(storage.list(folderName));
      for (const { name } of objects) await flipBit(storage, name, 400);
      expect((await checkRepository(repository)).isGood).toBe(false);
    },
  );

  it('keeps its good copy of what a check finds damaged, and nothing that the check read', async () => {
    const { storage } = remote((await makeSampleRepository()).storage);
    const { repository } = await readMetadata(storage);
    const before = await cachedFiles();
    const [index] = await Array.fromAsync(storage.list('index/'));
    await flipBit(storage, index!.name, 400);
    await checkRepository(repository);
    expect(await cachedFiles()).toEqual(before);
  });

  it('is rid of what a check left that was killed long ago', async () => {
    const { storage } = remote((await makeSampleRepository()).storage);
    const { repository } = await readMetadata(storage);
    const left = join(folder, repository.config.id, 'check_abc');
    await mkdir(left);
    await utimes(left, 0, 0);
    await checkRepository(repository);
    expect(await readdir(join(folder, repository.config.id))).not.toContain('check_abc');
  });

  it('is not used for a local vault', async () => {
    await readMetadata((await makeSampleRepository()).storage);
    expect(await cachedFiles()).toEqual([]);
  });
});
