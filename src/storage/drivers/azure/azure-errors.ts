import type { RestError } from '@azure/storage-blob';
import { CairnError, messageOf, systemCode } from '../../../base/errors.ts';
import { exists, missing } from '../../object-range.ts';

/** What Azure answered with; `undefined` for errors that are not the package's. */
export function azureAnswer(error: unknown): { readonly status: number | undefined } | undefined {
  return isRestError(error) ? { status: error.statusCode } : undefined;
}

/** What a failed request means for a storage. The text of Azure is not repeated: it may quote a signed URL. */
export function translateAzureError(error: unknown, action: string, name: string, container: string): unknown {
  if (!isRestError(error)) return error;
  const { statusCode: status, code = '' } = error;
  const cause = safeCause(error);
  if (status === 404 && code !== 'ContainerNotFound') return missing(name, cause);
  if (code === 'BlobAlreadyExists' || code === 'ConditionNotMet' || status === 412) return exists(name, cause);
  const { kind, hint, retry } = meaningOf(error, container);
  const said = code === '' ? `status ${status ?? 'unknown'}` : code;
  return new CairnError(kind, `cannot ${action} ${name === '' ? container : name} in Azure: ${said}`, {
    hint,
    retry,
    cause,
    facts: { container, ...(status !== undefined && { status }) },
  });
}

interface Meaning {
  readonly kind: 'STORAGE_UNREACHABLE' | 'STORAGE_DENIED' | 'STORAGE_IO';
  readonly hint: string;
  readonly retry: 'later' | 'never';
}

function meaningOf(error: RestError, container: string): Meaning {
  const { statusCode: status, code } = error;
  if (code === 'ContainerNotFound') {
    const hint = `There is no container ${container}; \`cairn init\` makes it.`;
    return { kind: 'STORAGE_UNREACHABLE', hint, retry: 'never' };
  }
  if (code === 'ContainerBeingDeleted') {
    return { kind: 'STORAGE_UNREACHABLE', hint: 'Azure is still deleting that container; wait.', retry: 'later' };
  }
  if (status === 401 || status === 403) return { kind: 'STORAGE_DENIED', hint: deniedHint(code), retry: 'never' };
  if (status === undefined || status === 408 || status === 429 || status >= 500) {
    const retry = systemCode(error) === 'ENOTFOUND' ? 'never' : 'later';
    return { kind: 'STORAGE_UNREACHABLE', hint: 'Azure does not answer or is too busy. Check the network.', retry };
  }
  return { kind: 'STORAGE_IO', hint: 'The documentation of Azure says what this code means.', retry: 'never' };
}

function deniedHint(code: string | undefined): string {
  return code === 'AuthenticationFailed'
    ? 'Check account, key and signature (SAS), its end date, and the clock of this machine.'
    : 'The key or signature (SAS) does not allow this: it has to read, write, delete and list.';
}

/** The package's errors carry the request with its signature, so that only their text goes on, without URLs. */
function safeCause(error: RestError): Error {
  return new Error(
    messageOf(error)
      .replaceAll(/https?:\/\/\S+/g, '[url]')
      .slice(0, 300),
  );
}

function isRestError(error: unknown): error is RestError {
  return error instanceof Error && error.name === 'RestError';
}
