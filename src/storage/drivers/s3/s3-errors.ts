import { utf8Lossy } from '../../../base/bytes.ts';
import { CairnError } from '../../../base/errors.ts';
import { printable, type RequestContext, statusError } from '../http/http-errors.ts';
import type { HttpResponse } from '../http/http-exchange.ts';
import { clockSkewed, serviceError, type ServiceMeaning } from '../http/service-errors.ts';
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

const denied: ServiceMeaning = {
  code: 'STORAGE_DENIED',
  text: 'refuses access',
  hint:
    'Check the policies of these keys and of the bucket: s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket ' +
    'are needed. Without s3:ListBucket an object that is not there looks like one that is forbidden.',
};
const wrongKey: ServiceMeaning = {
  code: 'STORAGE_DENIED',
  text: 'does not know the access key',
  hint: 'Check AWS_ACCESS_KEY_ID, the profile, and that the endpoint is the one these keys are for.',
};
const expired: ServiceMeaning = {
  code: 'CREDENTIALS_EXPIRED',
  text: 'says that the session of these credentials has ended',
  hint: 'Log in again (for example `aws sso login`) and run the same command: nothing stored so far is lost.',
};
const busy: ServiceMeaning = { code: 'STORAGE_UNREACHABLE', text: 'is busy', retry: 'later' };
const garbled: ServiceMeaning = {
  code: 'STORAGE_UNREACHABLE',
  text: 'received other bytes than were sent',
  retry: 'later',
};
const full: ServiceMeaning = {
  code: 'STORAGE_FULL',
  text: 'has no room left',
  hint: 'Make room or raise the quota, then run the same command again: nothing stored so far is lost.',
};
const elsewhere: ServiceMeaning = {
  code: 'STORAGE_URL_INVALID',
  text: 'says that the bucket is in another region',
  hint: 'Name the region of the bucket, with ?region=… or AWS_REGION.',
};
const notOffered: ServiceMeaning = { code: 'NOT_SUPPORTED', text: 'does not offer this' };

const meanings = new Map<string, ServiceMeaning>([
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
  const { bucket, name } = request;
  switch (refusal.code) {
    case 'NoSuchBucket':
      return bucketMissing(request);
    case 'NoSuchKey':
      return missing(name ?? bucket);
    case 'PreconditionFailed':
      return exists(name ?? bucket);
    case 'RequestTimeTooSkewed':
      return clockSkewed(
        request,
        refusal.serverTime ?? headerOf(response, 'date'),
        'S3 accepts a difference of 15 minutes at most.',
      );
    default:
      break;
  }
  if (response.status === 412) return exists(name ?? bucket);
  const meaning = meanings.get(refusal.code);
  const said = [refusal.code, refusal.message].filter((text) => text !== '').join(': ');
  if (meaning === undefined && response.status === 404 && name !== undefined)
    return missing(name, statusError(request, response, said));
  const region = meaning === elsewhere && refusal.region !== undefined ? `, ${printable(refusal.region)}` : '';
  return serviceError(request, response, {
    meaning: meaning === undefined ? undefined : { ...meaning, text: `${meaning.text}${region}` },
    reason: refusal.code,
    said,
    facts: {
      bucket,
      ...(name === undefined ? {} : { name }),
      ...(refusal.region === undefined ? {} : { region: refusal.region }),
    },
  });
}

function bucketMissing({ action, host, bucket }: S3Request): CairnError {
  return new CairnError('BUCKET_MISSING', `cannot ${action}: there is no bucket ${bucket} at ${host}`, {
    hint: 'Check the name of the bucket and the endpoint; `cairn init` makes the bucket if it is allowed to.',
    facts: { bucket, host },
  });
}

function headerOf({ headers }: HttpResponse, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}
