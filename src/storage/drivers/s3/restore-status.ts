// What S3 says of an object that may be in the cold: headers of HEAD, and the request for a copy (RestoreObject).
//
//   x-amz-storage-class: GLACIER                                 absent for STANDARD
//   x-amz-restore: ongoing-request="true"                        asked for, not there yet
//   x-amz-restore: ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"
//   x-amz-archive-status: ARCHIVE_ACCESS                         an archive tier of INTELLIGENT_TIERING
import { CairnError } from '../../../base/errors.ts';
import type { ObjectState, RetrievalTier } from '../../storage.ts';

const INTELLIGENT = 'INTELLIGENT_TIERING';
const HOUR_MS = 3_600_000;

/** The headers that tell the state of an object, in lower case. */
export interface ColdHeaders {
  readonly 'x-amz-storage-class'?: string | undefined;
  readonly 'x-amz-restore'?: string | undefined;
  readonly 'x-amz-archive-status'?: string | undefined;
}

/** The state that these headers of an object tell. One in the archive of INTELLIGENT_TIERING has `TIER:STATUS` for its class. */
export function objectState(headers: ColdHeaders): ObjectState {
  const storageClass = coldClassOf(headers);
  if (storageClass === undefined) return { kind: 'hot' };
  const restore = headers['x-amz-restore'];
  if (restore === undefined || restore === '') return { kind: 'cold', storageClass };
  if (/ongoing-request="true"/iu.test(restore)) return { kind: 'retrieving', storageClass };
  const expiry = /expiry-date="([^"]+)"/iu.exec(restore)?.[1];
  const untilMs = expiry === undefined ? Number.NaN : Date.parse(expiry);
  // A copy of which nobody knows how long it stays is better asked for again than trusted.
  if (Number.isNaN(untilMs)) return { kind: 'cold', storageClass };
  return { kind: 'retrieved', storageClass, until: new Date(untilMs) };
}

/** Whether an object of this class, as a listing tells it, can surely be read: archive tiers show in HEAD only. */
export function isReadableClass(storageClass: string | undefined): boolean {
  return storageClass === undefined || readableClasses.has(storageClass);
}

const readableClasses: ReadonlySet<string> = new Set([
  'STANDARD',
  'STANDARD_IA',
  'ONEZONE_IA',
  'GLACIER_IR',
  'REDUCED_REDUNDANCY',
  'EXPRESS_ONEZONE',
]);

function coldClassOf(headers: ColdHeaders): string | undefined {
  const storageClass = headers['x-amz-storage-class'];
  if (storageClass === 'GLACIER' || storageClass === 'DEEP_ARCHIVE') return storageClass;
  const status = headers['x-amz-archive-status'];
  return storageClass === INTELLIGENT && status !== undefined && status !== '' ? `${INTELLIGENT}:${status}` : undefined;
}

const tierNames: Readonly<Record<RetrievalTier, string>> = {
  expedited: 'Expedited',
  standard: 'Standard',
  bulk: 'Bulk',
};

/** The body of RestoreObject. An object of INTELLIGENT_TIERING comes back for good: it has no days. */
export function restoreRequest(storageClass: string, tier: RetrievalTier, days: number): string {
  if (!Number.isSafeInteger(days) || days < 1) {
    throw new CairnError('ARGUMENT_INVALID', `a copy is kept for a whole number of days, not for ${days}`);
  }
  const kept = storageClass.startsWith(INTELLIGENT) ? '' : `<Days>${days}</Days>`;
  const job = `<GlacierJobParameters><Tier>${tierNames[tier]}</Tier></GlacierJobParameters>`;
  return `<RestoreRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${kept}${job}</RestoreRequest>`;
}

// The longest times that AWS publishes for each class and tier (S3 User Guide, "Archive retrieval options"). Bulk from the
// archives takes as long as AWS likes within these; an absent tier is not offered.
const publishedHours: Readonly<Record<string, Readonly<Partial<Record<RetrievalTier, number>>>>> = {
  GLACIER: { expedited: 5 / 60, standard: 5, bulk: 12 },
  DEEP_ARCHIVE: { standard: 12, bulk: 48 },
  [`${INTELLIGENT}:ARCHIVE_ACCESS`]: { expedited: 5 / 60, standard: 5, bulk: 12 },
  [`${INTELLIGENT}:DEEP_ARCHIVE_ACCESS`]: { standard: 12, bulk: 48 },
};

/** How long a retrieval takes at most as AWS publishes it; `undefined` where the class has no such tier. */
export function publishedRetrievalMs(storageClass: string, tier: RetrievalTier): number | undefined {
  const hours = publishedHours[storageClass]?.[tier];
  return hours === undefined ? undefined : hours * HOUR_MS;
}
