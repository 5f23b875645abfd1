// `check --read-data` of packs whose bytes are handed over while they come, as those of storages behind HTTP are.
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { sealBytes } from '../../src/formats/crypto/sealed.ts';
import { encodePackHeader, PACK_TRAILER } from '../../src/formats/pack/pack-header.ts';
import { encodeTree } from '../../src/formats/tree/tree-encoder.ts';
import { checkRepository, type CheckResult } from '../../src/repository/check/check-repository.ts';
import { objectName } from '../../src/repository/layout.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { saveSnapshot } from '../../src/repository/snapshots.ts';
import { limited } from '../../src/storage/layers/limit.ts';
import { retrying } from '../../src/storage/layers/retry.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { ObjectName, ReadOptions, Storage } from '../../src/storage/storage.ts';
import { HandingOver } from '../support/handing-over.ts';
import {
  aSnapshot,
  blobIdOf,
  fileNode,
  flipBit,
  makeRepository,
  storeIndex,
  storePack,
  type StoredPack,
  withOrigin,
} from '../support/repository-fixture.ts';

const CHUNK = 100_003;

/** Tells of the reads of packs that are given whole. */
class Watched extends StorageLayer {
  readonly whole: ObjectName[] = [];

  override read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    if (name.startsWith('data/') && options.onBytes === undefined) this.whole.push(name);
    return this.inner.read(name, options);
  }
}

/** The first read of each object comes with a bit that is wrong. */
class Disturbed extends StorageLayer {
  readonly #seen = new Set<ObjectName>();

  override async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = Uint8Array.from(await this.inner.read(name, options));
    const { length } = bytes;
    if (name.startsWith('data/') && !this.#seen.has(name) && length > 0) bytes[length >> 1] = bytes[length >> 1]! ^ 4;
    this.#seen.add(name);
    return bytes;
  }
}

let repository: Repository;
let packs: StoredPack[];

const checked = (origin: Storage): Promise<CheckResult> =>
  checkRepository(withOrigin(repository, origin), { readData: 'all', jobs: 2 });
const nameOf = (at: number): ObjectName => objectName('pack', packs[at]!.id);

beforeEach(async () => {
  ({ repository } = await makeRepository());
  packs = [];
  const plains: Uint8Array[] = [];
  for (let at = 0; at < 3; at++) {
    const own = Array.from({ length: 7 }, () => new Uint8Array(randomBytes(700_000)));
    packs.push(
      await storePack(
        repository,
        own.map((plain) => ({ type: 'data', plain })),
      ),
    );
    plains.push(...own);
  }
  const tree = encodeTree([fileNode('all', plains.map(blobIdOf), 700_000 * plains.length)]);
  packs.push(await storePack(repository, [{ type: 'tree', plain: tree }]));
  await saveSnapshot(repository, aSnapshot(blobIdOf(tree)));
});

describe('a check of packs that are handed over', () => {
  it('reads no pack whole where all are good', async () => {
    await storeIndex(repository, packs);
    const watched = new Watched(new HandingOver(repository.origin, CHUNK));
    expect(await checked(watched)).toMatchObject({ isGood: true, findings: [], packsRead: 4 });
    // Trees are read for themselves.
    expect(watched.whole.filter((name) => name !== nameOf(3))).toEqual([]);
  });

  it('goes on where a read breaks off in the middle, also over a single connection', async () => {
    await storeIndex(repository, packs);
    const broken = limited(new HandingOver(repository.origin, CHUNK, true), { connections: 1 });
    expect(await checked(retrying(broken, { firstDelayMs: 1 }))).toMatchObject({ isGood: true, packsRead: 4 });
  });

  it('takes a transfer that was disturbed for no damage', async () => {
    await storeIndex(repository, packs);
    expect(await checked(new HandingOver(new Disturbed(repository.origin), CHUNK))).toMatchObject({ isGood: true });
  });

  it.each([
    ['the first blob', 100],
    ['a blob in the middle', 2_500_000],
    ['the last blob', 4_899_000],
    ['the header', -100],
    ['the length of the header', -1],
  ])('finds what a check of whole packs finds where %s is damaged', async (_, place) => {
    await storeIndex(repository, packs);
    const { sizeBytes } = (await repository.origin.stat(nameOf(1)))!;
    await flipBit(repository.origin, nameOf(1), 8 * (place < 0 ? sizeBytes + place : place));
    const expected = await checked(repository.origin);
    expect(expected.isGood).toBe(false);
    expect((await checked(new HandingOver(repository.origin, CHUNK))).findings).toEqual(expected.findings);
  });

  it.each([
    ['has another length', { uncompressedLength: 700_001 }],
    ['has another id', { id: blobIdOf(new Uint8Array(1)) }],
    ['has another type', { type: 'tree' as const }],
    ['lies elsewhere', { offset: 5 }],
  ])('finds what a check of whole packs finds where a blob %s by the index', async (_, other) => {
    const [first, ...others] = packs;
    const blobs = first!.blobs.map((blob, at) => (at === 3 ? { ...blob, ...other } : blob));
    await storeIndex(repository, [{ ...first!, blobs }, ...others]);
    const expected = await checked(repository.origin);
    expect(expected.isGood).toBe(false);
    expect((await checked(new HandingOver(repository.origin, CHUNK))).findings).toEqual(expected.findings);
  });

  it('finds a pack of which only the name is wrong', async () => {
    await storeIndex(repository, packs);
    const { codec, key, origin } = repository;
    // Sealed anew, the same header has other bytes.
    const header = sealBytes(codec, key, encodePackHeader(packs[1]!.blobs));
    const bytes = Uint8Array.from(await origin.read(nameOf(1)));
    bytes.set(header, bytes.length - PACK_TRAILER - header.length);
    await origin.write(nameOf(1), bytes);
    const { findings } = await checked(new HandingOver(origin, CHUNK));
    expect(findings).toMatchObject([{ object: nameOf(1), message: 'its content does not match its name' }]);
  });

  it('finds a pack under the name of another one', async () => {
    await storeIndex(repository, packs);
    const bytes = await repository.origin.read(nameOf(0));
    await repository.origin.write(nameOf(1), bytes);
    const result = await checked(new HandingOver(repository.origin, CHUNK));
    expect(result.isGood).toBe(false);
    expect(result.findings.map(({ object }) => object)).toContain(nameOf(1));
  });
});
