import { hasCode } from '../../base/errors.ts';
import type { ObjectName, Storage } from '../../storage/storage.ts';
import { type Answer, textAnswer } from '../http/answer.ts';
import type { ByteBudget } from '../http/byte-budget.ts';
import type { Quota, Reservation } from './quota.ts';
import type { RestExchange } from './rest-exchange.ts';
import { announcedBytes, readUpload, type Upload } from './upload-body.ts';

/** Locks are small; so small that they are taken when the quota is used up, for without one nothing can be removed. */
const FREE_LOCK_BYTES = 16 * 1024;

/** What all uploads of a server share. */
export interface UploadPlace {
  readonly storage: Storage;
  readonly quota: Quota | undefined;
  /** What all uploads together hold in memory until they are stored. */
  readonly memory: ByteBudget;
  readonly stallMs: number;
}

export interface WantedObject {
  readonly name: ObjectName;
  readonly maxBytes: number;
  readonly replace: boolean;
  readonly isLock: boolean;
  /** What the content must have as its hash. */
  readonly sha256: string | undefined;
}

/** Takes a body into memory, verifies it, and only then lets the storage know of it. */
export async function storeUpload(place: UploadPlace, exchange: RestExchange, wanted: WantedObject): Promise<Answer> {
  const { storage, quota, memory } = place;
  const { request, signal } = exchange;
  const announced = announcedBytes(request);
  if ((announced ?? 0) > wanted.maxBytes) return tooLarge(wanted.maxBytes);
  const there = await storage.stat(wanted.name, { signal });
  if (there !== undefined && !wanted.replace) return alreadyThere();
  const isFree = wanted.isLock && (announced ?? Number.POSITIVE_INFINITY) <= FREE_LOCK_BYTES;
  using reservation = isFree ? undefined : quota?.reserve(announced ?? 0);
  if (!isFree && quota !== undefined && reservation === undefined) return quotaUsedUp();
  using _memory = await memory.take(announced ?? wanted.maxBytes, signal);
  exchange.inviteBody();
  const upload = await readUpload(request, {
    maxBytes: wanted.maxBytes,
    stallMs: place.stallMs,
    makeRoom: announced === undefined && reservation !== undefined ? (bytes) => reservation.grow(bytes) : undefined,
  });
  if (upload.kind !== 'complete') return refusedUpload(upload, wanted.maxBytes);
  exchange.onReceived(upload.sizeBytes);
  if (wanted.sha256 !== undefined && upload.sha256 !== wanted.sha256) {
    return textAnswer(400, 'the content does not have the hash that is its name');
  }
  // Awaited here: room and memory are held until it is stored.
  return await write(place, wanted, upload, { reservation, replacedBytes: there?.sizeBytes ?? 0 });
}

/** Not stopped when the client goes away: a complete object is as good without it. */
async function write(
  { storage, quota }: UploadPlace,
  { name, replace }: WantedObject,
  { parts, sizeBytes }: Upload & { readonly kind: 'complete' },
  { reservation, replacedBytes }: { readonly reservation: Reservation | undefined; readonly replacedBytes: number },
): Promise<Answer> {
  try {
    await storage.write(name, parts, { ifAbsent: !replace });
  } catch (error) {
    if (hasCode(error, 'OBJECT_EXISTS')) return alreadyThere();
    throw error;
  }
  if (reservation === undefined) quota?.add(sizeBytes);
  reservation?.keep();
  quota?.removed(replacedBytes);
  return textAnswer(200, 'ok');
}

export function refusedUpload(
  upload: Pick<Exclude<Upload, { readonly kind: 'complete' }>, 'kind'>,
  maxBytes: number = Number.POSITIVE_INFINITY,
): Answer {
  const { kind } = upload;
  switch (kind) {
    case 'too-large':
      return tooLarge(maxBytes);
    case 'no-room':
      return quotaUsedUp();
    case 'broken':
      return textAnswer(400, 'the body ended too early');
    default:
      return kind satisfies never;
  }
}

function tooLarge(maxBytes: number): Answer {
  return textAnswer(413, `a file may have ${maxBytes} bytes here`);
}

export function quotaUsedUp(): Answer {
  return textAnswer(507, 'the space for these repositories is used up');
}

export function alreadyThere(): Answer {
  return textAnswer(403, 'there is such a file already, and files are never replaced');
}
