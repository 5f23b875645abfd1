import { utf8Lossy } from '../../../base/bytes.ts';
import { CairnError, type CairnErrorOptions, type Retry } from '../../../base/errors.ts';
import type { ErrorCode } from '../../../base/error-codes.ts';
import { printable, type RequestContext, statusError } from '../http/http-errors.ts';
import type { HttpResponse } from '../http/http-exchange.ts';
import { exists, missing } from '../../object-range.ts';
import type { ObjectName } from '../../storage.ts';
import { parseXml, textOf, type XmlElement } from './xml.ts';

/** What S3 says of a request that it refuses: the `Error` document of its answer. */
export interface S3Refusal {
  /** S3's own name of the error, such as `NoSuchKey`; empty where the answer has none, as for HEAD. */
  readonly code: string;
  readonly message: string;
  /** Where the bucket really is, if the answer says so. */
  readonly region: string | undefined;
  readonly serverTime: string | undefined;
}

interface Meaning {
  readonly code: ErrorCode;
  readonly text: string;
  readonly retry?: Retry;
  readonly hint?: string;
}

const denied: Meaning = {
  code: 'STORAGE_DENIED',
  text: 'refuses access',
  hint:
    'Check the policies of these keys and of the bucket: s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket ' +
    'are needed. Without s3:ListBucket an object that is not there looks like one that is forbidden.',
};
const wrongKey: Meaning = {
  code: 'STORAGE_DENIED',
  text: 'does not know the access key',
  hint: 'Check AWS_ACCESS_KEY_ID, the profile, and that the endpoint is the one these keys are for.',
};
const expired: Meaning = {
  code: 'CREDENTIALS_EXPIRED',
  text: 'says that the session of these credentials has ended',
  hint: 'Log in again (for example `aws sso login`) and run the same command: nothing stored so far is lost.',
};
const busy: Meaning = { code: 'STORAGE_UNREACHABLE', text: 'is busy', retry: 'later' };
const garbled: Meaning = { code: 'STORAGE_UNREACHABLE', text: 'received other bytes than were sent', retry: 'later' };
const full: Meaning = {
  code: 'STORAGE_FULL',
  text: 'has no room left',
  hint: 'Make room or raise the quota, then run the same command again: nothing stored so far is lost.',
};
const elsewhere: Meaning = {
  code: 'STORAGE_URL_INVALID',
  text: 'says that the bucket is in another region',
  hint: 'Name the region of the bucket, with ?region=… or AWS_REGION.',
};
const notOffered: Meaning = { code: 'NOT_SUPPORTED', text: 'does not offer this' };

const meanings = new Map<string, Meaning>([
  ['AccessDenied', denied],
  ['AllAccessDisabled', denied],
  ['AccountProblem', denied],
  ['InvalidAccessKeyId', wrongKey],
  [
    'SignatureDoesNotMatch',
    {
      code: 'STORAGE_DENIED',
      text: 'does not accept the signature',
      hint: 'Check AWS_SECRET_ACCESS_KEY; a proxy that changes requests breaks signatures too.',
    },
  ],
  ['ExpiredToken', expired],
  ['ExpiredTokenException', expired],
  ['TokenRefreshRequired', expired],
  ['InvalidToken', { ...expired, code: 'STORAGE_DENIED', text: 'does not accept the session token' }],
  ['SlowDown', { ...busy, text: 'asks for fewer requests' }],
  ['TooManyRequests', { ...busy, text: 'asks for fewer requests' }],
  ['ServiceUnavailable', busy],
  ['InternalError', { ...busy, text: 'has an error of its own' }],
  ['RequestTimeout', { ...busy, text: 'had waited too long for the bytes' }],
  ['OperationAborted', { ...busy, text: 'does something else with this at the moment' }],
  ['ConditionalRequestConflict', { ...busy, text: 'has another writer at the same object' }],
  ['BadDigest', garbled],
  ['XAmzContentSHA256Mismatch', garbled],
  ['XAmzContentChecksumMismatch', garbled],
  ['IncompleteBody', garbled],
  ['QuotaExceeded', { ...full, text: 'says that its quota is used up' }],
  ['XMinioStorageFull', full],
  ['XMinioAdminBucketQuotaExceeded', { ...full, text: 'says that its quota is used up' }],
  ['InsufficientStorage', full],
  ['StorageFull', full],
  ['PermanentRedirect', elsewhere],
  ['AuthorizationHeaderMalformed', elsewhere],
  ['IllegalLocationConstraintException', elsewhere],
  ['NotImplemented', notOffered],
  ['MethodNotAllowed', notOffered],
  [
    'InvalidObjectState',
    {
      code: 'OBJECT_COLD',
      text: 'keeps this object in a cold storage class',
      hint: '`cairn restore` asks for the retrieval of what it needs, and goes on when it is there.',
    },
  ],
  [
    'NoSuchUpload',
    {
      code: 'STORAGE_IO',
      text: 'does not know this upload any more',
      hint: 'Something cleared it away, such as a lifecycle rule for unfinished uploads. Write the object again.',
    },
  ],
  [
    'InvalidStorageClass',
    { code: 'STORAGE_URL_INVALID', text: 'does not know the storage class', hint: 'Correct ?storage-class=….' },
  ],
]);

