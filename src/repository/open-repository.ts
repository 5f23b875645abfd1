import { CairnError, hasCode, isCairnError, messageOf } from '../base/errors.ts';
import { isIrreducible } from '../formats/chunker/polynomial.ts';
import { openBytes } from '../formats/crypto/sealed.ts';
import { decodeConfig, type RepositoryConfig } from '../formats/snapshot/config.ts';
import { type Codec, createCodec, type SealKey } from '../kernels/codec.ts';
import type { Storage } from '../storage/storage.ts';
import { CONFIG_NAME } from './layout.ts';
import { openKey, type OpenKeyOptions } from './open-key.ts';
import { type CacheOptions, openCache } from './repository-cache.ts';
import { Repository } from './repository.ts';

export interface OpenRepositoryOptions extends OpenKeyOptions {
  /** Where to keep a local copy of metadata of a remote vault; `undefined` = no cache. */
  readonly cache?: CacheOptions | undefined;
  readonly codec?: Codec | undefined;
  /** What `readConfig` gave, where the caller has asked already whether there is a vault. */
  readonly sealedConfig?: Uint8Array | undefined;
  /** Storage class for packs of data written by this run; by default the one the vault was made with. */
  readonly coldClass?: string | undefined;
}

/**
 * Opens the repository in a storage. Throws `VAULT_MISSING` where there is none, `PASSWORD_WRONG`,
 * `KEY_CORRUPT`, `CONFIG_CORRUPT`, or `VAULT_UNSUPPORTED` if a newer format was used. The caller keeps
 * owning `storage`.
 *
 * ```ts
 * await using storage = await openStorage('./vault');
 * await using repository = await openRepository(storage, { password });
 * ```
 */
export async function openRepository(storage: Storage, options: OpenRepositoryOptions): Promise<Repository> {
  const codec = options.codec ?? createCodec();
  const sealed = options.sealedConfig ?? (await readConfig(storage, options));
  const { key, keyId, openedFrom } = await openKey({ storage, origin: storage, cache: undefined, codec }, options);
  const config = openConfig(codec, key, sealed);
  const cache = await openCache(storage, config.id, options.cache);
  return new Repository({
    origin: storage,
    cache,
    config,
    key,
    keyId,
    openedFrom,
    codec,
    coldClass: options.coldClass,
  });
}

/** The file by which a vault is known, as it is stored. Throws `VAULT_MISSING`. */
export async function readConfig(
  storage: Storage,
  { signal }: { readonly signal?: AbortSignal | undefined },
): Promise<Uint8Array> {
  try {
    return await storage.read(CONFIG_NAME, { signal });
  } catch (error) {
    if (!hasCode(error, 'OBJECT_MISSING')) throw error;
    throw new CairnError('VAULT_MISSING', `there is no vault at ${storage.url}`, {
      hint: 'Make one with `cairn init`, or check the address: a vault has a file named `config` at its root.',
      cause: error,
      facts: { url: storage.url },
    });
  }
}

function openConfig(codec: Codec, key: SealKey, sealed: Uint8Array): RepositoryConfig {
  let config: RepositoryConfig;
  try {
    config = decodeConfig(openBytes(codec, key, sealed));
  } catch (error) {
    if (isCairnError(error) && error.code === 'VAULT_UNSUPPORTED') throw error;
    throw configDamaged(messageOf(error), error);
  }
  // A reducible polynomial would cut other chunks than every other client; restic refuses it on every open.
  if (!isIrreducible(config.chunkerPolynomial)) throw configDamaged('its chunker polynomial is not irreducible');
  return config;
}

function configDamaged(why: string, cause?: unknown): CairnError {
  return new CairnError('CONFIG_CORRUPT', `config is damaged: ${why}`, {
    hint: 'copy `config` back from a copy of the vault',
    facts: { object: CONFIG_NAME },
    ...(cause === undefined ? {} : { cause }),
  });
}
