import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { idFromBytes, idToBytes, type PackId } from '../base/ids.ts';
import { faulty } from '../storage/layers/faulty.ts';
import { blobIdOf, makeRepository, withOrigin } from '../../test/support/repository-fixture.ts';
import { readBlob } from './blob-reader.ts';
import { BLOB_DATA } from './index/blob-index.ts';
import { loadIndex } from './index/load-index.ts';
import { objectName } from './layout.ts';
import { PACK_HEADER_ROOM, PackBuilder, type FinishedPack } from './pack-builder.ts';
import { PackWriter } from './pack-writer.ts';
import type { Repository } from './repository.ts';

interface BuiltPack {
  readonly pack: FinishedPack;
  readonly bytes: Uint8Array;
  readonly plain: Uint8Array;
}

function buildPack({ codec, key }: Repository): BuiltPack {
  const plain = randomBytes(2000);
  const bytes = new Uint8Array(4096 + PACK_HEADER_ROOM);
  const builder = new PackBuilder(codec, key, bytes);
  builder.addRaw(BLOB_DATA, idToBytes(blobIdOf(plain)), plain);
  return { pack: builder.finish(), bytes, plain };
}

async function namesIn(repository: Repository, folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of repository.storage.list(folder)) names.push(name);
  return names;
}

describe('PackWriter', () => {
  it('stores packs and lists them in an index, from which their blobs can be read', async () => {
    const { repository } = await makeRepository();
    const built = [1, 2, 3].map(() => buildPack(repository));
    const writer = new PackWriter(repository);
    for (const { pack, bytes } of built) void writer.store(pack, bytes);
    await writer.flush();
    const index = await loadIndex(repository);
    for (const { plain } of built) {
      expect(Buffer.from(await readBlob(repository, index, 'data', blobIdOf(plain))).equals(plain)).toBe(true);
    }
    expect(await namesIn(repository, 'index/')).toHaveLength(1);
  });

  it('writes an index only when all packs in it are stored', async () => {
    const made = await makeRepository();
    const storage = faulty(made.storage);
    const repository = withOrigin(made.repository, storage);
    const writer = new PackWriter(repository);
    const built = [buildPack(repository), buildPack(repository)];
    for (const { pack, bytes } of built) void writer.store(pack, bytes);
    await writer.flush();
    const writes = storage.operations.filter(({ kind }) => kind === 'write').map(({ name }) => name.split('/')[0]);
    expect(writes).toEqual(['data', 'data', 'index']);
  });

  it('throws the failure of a pack from `flush` and writes no index', async () => {
    const made = await makeRepository();
    const storage = faulty(made.storage, { how: 'fail', when: ({ name }) => name.startsWith('data/') });
    const repository = withOrigin(made.repository, storage);
    const writer = new PackWriter(repository);
    const { pack, bytes } = buildPack(repository);
    await writer.store(pack, bytes);
    expect(writer.failure).toBeDefined();
    await expect(writer.flush()).rejects.toMatchObject({ code: 'STORAGE_IO' });
    expect(await namesIn(made.repository, 'index/')).toEqual([]);
  });

  it('stores nothing after a failure', async () => {
    const made = await makeRepository();
    const storage = faulty(made.storage, { how: 'fail', times: 1, when: ({ kind }) => kind === 'write' });
    const repository = withOrigin(made.repository, storage);
    const writer = new PackWriter(repository);
    const [first, second] = [buildPack(repository), buildPack(repository)];
    await writer.store(first.pack, first.bytes);
    await writer.store(second.pack, second.bytes);
    await expect(writer.flush()).rejects.toMatchObject({ code: 'STORAGE_IO' });
    expect(await namesIn(made.repository, 'data/')).toEqual([]);
  });

  it('stores nothing in a dry run', async () => {
    const made = await makeRepository();
    const writer = new PackWriter(made.repository, { dryRun: true });
    const { pack, bytes } = buildPack(made.repository);
    await writer.store(pack, bytes);
    await writer.flush();
    expect([...(await namesIn(made.repository, 'data/')), ...(await namesIn(made.repository, 'index/'))]).toEqual([]);
  });

  it('stores the pack only, not the rest of its buffer', async () => {
    const { repository, storage } = await makeRepository();
    const { pack, bytes } = buildPack(repository);
    const writer = new PackWriter(repository);
    await writer.store(pack, bytes);
    const stored = await storage.stat(objectName('pack', idFromBytes<PackId>(pack.id)));
    expect(stored?.sizeBytes).toBe(pack.sizeBytes);
  });
});
