import { createHash } from 'node:crypto';
import { CairnError } from '../../base/errors.ts';
import type { Storage } from '../../storage/storage.ts';
import type { StoredArchive } from '../shelf/read-shelf.ts';
import { objectBytes, streamFrom } from './object-bytes.ts';

/**
 * The bytes of an archive as they are stored, for another place. Throws `ARCHIVE_CORRUPT` at their end where they are not
 * those that were written: whoever takes them gives them a name only after that.
 */
export async function* intactBytes(
  storage: Storage,
  { object, stored, sizeBytes, sidecar }: StoredArchive,
  { onBytes, signal }: { readonly onBytes: (bytes: number) => void; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const piece of streamFrom(objectBytes(storage, object, sizeBytes), 0, signal)) {
    hash.update(piece);
    yield piece;
    onBytes(piece.length);
  }
  if (hash.digest('hex') === sidecar.storedSha256) return;
  throw new CairnError(
    'ARCHIVE_CORRUPT',
    `the archive ${stored} is damaged: its bytes are not those that were written`,
  );
}
