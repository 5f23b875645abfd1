// Copies from and to vaults on servers: what such a copy costs in requests, and what it may do there.
import { randomBytes } from 'node:crypto';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobId } from '../../src/base/ids.ts';
import { Secret } from '../../src/base/secret.ts';
import { encodeTree } from '../../src/formats/tree/tree-encoder.ts';
import { initRepository } from '../../src/repository/init-repository.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { saveSnapshot } from '../../src/repository/snapshots.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { faulty } from '../../src/storage/layers/faulty.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { copyBackups } from '../../src/vault/care/copy-backups.ts';
import { openVault } from '../../src/vault/open-vault.ts';
import { errorsIn, readAllSnapshots } from '../support/archive-fixture.ts';
import { contextOf } from '../support/fault-sweep.ts';
import {
  aSnapshot,
  blobIdOf,
  fileNode,
  makeRepository,
  storeIndex,
  type StoredPack,
  storePack,
  TEST_KDF,
  withOrigin,
} from '../support/repository-fixture.ts';
import { serveOurs } from '../support/rest-serving.ts';

let stack: AsyncDisposableStack;

beforeEach(() => void (stack = new AsyncDisposableStack()));
afterEach(() => stack.disposeAsync());

/** A storage behind our REST server, and the server's own way to it. */
async function served(options: { readonly appendOnly?: boolean } = {}): Promise<{
  readonly inner: Storage;
  readonly remote: Storage;
}> {
  const inner = openMemoryStorage();
  const server = await serveOurs(inner, options);
  stack.use(server);
  const remote = await openStorage(`rest:${server.url}`);
  stack.use(remote);
  return { inner, remote };
}

const PACKS = 4;

/** A backup whose data lies in packs of some 8 MiB. */
async function fill(repository: Repository): Promise<void> {
  const packs: StoredPack[] = [];
  const content: BlobId[] = [];
  for (let pack = 0; pack < PACKS; pack++) {
    const blobs = Array.from({ length: 8 }, () => new Uint8Array(randomBytes(1_000_000)));
    content.push(...blobs.map(blobIdOf));
    packs.push(
      await storePack(
        repository,
        blobs.map((plain) => ({ type: 'data', plain })),
      ),
    );
  }
  const tree = encodeTree([fileNode('all', content, PACKS * 8_000_000)]);
  packs.push(await storePack(repository, [{ type: 'tree', plain: tree }]));
  await storeIndex(repository, packs);
  await saveSnapshot(repository, aSnapshot(blobIdOf(tree)));
}

describe('a copy from a vault on a server', () => {
  it('asks once for each pack of data', async () => {
    const { inner, remote } = await served();
    const repository = await initRepository(inner, { password: new Secret('x'), kdf: TEST_KDF });
    await fill(repository);
    const counting = faulty(remote);
    const target = await makeRepository();
    await copyBackups(contextOf(withOrigin(repository, counting)), contextOf(target.repository), {});
    // The tree is read to be walked, and once more to be copied.
    const reads = counting.operations.filter(({ kind, name }) => kind === 'read' && name.startsWith('data/'));
    expect(reads).toHaveLength(PACKS + 2);
    expect(await readAllSnapshots(target.repository)).toBe(1);
  });
});

describe('a copy to a vault on a server', () => {
  it('needs to add only: a server that lets nothing be removed takes it, and a second one', async () => {
    const source = await makeRepository();
    await fill(source.repository);
    const { inner, remote } = await served({ appendOnly: true });
    const password = new Secret('x');
    const direct = await initRepository(inner, { password, kdf: TEST_KDF });
    for (let run = 0; run < 2; run++) {
      await copyBackups(contextOf(source.repository), contextOf(withOrigin(direct, remote)), {});
    }
    expect(await errorsIn(direct)).toEqual([]);
    expect(await readAllSnapshots(direct)).toBe(1);
  });

  it('works through the library, with a cache on both sides', async () => {
    const [from, to] = [await served(), await served()];
    const kdf = TEST_KDF;
    await fill(await initRepository(from.inner, { password: new Secret('a'), kdf }));
    const direct = await initRepository(to.inner, { password: new Secret('b'), kdf });
    await using folder = await mkdtempDisposable(join(tmpdir(), 'cairn-copy-cache-'));
    const cache = { folder: folder.path };
    await using source = await openVault(from.remote, { password: 'a', cache });
    await using target = await openVault(to.remote, { password: 'b', cache });
    expect(await source.copyTo(target)).toMatchObject({ copies: [{ outcome: 'copied' }] });
    expect(await target.copyTo(source)).toMatchObject({ copies: [{ outcome: 'present' }] });
    expect(await errorsIn(direct)).toEqual([]);
  });
});
