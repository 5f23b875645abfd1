import type { RestError } from '@azure/storage-blob';
import type { ErrorCode } from '../../../base/error-codes.ts';
import { CairnError, isCairnError, messageOf, systemCode } from '../../../base/errors.ts';
import { parseRetryAfter } from '../http/http-errors.ts';
import { exists, missing } from '../../object-range.ts';

/** What Azure answered with; `undefined` for errors that are not the package's. */
export function azureAnswer(error: unknown): { readonly status: number | undefined } | undefined {
  return isRestError(error) ? { status: error.statusCode } : undefined;
}

/** A connection that ends in the middle of an answer; the package passes on what Node says. */
function isCutOff(error: unknown): error is Error {
  if (!(error instanceof Error) || isCairnError(error)) return false;
  const inTheMiddle = /^Data corruption failure: received less|^The operation was aborted\.$|premature close/i;
  return systemCode(error) !== undefined || inTheMiddle.test(error.message);
}

/** What a failed request means for a storage. The text of Azure is not repeated: it may quote a signed URL. */
export function translateAzureError(error: unknown, action: string, name: string, container: string): unknown {
  if (isRangeError(error)) return strangeAnswer(error, action, name);
  if (!isRestError(error)) return isCutOff(error) ? cutOff(error, action, name) : error;
  const { statusCode: status, code = '' } = error;
  const cause = safeCause(error);
  if (status === 404 && code !== 'ContainerNotFound') return missing(name, cause);
  if (code === 'BlobAlreadyExists' || code === 'ConditionNotMet' || status === 412) return exists(name, cause);
  const { kind, hint, retry } = meaningOf(error, container);
  const retryAfterMs = parseRetryAfter(error.response?.headers.get('retry-after'), error.response?.headers.get('date'));
  const said = code === '' ? `status ${status ?? 'unknown'}` : code;
  return new CairnError(kind, `cannot ${action} ${name === '' ? container : name} in Azure: ${said}`, {
    hint,
    retry,
    cause,
    facts: { container, ...(status !== undefined && { status }), ...(retryAfterMs !== undefined && { retryAfterMs }) },
  });
}

function cutOff(error: Error, action: string, name: string): CairnError {
  const why = systemCode(error) ?? 'the answer ended too early';
  return new CairnError('STORAGE_UNREACHABLE', `cannot ${action} ${name} in Azure: the connection was lost (${why})`, {
    hint: 'Check the network.',
    retry: 'later',
    cause: safeCause(error),
  });
}

/** What the package refuses to take for an answer. */
function strangeAnswer(error: RangeError, action: string, name: string): CairnError {
  const message = `cannot ${action} ${name} in Azure: what answers is not Azure (${error.message})`;
  return new CairnError('STORAGE_IO', message, {
    hint: 'Check that the endpoint is that of a storage account, and not a proxy or a login page.',
    retry: 'later',
    cause: safeCause(error),
  });
}

interface Meaning {
  readonly kind: ErrorCode;
  readonly hint: string;
  readonly retry: 'later' | 'never';
}

function meaningOf(error: RestError, container: string): Meaning {
  const { statusCode: status, code } = error;
  if (code === 'ContainerNotFound') {
    const hint = `There is no container ${container}; \`cairn init\` makes it.`;
    return { kind: 'BUCKET_MISSING', hint, retry: 'never' };
  }
  if (code === 'ContainerBeingDeleted') {
    return { kind: 'STORAGE_UNREACHABLE', hint: 'Azure is still deleting that container; wait.', retry: 'later' };
  }
  if (code === 'AuthenticationFailed') return notAuthenticated(error);
  if (status === 401 || status === 403) return { kind: 'STORAGE_DENIED', hint: NOT_ALLOWED, retry: 'never' };
  if (status === undefined || status === 408 || status === 429 || status >= 500) {
    const retry = systemCode(error) === 'ENOTFOUND' ? 'never' : 'later';
    return { kind: 'STORAGE_UNREACHABLE', hint: 'Azure does not answer or is too busy. Check the network.', retry };
  }
  return { kind: 'STORAGE_IO', hint: 'The documentation of Azure says what this code means.', retry: 'never' };
}

const NOT_ALLOWED = 'The key or signature (SAS) does not allow this: it has to read, write, delete and list.';

/** Azure has one code for a wrong key, a signature that has run out, and a clock that is wrong. */
function notAuthenticated(error: RestError): Meaning {
  const serverMs = Date.parse(error.response?.headers.get('date') ?? '');
  const aheadMs = Date.now() - serverMs;
  // Requests may be 15 minutes old; a signature may begin a few minutes in the future.
  if (Math.abs(aheadMs) > 5 * 60_000) {
    const how = `${Math.round(Math.abs(aheadMs) / 60_000)} minutes ${aheadMs > 0 ? 'ahead' : 'behind'}`;
    const hint = `By the clock of Azure the one of this machine is ${how}: set it (NTP).`;
    return { kind: 'CLOCK_SKEWED', hint, retry: 'never' };
  }
  if (/specified time frame|expired/i.test(`${error.message} ${JSON.stringify(error.details ?? '')}`)) {
    const hint = 'The signature (SAS) has run out, or is not valid yet: make a new one. Nothing stored so far is lost.';
    return { kind: 'CREDENTIALS_EXPIRED', hint, retry: 'never' };
  }
  const hint = 'Check account, key and signature (SAS), its end date, and the clock of this machine.';
  return { kind: 'STORAGE_DENIED', hint, retry: 'never' };
}

/** The package's errors carry the request with its signature, so that only their text goes on, without URLs. */
function safeCause(error: Error): Error {
  return new Error(
    messageOf(error)
      .replaceAll(/https?:\/\/\S+/g, '[url]')
      .slice(0, 300),
  );
}

function isRestError(error: unknown): error is RestError {
  return error instanceof Error && error.name === 'RestError';
}

function isRangeError(error: unknown): error is RangeError {
  return error instanceof RangeError;
}
