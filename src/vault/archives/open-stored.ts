import { type OpenedArchive, openArchive } from '../../archives/read/open-archive.ts';
import { objectBytes } from '../../archives/read/object-bytes.ts';
import type { StoredArchive } from '../../archives/shelf/read-shelf.ts';
import { CairnError, hasCode } from '../../base/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import type { VaultSettings } from '../vault-session.ts';
import { type ArchiveKeys, askKeys, describeKeyError } from './archive-access.ts';

export interface OpenStoredContext {
  readonly storage: Storage;
  readonly settings: VaultSettings;
  readonly signal: AbortSignal;
}

/** Opens an archive of a vault. Nothing but its header is fetched before the password is known to be right. */
export async function openStored(
  { storage, settings, signal }: OpenStoredContext,
  archive: StoredArchive,
  keys: ArchiveKeys,
): Promise<OpenedArchive> {
  const { object, stored, sizeBytes, sidecar } = archive;
  try {
    return await openArchive(objectBytes(storage, object, sizeBytes), {
      sidecar,
      identities: askKeys(keys, settings.password),
      maxTarBytes: keys.maxBytes,
      signal,
    });
  } catch (error) {
    if (hasCode(error, 'SEAL_BROKEN') || hasCode(error, 'FORMAT_INVALID')) {
      throw new CairnError('ARCHIVE_CORRUPT', `the archive ${stored} is damaged: ${error.message}`, { cause: error });
    }
    throw describeKeyError(error, stored);
  }
}
