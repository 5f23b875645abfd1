// Small repositories for tests, made with the codecs alone, so that they do not depend on the archiver.
import { createHash, randomBytes } from 'node:crypto';
import { utf8 } from '../../src/base/bytes.ts';
import type { Clock } from '../../src/base/clock.ts';
import type { BlobId, IndexId, PackId, SnapshotId } from '../../src/base/ids.ts';
import { Secret } from '../../src/base/secret.ts';
import { sealBytes } from '../../src/formats/crypto/sealed.ts';
import { encodeIndexFile } from '../../src/formats/index-file/index-file.ts';
import { type BlobType, encodePackHeader, type PackEntry } from '../../src/formats/pack/pack-header.ts';
import type { Snapshot } from '../../src/formats/snapshot/snapshot.ts';
import type { Node } from '../../src/formats/tree/node.ts';
import { encodeTree } from '../../src/formats/tree/tree-encoder.ts';
import { initRepository, type InitRepositoryOptions } from '../../src/repository/init-repository.ts';
import { objectName } from '../../src/repository/layout.ts';
import { Repository } from '../../src/repository/repository.ts';
import { saveSnapshot } from '../../src/repository/snapshots.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import type { Storage } from '../../src/storage/storage.ts';

/** A key derivation that costs nothing; for tests only. */
export const TEST_KDF = { N: 1024, r: 1, p: 1 } as const;
export const TEST_PASSWORD: Secret = new Secret('correct horse');

export interface MadeRepository {
  readonly storage: Storage;
  readonly repository: Repository;
}

export async function makeRepository(options: Partial<InitRepositoryOptions> = {}): Promise<MadeRepository> {
  const storage = openMemoryStorage();
  const repository = await initRepository(storage, { password: TEST_PASSWORD, kdf: TEST_KDF, ...options });
  return { storage, repository };
}

export interface PlainBlob {
  readonly type: BlobType;
  readonly plain: Uint8Array;
}

export interface StoredPack {
  readonly id: PackId;
  readonly blobs: readonly PackEntry[];
}

export function blobIdOf(plain: Uint8Array): BlobId {
  return createHash('sha256').update(plain).digest('hex') as BlobId;
}

/** Stores blobs as one pack, compressed in version 2. */
export async function storePack(repository: Repository, blobs: readonly PlainBlob[]): Promise<StoredPack> {
  const { codec, key } = repository;
  const parts: Uint8Array[] = [];
  const entries: PackEntry[] = [];
  let offset = 0;
  for (const { type, plain } of blobs) {
    const room = new Uint8Array(plain.length + 1024);
    const size = repository.config.version === 2 && plain.length > 0 ? codec.compressInto(plain, room, 3) : 0;
    const sealed = sealBytes(codec, key, size === 0 ? plain : room.subarray(0, size));
    const uncompressedLength = size === 0 ? 0 : plain.length;
    entries.push({ type, id: blobIdOf(plain), offset, length: sealed.length, uncompressedLength });
    parts.push(sealed);
    offset += sealed.length;
  }
  const header = sealBytes(codec, key, encodePackHeader(entries));
  const trailer = new Uint8Array(4);
  new DataView(trailer.buffer).setUint32(0, header.length, true);
  const bytes = Buffer.concat([...parts, header, trailer]);
  const id = createHash('sha256').update(bytes).digest('hex') as PackId;
  await repository.storage.write(objectName('pack', id), bytes);
  return { id, blobs: entries };
}

export function storeIndex(repository: Repository, packs: readonly StoredPack[]): Promise<IndexId> {
  return repository.saveUnpacked('index', encodeIndexFile(packs));
}

const aTime = { ns: 1_700_000_000_000_000_000n, offsetMinutes: 0 };

const common = {
  mode: 0o644,
  mtime: aTime,
  atime: aTime,
  ctime: aTime,
  uid: 1000,
  gid: 1000,
  user: 'u',
  group: 'g',
  inode: 1n,
  deviceId: 1n,
  links: 1n,
  extendedAttributes: [],
};

