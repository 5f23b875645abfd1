import { type Clock, systemClock } from '../base/clock.ts';
import { isGeneratedKey, refuseMiscopiedKey } from '../base/generated-key.ts';
import type { KeyId } from '../base/ids.ts';
import type { Secret } from '../base/secret.ts';
import { createKeyFile, encodeKeyFile } from '../formats/crypto/key-file.ts';
import { localGoTime } from '../formats/go-time.ts';
import type { Codec, SealKey } from '../kernels/codec.ts';
import type { Storage } from '../storage/storage.ts';
import { objectName } from './layout.ts';
import { ownProcess, type ProcessIdentity } from './lock/process-identity.ts';
import { storageId } from './stored-file.ts';

/** scrypt's cost: memory 128·N·r bytes, time N·r·p. */
export interface KdfCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** For passwords of people; as strong as OWASP's recommended minimum. */
const PASSWORD_KDF: KdfCost = { N: 32_768, r: 8, p: 3 };

/** For a random 256-bit password: nobody can guess it, so stretching adds nothing but time (2 ms with these). */
const GENERATED_KEY_KDF: KdfCost = { N: 1024, r: 8, p: 1 };

export interface NewKeyOptions {
  readonly password: Secret;
  /** The password is random and has 256 bits. Known without saying of what `generateKey` made. */
  readonly generatedKey?: boolean | undefined;
  readonly kdf?: KdfCost | undefined;
  readonly username?: string | undefined;
  readonly hostname?: string | undefined;
  /** The key that is removed once this one is proven. The new key file says so, for whoever finds both. */
  readonly replaces?: KeyId | undefined;
  readonly clock?: Clock | undefined;
  readonly self?: ProcessIdentity | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Wraps the master key with a password and stores it as a new key file. Throws `ARGUMENT_INVALID` for a generated key with a slip in it: the copy
 * that was saved would not open the vault.
 */
export async function storeNewKey(
  storage: Storage,
  codec: Codec,
  master: SealKey,
  options: NewKeyOptions,
): Promise<KeyId> {
  const self = options.self ?? ownProcess();
  const password = options.password.reveal();
  refuseMiscopiedKey(password);
  const isRandom = options.generatedKey ?? isGeneratedKey(password);
  const kdf = options.kdf ?? (isRandom ? GENERATED_KEY_KDF : PASSWORD_KDF);
  const keyFile = await createKeyFile(codec, master, password, {
    username: options.username ?? self.username,
    hostname: options.hostname ?? self.hostname,
    created: localGoTime((options.clock ?? systemClock).nowNs()),
    N: kdf.N,
    r: kdf.r,
    p: kdf.p,
    replaces: options.replaces,
  });
  const bytes = encodeKeyFile(keyFile);
  const id = storageId<KeyId>(codec, bytes);
  await storage.write(objectName('key', id), bytes, { signal: options.signal });
  return id;
}
