import { utf8 } from '../../../base/bytes.ts';
import { CairnError, hasCode, isCairnError } from '../../../base/errors.ts';
import { checkObjectName } from '../../object-name.ts';
import type { ColdObjectInfo, ColdStorage, ObjectName, RetrieveOptions, StorageOptions } from '../../storage.ts';
import { type ColdHeaders, objectState, publishedRetrievalMs, restoreRequest } from './restore-status.ts';
import type { S3Client } from './s3-client.ts';
import { contentMd5, type Headers } from './write-headers.ts';

/** The cold classes of a bucket: HEAD tells the state of an object, RestoreObject asks for a copy. */
export function s3Cold(client: S3Client, keyHeaders: Headers): ColdStorage {
  return {
    state: (name, options) => stateOf(client, keyHeaders, name, options),
    retrieve: (name, options) => retrieve(client, name, options),
    publishedMs: publishedRetrievalMs,
  };
}

async function stateOf(
  client: S3Client,
  keyHeaders: Headers,
  name: ObjectName,
  { signal }: StorageOptions = {},
): Promise<ColdObjectInfo | undefined> {
  checkObjectName(name);
  signal?.throwIfAborted();
  try {
    const { headers } = await client.send({
      method: 'HEAD',
      name,
      headers: keyHeaders,
      operation: 'HeadObject',
      action: `look at ${name}`,
      signal,
    });
    const sizeBytes = Number(headers['content-length'] ?? Number.NaN);
    if (!Number.isSafeInteger(sizeBytes)) {
      throw new CairnError('STORAGE_IO', `cannot look at ${name}: the server does not tell its size`);
    }
    return { name, sizeBytes, state: objectState(coldHeaders(headers)) };
  } catch (error) {
    if (hasCode(error, 'OBJECT_MISSING')) return undefined;
    throw error;
  }
}

async function retrieve(client: S3Client, name: ObjectName, options: RetrieveOptions): Promise<void> {
  checkObjectName(name);
  const { storageClass, tier, days, signal } = options;
  signal?.throwIfAborted();
  if (publishedRetrievalMs(storageClass, tier) === undefined) {
    throw new CairnError('NOT_SUPPORTED', `cannot retrieve ${name}: ${storageClass} has no ${tier} retrieval`);
  }
  const body = [utf8(restoreRequest(storageClass, tier, days))];
  try {
    await client.send({
      method: 'POST',
      name,
      query: { restore: '' },
      headers: { 'content-type': 'application/xml', 'content-md5': contentMd5(body) },
      body,
      operation: 'RestoreObject',
      action: `ask for the retrieval of ${name}`,
      signal,
    });
  } catch (error) {
    // Somebody was quicker.
    if (!isCairnError(error) || error.facts['reason'] !== 'RestoreAlreadyInProgress') throw error;
  }
}

function coldHeaders(headers: Readonly<Record<string, string | readonly string[] | undefined>>): ColdHeaders {
  const text = (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    'x-amz-storage-class': text('x-amz-storage-class'),
    'x-amz-restore': text('x-amz-restore'),
    'x-amz-archive-status': text('x-amz-archive-status'),
  };
}
