import { CairnError, hasCode, messageOf } from '../base/errors.ts';
import { type KeyId, shortId } from '../base/ids.ts';
import { openKeyFile } from '../formats/crypto/key-file.ts';
import type { GoTime } from '../formats/go-time.ts';
import { type KdfCost, type NewKeyOptions, storeNewKey } from './key-storage.ts';
import { listKeyIds, loadKeyFile } from './open-key.ts';
import type { Repository } from './repository.ts';
import { damagedFile } from './stored-file.ts';

export interface KeyRecord {
  readonly id: KeyId;
  readonly username: string;
  readonly hostname: string;
  readonly created: GoTime;
  readonly kdf: KdfCost;
  /** Whether the repository was opened with this key. */
  readonly isCurrent: boolean;
  /** The key this one was made to replace. It is gone, unless the change of the password was interrupted. */
  readonly replaces: KeyId | undefined;
}

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Every readable key file, oldest first. Damaged ones are told to `onWarning`. */
export async function listKeys(
  repository: Repository,
  options: CallOptions & { readonly onWarning?: (warning: CairnError) => void } = {},
): Promise<KeyRecord[]> {
  const keys: KeyRecord[] = [];
  for (const id of await listKeyIds(repository, options.signal)) {
    try {
      const { username, hostname, created, N, r, p, replaces } = await loadKeyFile(repository, id, options.signal);
      const isCurrent = id === repository.keyId;
      keys.push({ id, username, hostname, created, kdf: { N, r, p }, isCurrent, replaces });
    } catch (error) {
      if (!hasCode(error, 'KEY_CORRUPT')) throw error;
      options.onWarning?.(damagedFile('key', id, messageOf(error), error));
    }
  }
  return keys.sort((a, b) => Number(a.created.ns - b.created.ns));
}

/** The keys whose predecessor is there still: each is a change of the password that was interrupted. */
export function unfinishedChanges(keys: readonly KeyRecord[]): readonly KeyRecord[] {
  return keys.filter(({ replaces }) => keys.some(({ id }) => id === replaces));
}

/** Adds a password. The new key file is read back and opened before this returns. */
export async function addKey(repository: Repository, options: NewKeyOptions): Promise<KeyId> {
  const id = await storeNewKey(repository.origin, repository.codec, repository.key, options);
  try {
    const keyFile = await loadKeyFile(repository, id, options.signal);
    await openKeyFile(repository.codec, keyFile, options.password.reveal());
    return id;
  } catch (error) {
    await repository.removeFile('key', id).catch(() => {});
    throw error;
  }
}

/**
 * Removes the key file that `ref` (an id or a prefix of one) means. Throws `KEY_LAST` for the key in use,
 * and where that is gone, so that one key always remains that is known to work; `REF_UNKNOWN` and `REF_AMBIGUOUS`.
 */
export async function removeKey(repository: Repository, ref: string, options: CallOptions = {}): Promise<KeyId> {
  const ids = await listKeyIds(repository, options.signal);
  const matches = ref === '' ? [] : ids.filter((id) => id.startsWith(ref));
  if (matches.length > 1) {
    throw new CairnError('REF_AMBIGUOUS', `"${ref}" can mean the keys ${matches.map(shortId).join(', ')}`, {
      hint: 'give more digits of the id',
      facts: { ref, candidates: matches },
    });
  }
  const [id] = matches;
  if (id === undefined) {
    throw new CairnError('REF_UNKNOWN', `no key "${ref}"`, { hint: 'see `cairn key list`', facts: { ref } });
  }
  if (id === repository.keyId) {
    throw new CairnError('KEY_LAST', `key ${shortId(id)} is in use and cannot be removed`, {
      hint: 'open the vault with another password to remove this one, or change it with `cairn key passwd`',
      facts: { key: id },
    });
  }
  await assertKeyInUse(repository, options.signal);
  await repository.removeFile('key', id, options);
  return id;
}

/** The key that opened the repository may be gone since: removed by somebody else, or by a new password. */
async function assertKeyInUse(repository: Repository, signal: AbortSignal | undefined): Promise<void> {
  const { keyId } = repository;
  try {
    await loadKeyFile(repository, keyId, signal);
  } catch (error) {
    if (!hasCode(error, 'OBJECT_MISSING')) throw error;
    throw new CairnError('KEY_LAST', `key ${shortId(keyId)}, which the vault was opened with, is not there any more`, {
      hint: 'open the vault again, with the password that is to stay',
      cause: error,
      facts: { key: keyId },
    });
  }
}
