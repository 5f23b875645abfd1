import { utf8Lossy } from '../../../base/bytes.ts';
import { CairnError } from '../../../base/errors.ts';
import { exists, missing } from '../../object-range.ts';
import type { ObjectName } from '../../storage.ts';
import type { Refusal, RequestContext } from '../http/http-errors.ts';
import { type Fields, fieldsOf, parseJsonAnswer } from '../http/json-answer.ts';
import { serviceError, type ServiceMeaning } from '../http/service-errors.ts';

/** What Google says of a request that it refuses: `{ "error": { "message": …, "errors": [{ "reason": … }] } }`. */
export interface GsRefusal {
  /** Google's own name of the error, such as `notFound`; empty where the answer has none. */
  readonly reason: string;
  readonly message: string;
}

/** What is known of a request when it was refused. */
export interface GsRequest extends RequestContext {
  readonly bucket: string;
  /** The object that was asked for, if it was one. */
  readonly name: ObjectName | undefined;
  /** Makes the object: then only the bucket can be missing. */
  readonly creates?: boolean | undefined;
  /** The token was given to us and cannot be renewed. */
  readonly hasFixedToken: boolean;
}

const busy: ServiceMeaning = { code: 'STORAGE_UNREACHABLE', text: 'asks for fewer requests', retry: 'later' };
const denied: ServiceMeaning = {
  code: 'STORAGE_DENIED',
  text: 'refuses access',
  hint:
    'Check the roles of this account at the bucket: Storage Object Admin (roles/storage.objectAdmin) is needed, and for ' +
    '`cairn init` the right to make the bucket where it is not there.',
};
const kept: ServiceMeaning = {
  code: 'STORAGE_DENIED',
  text: 'keeps this object from being removed or replaced',
  hint: 'The bucket has a retention policy, or the object is on hold; wait until that ends, or change it.',
};
const unpaid: ServiceMeaning = {
  code: 'STORAGE_DENIED',
  text: 'says that the account or its billing is disabled',
  hint: 'Switch on billing for the project of the bucket in the console.',
};

// "HTTP status and error codes for JSON", Cloud Storage documentation.
const meanings = new Map<string, ServiceMeaning>([
  ['forbidden', denied],
  ['insufficientPermissions', denied],
  ['required', { ...denied, text: 'wants a login for this' }],
  [
    'authError',
    {
      code: 'STORAGE_DENIED',
      text: 'does not accept the token',
      hint: 'Check GOOGLE_APPLICATION_CREDENTIALS, and that its account has not been disabled.',
    },
  ],
  ['accountDisabled', unpaid],
  ['accountDelinquent', unpaid],
  ['UserProjectAccountProblem', unpaid],
  [
    'userProjectMissing',
    {
      code: 'STORAGE_DENIED',
      text: 'wants the requester to pay',
      hint: 'Name the project that pays for the requests with ?user-project=….',
    },
  ],
  ['retentionPolicyNotMet', kept],
  ['objectUnderActiveHold', kept],
  ['rateLimitExceeded', busy],
  ['userRateLimitExceeded', busy],
  ['backendError', { ...busy, text: 'has an error of its own' }],
  ['internalError', { ...busy, text: 'has an error of its own' }],
  [
    'quotaExceeded',
    {
      code: 'STORAGE_FULL',
      text: 'says that a quota is used up',
      hint: 'Raise the quota in the console, then run the same command again: nothing stored so far is lost.',
    },
  ],
  [
    'dailyLimitExceeded',
    {
      code: 'STORAGE_FULL',
      text: 'says that the quota of this day is used up',
      hint: 'Raise the quota in the console or wait until tomorrow, then run the same command again.',
    },
  ],
]);

const garbled: ServiceMeaning = {
  code: 'STORAGE_UNREACHABLE',
  text: 'received other bytes than were sent',
  retry: 'later',
};

/** Reads the error document of an answer. Whatever else came is a refusal without a name. */
function parseGsRefusal(response: Pick<RefusedAnswer, 'body'>): GsRefusal {
  const value = parseJsonAnswer(response);
  // Downloads are refused with plain text.
  const text = value === undefined ? utf8Lossy(response.body) : '';
  const { message, errors } = fieldsOf(fieldsOf(value).error);
  const { reason } = fieldsOf(Array.isArray(errors) ? errors[0] : undefined);
  return { reason: stringOf(reason), message: stringOf(message) || (text.startsWith('<') ? '' : text) };
}

/** Of an answer, what its meaning depends on. */
export interface RefusedAnswer extends Refusal {
  readonly body: Uint8Array;
}

/** The error of an answer that is no success. */
export function gsError(request: GsRequest, response: RefusedAnswer): CairnError {
  const refusal = parseGsRefusal(response);
  const { bucket, name, hasFixedToken } = request;
  const { status } = response;
  const said = [refusal.reason, refusal.message].filter((text) => text !== '').join(': ');
  const isOfBucket = name === undefined || request.creates === true;
  if (status === 404 && (isOfBucket || /bucket does not exist/iu.test(refusal.message))) return bucketMissing(request);
  if (status === 404 && name !== undefined) return missing(name, new Error(said));
  if (status === 412 && name !== undefined) return exists(name);
  const meaning =
    status === 401 && hasFixedToken
      ? expired
      : status === 400 && /(?:md5|crc32c)/iu.test(refusal.message)
        ? garbled
        : meanings.get(refusal.reason);
  return serviceError(request, response, {
    meaning,
    reason: refusal.reason,
    said,
    facts: { bucket, ...(name === undefined ? {} : { name }) },
  });
}

const expired: ServiceMeaning = {
  code: 'CREDENTIALS_EXPIRED',
  text: 'does not accept the token, or no longer',
  hint: 'Set a new one: GOOGLE_ACCESS_TOKEN=$(gcloud auth print-access-token). Nothing stored so far is lost.',
};

function bucketMissing({ action, host, bucket }: GsRequest): CairnError {
  return new CairnError('BUCKET_MISSING', `cannot ${action}: there is no bucket ${bucket} at ${host}`, {
    hint: 'Check the name of the bucket; `cairn init` makes it where GOOGLE_PROJECT_ID is set and it is allowed to.',
    facts: { bucket, host },
  });
}

/** The error of an answer that Google does not give. Not to be trusted, so not to be gone on with. */
export function strangeAnswer(action: string, what: string): CairnError {
  return new CairnError('STORAGE_IO', `cannot ${action}: the server answers with ${what}`, {
    hint: 'Check that the endpoint is Google Cloud Storage, and not a login page or a proxy.',
    retry: 'later',
  });
}

/** The fields of an answer that is a document. */
export function parseAnswer(response: Pick<RefusedAnswer, 'body'>, action: string): Fields {
  const value = parseJsonAnswer(response);
  if (value === undefined) throw strangeAnswer(action, 'something that is no JSON');
  return fieldsOf(value);
}

function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
