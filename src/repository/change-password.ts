import type { KeyId } from '../base/ids.ts';
import type { KeyFile } from '../formats/crypto/key-file.ts';
import type { NewKeyOptions } from './key-storage.ts';
import { addKey, type KeyRecord, listKeys } from './keys.ts';
import { ownProcess } from './lock/process-identity.ts';
import type { Repository } from './repository.ts';

export interface PasswordChange {
  readonly added: KeyId;
  /** The key that opened the repository, and before it those that interrupted changes had left beside it. */
  readonly removed: readonly KeyId[];
  /** Keys that interrupted changes left too, but of another user or machine: whoever's they are may use them. */
  readonly kept: readonly KeyRecord[];
}

/**
 * Replaces the password the repository was opened with: the new key is stored and proven first, then the
 * old one is removed, and what earlier changes left that were interrupted between the two. The repository object
 * stays usable.
 */
export async function changePassword(repository: Repository, options: NewKeyOptions): Promise<PasswordChange> {
  const { keyId } = repository;
  const keys = await listKeys(repository, { signal: options.signal });
  const self = options.self ?? ownProcess();
  const owner = keys.find(({ id }) => id === keyId) ?? {
    username: options.username ?? self.username,
    hostname: options.hostname ?? self.hostname,
  };
  const { leftover, foreign } = interruptedChanges(keys, keyId, owner);
  const added = await addKey(repository, { ...options, replaces: keyId });
  // The one in use goes last: while a key is there, what links it to the new one is there too, so whichever
  // password opens the vault after one more interruption, the next change finds all of them.
  const removed = [...leftover.map(({ id }) => id).toReversed(), keyId];
  for (const id of removed) {
    options.signal?.throwIfAborted();
    await repository.removeFile('key', id, { signal: options.signal });
  }
  return { added, removed, kept: foreign };
}

interface InterruptedChanges {
  /** From the key in use outwards. */
  readonly leftover: readonly KeyRecord[];
  readonly foreign: readonly KeyRecord[];
}

/**
 * The keys beside `current` that its password was to replace, or that were to replace it, over any number of interrupted
 * changes. Only what a key file says of itself links them, and only keys of one user on one machine: time and
 * owner alone tell nothing, since everybody may add keys.
 */
function interruptedChanges(
  keys: readonly KeyRecord[],
  current: KeyId,
  owner: Pick<KeyFile, 'username' | 'hostname'>,
): InterruptedChanges {
  const leftover: KeyRecord[] = [];
  const foreign: KeyRecord[] = [];
  const found: Pick<KeyRecord, 'id' | 'replaces'>[] = [
    keys.find(({ id }) => id === current) ?? { id: current, replaces: undefined },
  ];
  for (const from of found) {
    for (const key of keys) {
      const isLinked = key.id === from.replaces || key.replaces === from.id;
      if (!isLinked || key.id === current || leftover.includes(key) || foreign.includes(key)) continue;
      if (key.username === owner.username && key.hostname === owner.hostname) {
        leftover.push(key);
        found.push(key);
      } else {
        foreign.push(key);
      }
    }
  }
  return { leftover, foreign };
}
