// From version 1 to version 2 (restic's `migrate upgrade_repo_v2`): only the config changes. Everything that is stored
// stays readable, because version 2 has all of version 1; new data is compressed, old data when a prune rewrites it.
import { equalBytes } from '../base/bytes.ts';
import { CairnError } from '../base/errors.ts';
import { openBytes, sealBytes } from '../formats/crypto/sealed.ts';
import { decodeConfig, encodeConfig } from '../formats/snapshot/config.ts';
import { CONFIG_NAME } from './layout.ts';
import type { Repository } from './repository.ts';

export interface MigrateRepositoryOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the old config as it is stored, where the storage cannot replace an object at once: keep it until this is over. */
  readonly keepOldConfig?: ((bytes: Uint8Array) => Promise<void>) | undefined;
}

/**
 * Replaces the config by one of version 2; keys and id stay. The caller holds the exclusive lock. A storage that replaces
 * objects at once has one of the two configs at every instant. On another one a crash between removing and writing can leave
 * none: `keepOldConfig` has it then.
 */
export async function migrateToVersion2(repository: Repository, options: MigrateRepositoryOptions = {}): Promise<void> {
  const { origin, codec, key, config } = repository;
  const { signal } = options;
  const old = await readSound(repository, signal);
  const sealed = sealBytes(codec, key, encodeConfig({ ...config, version: 2 }));
  signal?.throwIfAborted();
  if (!origin.features.atomicWrite) await options.keepOldConfig?.(old);
  // From here on no abort: half of this is worse than all of it.
  try {
    // A removal that failed may have happened all the same.
    if (!origin.features.atomicWrite) await origin.remove(CONFIG_NAME);
    await origin.write(CONFIG_NAME, sealed);
    await assertStored(repository, sealed);
  } catch (error) {
    await putBack(repository, old);
    throw error;
  }
}

/** The config as it is stored, known to open: it may have to be put back. */
async function readSound({ origin, codec, key }: Repository, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const bytes = await origin.read(CONFIG_NAME, { signal });
  decodeConfig(openBytes(codec, key, bytes));
  return bytes;
}

/** Read twice, because a transfer may be disturbed. */
async function assertStored({ origin }: Repository, sealed: Uint8Array): Promise<void> {
  for (let attempt = 0; attempt < 2; attempt++) {
    if (equalBytes(await origin.read(CONFIG_NAME), sealed)) return;
  }
  throw new CairnError('CONFIG_CORRUPT', 'the storage did not store the new config as it was written', {
    hint: 'The old one was put back. Check the storage.',
    facts: { object: CONFIG_NAME },
  });
}

/** A write that failed may have happened all the same; then both configs are good, and the old one is the one that was asked for. */
async function putBack({ origin }: Repository, old: Uint8Array): Promise<void> {
  try {
    await origin.write(CONFIG_NAME, old);
  } catch {
    // The first error says what is wrong; a storage that replaces at once still has one of the two.
  }
}