/** What is known of a request when it was refused. */
export interface S3Request extends RequestContext {
  readonly bucket: string;
  /** The object that was asked for, if it was one. */
  readonly name: ObjectName | undefined;
  readonly nowMs: number;
}

/** Reads the `Error` document of an answer. Whatever else came is a refusal without a name. */
export function parseRefusal({ body, headers }: Pick<HttpResponse, 'body' | 'headers'>): S3Refusal {
  const header = headers['x-amz-bucket-region'];
  const error = errorDocument(body);
  return {
    code: (error && textOf(error, 'Code')) ?? '',
    message: (error && textOf(error, 'Message')) ?? '',
    region: (typeof header === 'string' ? header : undefined) ?? (error && textOf(error, 'Region')),
    serverTime: error && textOf(error, 'ServerTime'),
  };
}

function errorDocument(body: Uint8Array): XmlElement | undefined {
  try {
    const root = parseXml(utf8Lossy(body));
    return root.name === 'Error' ? root : undefined;
  } catch {
    return undefined;
  }
}

/** The error of an answer that is no success. */
export function s3Error(
  request: S3Request,
  response: HttpResponse,
  refusal: S3Refusal = parseRefusal(response),
): CairnError {
  const { action, host, bucket, name } = request;
  switch (refusal.code) {
    case 'NoSuchBucket':
      return bucketMissing(request);
    case 'NoSuchKey':
      return missing(name ?? bucket);
    case 'PreconditionFailed':
      return exists(name ?? bucket);
    case 'RequestTimeTooSkewed':
      return clockSkewed(request, refusal.serverTime ?? headerOf(response, 'date'));
    default:
      break;
  }
  if (response.status === 412) return exists(name ?? bucket);
  const meaning = meanings.get(refusal.code);
  const said = [refusal.code, refusal.message].filter((text) => text !== '').join(': ');
  const plain = statusError(request, response, said);
  if (meaning === undefined) {
    if (response.status === 404 && name !== undefined) return missing(name, plain);
    const facts = refusal.code === '' ? plain.facts : { ...plain.facts, reason: printable(refusal.code) };
    return new CairnError(plain.code, plain.message, {
      ...(plain.hint === undefined ? {} : { hint: plain.hint }),
      retry: plain.retry,
      facts,
    });
  }
  const options: CairnErrorOptions = {
    ...(meaning.hint === undefined ? {} : { hint: meaning.hint }),
    retry: meaning.retry ?? 'never',
    facts: {
      ...plain.facts,
      reason: refusal.code,
      bucket,
      ...(name === undefined ? {} : { name }),
      ...(refusal.region === undefined ? {} : { region: refusal.region }),
    },
  };
  const region = meaning === elsewhere && refusal.region !== undefined ? `, ${printable(refusal.region)}` : '';
  return new CairnError(
    meaning.code,
    `cannot ${action}: ${host} ${meaning.text}${region} (${printable(said)})`,
    options,
  );
}

function bucketMissing({ action, host, bucket }: S3Request): CairnError {
  return new CairnError('BUCKET_MISSING', `cannot ${action}: there is no bucket ${bucket} at ${host}`, {
    hint: 'Check the name of the bucket and the endpoint; `cairn init` makes the bucket if it is allowed to.',
    facts: { bucket, host },
  });
}

function clockSkewed({ action, host, nowMs }: S3Request, serverTime: string | undefined): CairnError {
  const serverMs = serverTime === undefined ? Number.NaN : Date.parse(serverTime);
  const aheadMs = nowMs - serverMs;
  const minutes = Math.round(Math.abs(aheadMs) / 60_000);
  const how = Number.isNaN(aheadMs) ? 'wrong' : `${minutes} minutes ${aheadMs > 0 ? 'ahead' : 'behind'}`;
  return new CairnError('CLOCK_SKEWED', `cannot ${action}: by the clock of ${host} the one of this machine is ${how}`, {
    hint: 'Set the clock of this machine (NTP). S3 accepts a difference of 15 minutes at most.',
    facts: { host, ...(Number.isNaN(aheadMs) ? {} : { aheadMs }) },
  });
}

function headerOf({ headers }: HttpResponse, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}