export function fileNode(name: string, content: readonly BlobId[], size = 0, more: Partial<Node> = {}): Node {
  return { ...common, type: 'file', name: utf8(name), size: BigInt(size), content, ...more } as Node;
}

export function symlinkNode(name: string, target: string): Node {
  return { ...common, type: 'symlink', name: utf8(name), linkTarget: utf8(target) };
}

export function dirNode(name: string, subtree: BlobId): Node {
  return { ...common, type: 'dir', name: utf8(name), mode: 0x8000_01ed, links: 0n, subtree };
}

export function aSnapshot(tree: BlobId, more: Partial<Snapshot> = {}): Snapshot {
  return {
    time: aTime,
    tree,
    paths: ['/home/u/docs'],
    hostname: 'host',
    username: 'u',
    uid: 1000,
    gid: 1000,
    excludes: [],
    tags: [],
    extra: {},
    ...more,
  };
}

export interface SampleRepository extends MadeRepository {
  readonly snapshot: SnapshotId;
  readonly tree: BlobId;
  readonly subtree: BlobId;
  readonly dataBlobs: readonly BlobId[];
  readonly dataPack: StoredPack;
  readonly treePack: StoredPack;
}

/** Root with a directory `sub` (files `a`, `b`) and a file `c`; three data blobs; one snapshot. */
export async function makeSampleRepository(options: Partial<InitRepositoryOptions> = {}): Promise<SampleRepository> {
  const made = await makeRepository(options);
  const { repository } = made;
  const data = [utf8('one '.repeat(5000)), new Uint8Array(randomBytes(3000)), utf8('three')];
  const [one, two, three] = data.map(blobIdOf) as [BlobId, BlobId, BlobId];
  const subtreeBytes = encodeTree([fileNode('a', [one, two], 23_000), fileNode('b', [two], 3000)]);
  const subtree = blobIdOf(subtreeBytes);
  const treeBytes = encodeTree([fileNode('c', [three], 5), dirNode('sub', subtree)]);
  const tree = blobIdOf(treeBytes);
  const dataPack = await storePack(
    repository,
    data.map((plain) => ({ type: 'data', plain })),
  );
  const treePack = await storePack(repository, [
    { type: 'tree', plain: subtreeBytes },
    { type: 'tree', plain: treeBytes },
  ]);
  await storeIndex(repository, [dataPack, treePack]);
  const snapshot = await saveSnapshot(repository, aSnapshot(tree));
  return { ...made, snapshot, tree, subtree, dataBlobs: [one, two, three], dataPack, treePack };
}

/** The same repository over another storage, such as a faulty one. */
export function withOrigin(repository: Repository, origin: Storage): Repository {
  const { config, key, keyId, codec } = repository;
  return new Repository({ origin, config, key, keyId, codec });
}

/** Flips one bit of a stored object, in place. */
export async function flipBit(storage: Storage, name: string, bit: number): Promise<void> {
  const bytes = Uint8Array.from(await storage.read(name));
  bytes[bit >> 3] = bytes[bit >> 3]! ^ (1 << (bit & 7));
  await storage.write(name, bytes);
}

/** A clock that stands still until it is moved. */
export class ManualClock implements Clock {
  #nowMs: number;
  #sleepers: { readonly dueMs: number; readonly wake: () => void }[] = [];

  constructor(nowMs = 1_700_000_000_000) {
    this.#nowMs = nowMs;
  }

  nowNs(): bigint {
    return BigInt(this.#nowMs) * 1_000_000n;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      this.#sleepers.push({ dueMs: this.#nowMs + delayMs, wake: resolve });
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }

  /** Moves on, waking sleepers in order and letting what they do happen. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      await settle();
      this.#sleepers.sort((a, b) => a.dueMs - b.dueMs);
      const next = this.#sleepers[0];
      if (next === undefined || next.dueMs > untilMs) break;
      this.#sleepers.shift();
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.wake();
    }
    this.#nowMs = untilMs;
    await settle();
  }

  /** Standby: time passes and no timer runs. */
  jump(ms: number): void {
    this.#nowMs += ms;
    this.#sleepers = this.#sleepers.map((sleeper) => ({ ...sleeper, dueMs: sleeper.dueMs + ms }));
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
