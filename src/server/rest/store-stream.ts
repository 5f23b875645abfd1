import { hasCode } from '../../base/errors.ts';
import type { ObjectName } from '../../storage/storage.ts';
import { type Answer, textAnswer } from '../http/answer.ts';
import type { RestExchange } from './rest-exchange.ts';
import { alreadyThere, quotaUsedUp, refusedUpload, type UploadPlace } from './store-upload.ts';
import { bodyChunks, BodyRefused } from './upload-body.ts';

/** What a storage holds of a stream at once, the largest parts of object storages included. */
const STREAM_MEMORY_BYTES = 64 * 1024 * 1024;
/** A stream pauses where its source does: a program whose output is archived, a disk that is slow to read. */
const PAUSES = 5;

/** Takes a body of unknown size into the storage as it comes; it can be seen there when it is whole. */
export async function storeStream(
  { storage, quota, memory, stallMs }: UploadPlace,
  { request, signal, inviteBody, onReceived }: RestExchange,
  { name, replace }: { readonly name: ObjectName; readonly replace: boolean },
): Promise<Answer> {
  const there = await storage.stat(name, { signal });
  if (there !== undefined && !replace) return alreadyThere();
  using reservation = quota?.reserve(0);
  if (quota !== undefined && reservation === undefined) return quotaUsedUp();
  using _memory = await memory.take(STREAM_MEMORY_BYTES, signal);
  inviteBody();
  const makeRoom = reservation === undefined ? undefined : (bytes: number): boolean => reservation.grow(bytes);
  const chunks = bodyChunks(request, { stallMs: stallMs * PAUSES, makeRoom });
  try {
    const { sizeBytes } = await storage.writeStream(name, chunks, { ifAbsent: !replace, signal });
    onReceived(sizeBytes);
  } catch (error) {
    if (error instanceof BodyRefused) return refusedUpload(error);
    if (hasCode(error, 'OBJECT_EXISTS')) return alreadyThere();
    throw error;
  }
  reservation?.keep();
  quota?.removed(there?.sizeBytes ?? 0);
  return textAnswer(200, 'ok');
}
