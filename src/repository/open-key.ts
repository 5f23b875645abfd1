import { CairnError, hasCode, messageOf } from '../base/errors.ts';
import { isMiscopiedKey } from '../base/generated-key.ts';
import type { KeyId } from '../base/ids.ts';
import type { Secret } from '../base/secret.ts';
import { decodeKeyFile, type KeyFile, openKeyFile } from '../formats/crypto/key-file.ts';
import type { SealKey } from '../kernels/codec.ts';
import type { OpenedFrom } from './repository.ts';
import { folderOf, idOfName, objectName } from './layout.ts';
import { damagedFile, type FileOrigin, readStoredFile } from './stored-file.ts';

export interface OpenKeyOptions {
  readonly password: Secret;
  /** The key file to try first, such as the one that worked last time. */
  readonly keyHint?: KeyId | undefined;
  /** What `listKeyIds` gives, where the caller has asked already. */
  readonly keyIds?: Promise<readonly KeyId[]> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of the key file that the password opened. */
  readonly onOpened?: ((keyFile: KeyFile) => void) | undefined;
  /** Told of each damaged key file, which is skipped. */
  readonly onWarning?: ((warning: CairnError) => void) | undefined;
}

export interface OpenedKey {
  readonly key: SealKey;
  readonly keyId: KeyId;
  readonly openedFrom: OpenedFrom;
}

/**
 * Finds the key file that the password opens. Damaged key files are skipped: restic used to lock everybody
 * out over one truncated file. Throws `PASSWORD_WRONG` if the password opens none, `KEY_CORRUPT` if there
 * is no readable key file at all.
 */
export async function openKey(from: FileOrigin, options: OpenKeyOptions): Promise<OpenedKey> {
  const { keyHint, signal } = options;
  const atMs = performance.now();
  const listed = await (options.keyIds ?? listKeyIds(from, signal));
  const ids = listed.toSorted((a, b) => Number(b === keyHint) - Number(a === keyHint) || (a < b ? -1 : 1));
  let tried = 0;
  for (const keyId of ids) {
    signal?.throwIfAborted();
    try {
      const keyFile = await loadKeyFile(from, keyId, signal);
      const key = await openKeyFile(from.codec, keyFile, options.password.reveal());
      options.onOpened?.(keyFile);
      return { key, keyId, openedFrom: { keyIds: listed, atMs } };
    } catch (error) {
      if (hasCode(error, 'PASSWORD_WRONG')) tried++;
      else if (hasCode(error, 'KEY_CORRUPT')) options.onWarning?.(damagedFile('key', keyId, messageOf(error), error));
      else if (!hasCode(error, 'OBJECT_MISSING')) throw error;
    }
  }
  throw tried > 0 ? passwordWrong(from.storage.url, tried, options.password) : noKey(from.storage.url, ids);
}

/** Reads one key file. Throws `KEY_CORRUPT`, naming it, or `OBJECT_MISSING`. */
export async function loadKeyFile(from: FileOrigin, id: KeyId, signal?: AbortSignal): Promise<KeyFile> {
  return decodeKeyFile(await readStoredFile(from, 'key', id, { signal }));
}

export async function listKeyIds({ origin }: Pick<FileOrigin, 'origin'>, signal?: AbortSignal): Promise<KeyId[]> {
  const ids: KeyId[] = [];
  for await (const { name } of origin.list(folderOf('key'), { signal })) {
    const id = idOfName('key', name);
    if (id !== undefined) ids.push(id);
  }
  return ids;
}

function passwordWrong(url: string, tried: number, password: Secret): CairnError {
  return new CairnError('PASSWORD_WRONG', `the password opens none of the ${tried} keys of ${url}`, {
    hint: isMiscopiedKey(password.reveal())
      ? 'it begins as a generated key, and a character of it is missing or wrong: copy it again from where you have saved it'
      : 'check the password, and that it belongs to this vault',
    facts: { keys: tried },
  });
}

function noKey(url: string, damaged: readonly KeyId[]): CairnError {
  const names = damaged.map((id) => objectName('key', id)).join(', ');
  const what = damaged.length === 0 ? 'has no key file' : `has only damaged key files: ${names}`;
  return new CairnError('KEY_CORRUPT', `${url} ${what}`, {
    hint: 'copy a key file back into keys/ from a copy of the vault; without one nothing can be decrypted',
  });
}
