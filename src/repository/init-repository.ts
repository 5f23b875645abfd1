import { randomBytes } from 'node:crypto';
import { CairnError, hasCode } from '../base/errors.ts';
import { idFromBytes, type KeyId, type RepositoryId } from '../base/ids.ts';
import { randomPolynomial } from '../formats/chunker/polynomial.ts';
import { newMasterKey } from '../formats/crypto/key-file.ts';
import { sealBytes } from '../formats/crypto/sealed.ts';
import { encodeConfig, type RepositoryConfig } from '../formats/snapshot/config.ts';
import { type Codec, createCodec } from '../kernels/codec.ts';
import type { Storage } from '../storage/storage.ts';
import { type NewKeyOptions, storeNewKey } from './key-storage.ts';
import { CONFIG_NAME, type FileKind, folderOf, idOfName, objectName } from './layout.ts';
import { type CacheOptions, openCache } from './repository-cache.ts';
import { Repository } from './repository.ts';

export interface InitRepositoryOptions extends NewKeyOptions {
  /** Format version; 2 (with compression) by default. */
  readonly version?: 1 | 2 | undefined;
  /** `gear` by default; `rabin` for a repository that restic writes to as well. */
  readonly chunker?: RepositoryConfig['chunker'] | undefined;
  /** restic's chunker polynomial; random by default. Copy another repository's to deduplicate when copying. */
  readonly polynomial?: bigint | undefined;
  /** Storage class for packs of data, recorded for all who write. */
  readonly coldClass?: string | undefined;
  readonly cache?: CacheOptions | undefined;
  readonly codec?: Codec | undefined;
}

/**
 * Makes a new repository: key file first, `config` last, so that it exists only when it is complete.
 * Throws `VAULT_EXISTS`, and changes nothing, where there is a config, a key or a snapshot already.
 */
export async function initRepository(storage: Storage, options: InitRepositoryOptions): Promise<Repository> {
  const { signal } = options;
  const codec = options.codec ?? createCodec();
  await storage.create({ signal });
  await assertEmpty(storage, signal);
  const config: RepositoryConfig = {
    version: options.version ?? 2,
    id: idFromBytes<RepositoryId>(randomBytes(32)),
    chunkerPolynomial: options.polynomial ?? randomPolynomial(),
    chunker: options.chunker ?? 'gear',
    coldClass: options.coldClass,
    extra: {},
  };
  const key = newMasterKey();
  signal?.throwIfAborted();
  const keyId = await storeNewKey(storage, codec, key, options);
  try {
    const sealed = sealBytes(codec, key, encodeConfig(config));
    await storage.write(CONFIG_NAME, sealed, { ifAbsent: true, signal });
  } catch (error) {
    await removeQuietly(storage, keyId);
    throw hasCode(error, 'OBJECT_EXISTS') ? vaultExists(storage, CONFIG_NAME) : error;
  }
  const cache = await openCache(storage, config.id, options.cache);
  return new Repository({ origin: storage, cache, config, key, keyId, codec });
}

async function assertEmpty(storage: Storage, signal: AbortSignal | undefined): Promise<void> {
  if ((await storage.stat(CONFIG_NAME, { signal })) !== undefined) throw vaultExists(storage, CONFIG_NAME);
  for (const kind of ['snapshot', 'key'] as const satisfies readonly FileKind[]) {
    for await (const { name } of storage.list(folderOf(kind), { signal })) {
      if (idOfName(kind, name) !== undefined) throw vaultExists(storage, name);
    }
  }
}

function vaultExists(storage: Storage, object: string): CairnError {
  const hint =
    object === CONFIG_NAME
      ? 'use it as it is, or choose another place'
      : 'its `config` is missing: restore that from a copy, or choose another place; if this is left of an init that was interrupted, remove the folder `keys`';
  return new CairnError('VAULT_EXISTS', `there is a vault at ${storage.url} already (${object})`, {
    hint,
    facts: { url: storage.url, object },
  });
}

// A key without a config would block the next attempt. The first error matters more than this one.
async function removeQuietly(storage: Storage, keyId: KeyId): Promise<void> {
  await storage.remove(objectName('key', keyId)).catch(() => {});
}
