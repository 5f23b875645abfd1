// What goes over a line at once: of many each connection is slow, and each round trip takes its time.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { ObjectInfo, ObjectName, ReadOptions, Storage, StorageFeatures } from '../../src/storage/storage.ts';
import { openVault } from '../../src/vault/open-vault.ts';
import { backUpPath, errorsIn } from '../support/archive-fixture.ts';
import { quickVault } from '../support/quick-vault.ts';
import { makeRepository, withOrigin } from '../support/repository-fixture.ts';

/** Stores no pack before so many are on their way. */
class PacksTogether extends StorageLayer {
  readonly #together: number;
  readonly #allThere = Promise.withResolvers<void>();
  #waiting = 0;

  constructor(inner: Storage, together: number) {
    super(inner);
    this.#together = together;
  }

  override get features(): StorageFeatures {
    return { ...this.inner.features, remote: true };
  }

  override async write(name: ObjectName, data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    if (name.startsWith('data/') && ++this.#waiting === this.#together) this.#allThere.resolve();
    if (name.startsWith('data/')) await this.#allThere.promise;
    await this.inner.write(name, data);
  }
}

/** Gives no config before its keys were asked for. */
class ConfigAfterKeys extends StorageLayer {
  readonly #asked = Promise.withResolvers<void>();

  override async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    if (name === 'config') await this.#asked.promise;
    return this.inner.read(name, options);
  }

  override list(prefix: string): AsyncIterable<ObjectInfo> {
    if (prefix === 'keys/') this.#asked.resolve();
    return this.inner.list(prefix);
  }
}

/** What waits in vain for company ends after this. */
const TOGETHER_MS = 20_000;

describe('a backup', { timeout: TOGETHER_MS }, () => {
  const packSizeBytes = 1_000_000;
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cairn-slow-line-'));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Two of these fill a pack. */
  function writeHalfPacks(count: number): void {
    for (let i = 0; i < count; i++) writeFileSync(join(folder, `half-${i}`), randomBytes(packSizeBytes / 2));
  }

  it('has three packs on their way to a server beside the one that its thread fills', async () => {
    writeHalfPacks(8);
    const { repository, storage } = await makeRepository();
    const origin = withOrigin(repository, new PacksTogether(storage, 4));
    await backUpPath(origin, folder, { jobs: 1, packSizeBytes });
    expect(await errorsIn(repository)).toEqual([]);
  });

  it('sends what is left at its end together with what is still on its way', async () => {
    writeHalfPacks(3);
    const { repository, storage } = await makeRepository();
    // One that is full, one that is not, and the trees.
    const origin = withOrigin(repository, new PacksTogether(storage, 3));
    await backUpPath(origin, folder, { jobs: 1, packSizeBytes });
    expect(await errorsIn(repository)).toEqual([]);
  });
});

describe('opening a vault', { timeout: TOGETHER_MS }, () => {
  it('asks for its config and its keys at once', async () => {
    const storage = openMemoryStorage();
    await quickVault(storage, 'open sesame');
    await using vault = await openVault(new ConfigAfterKeys(storage), { password: 'open sesame' });
    expect(vault.url).toBe(storage.url);
  });
});
