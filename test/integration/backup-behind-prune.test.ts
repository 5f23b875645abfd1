// A backup that waits for its lock while a prune ends: what it read before is of no use any more.
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import type { Storage, StorageOptions } from '../../src/storage/storage.ts';
import { openVault } from '../../src/vault/open-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { quickVault } from '../support/quick-vault.ts';
import { sharedStorage } from '../support/shared-storage.ts';

const PASSWORD = 'correct horse';

/** Removes no file of the index until it is let go on: a prune stays in the middle of its work, with its lock. */
class HoldsRemovals extends StorageLayer {
  readonly reached = Promise.withResolvers<void>();
  readonly goOn = Promise.withResolvers<void>();

  override async remove(name: string, options?: StorageOptions): Promise<void> {
    await this.#hold([name]);
    return this.inner.remove(name, options);
  }

  override async removeMany(names: readonly string[], options?: StorageOptions): Promise<void> {
    await this.#hold(names);
    return this.inner.removeMany(names, options);
  }

  async #hold(names: readonly string[]): Promise<void> {
    if (!names.some((name) => name.startsWith('index/'))) return;
    this.reached.resolve();
    await this.goOn.promise;
  }
}

let scratch: string;
let source: string;
let storage: Storage;
let vault: Vault;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-behind-'));
  source = join(scratch, 'documents');
  await mkdir(source);
  storage = openMemoryStorage('behind-prune');
  vault = await quickVault(sharedStorage(storage), PASSWORD);
});
afterEach(async () => {
  await vault.close();
  await rm(scratch, { recursive: true });
});

it('saves again what that prune removed', async () => {
  await writeFile(join(source, 'back again.bin'), randomBytes(100_000));
  const { id } = await vault.backup(source);
  await vault.delete([id]);
  const slow = new HoldsRemovals(sharedStorage(storage));
  await using pruning = await openVault(slow, { password: PASSWORD, cache: false, catalog: false });
  const prune = Promise.resolve(pruning.prune({ maxUnused: { bytes: 0 }, allowEmpty: true }));
  await Promise.race([slow.reached.promise, prune]);
  const waits = Promise.withResolvers<void>();
  await using waiting = await openVault(sharedStorage(storage), {
    password: PASSWORD,
    cache: false,
    catalog: false,
    retryLockMs: 60_000,
    onNotice: ({ message }) => {
      if (message.startsWith('waiting for the lock')) waits.resolve();
    },
  });
  const backup = Promise.resolve(waiting.backup(source));
  await Promise.race([waits.promise, backup]);
  // As far as reading goes that does not wait.
  await new Promise((resolve) => setTimeout(resolve, 500));
  slow.goOn.resolve();
  expect((await prune).status).toBe('complete');
  expect((await backup).status).toBe('complete');
  expect(await vault.check({ readData: 'all' })).toMatchObject({ isGood: true, snapshots: 1 });
});
