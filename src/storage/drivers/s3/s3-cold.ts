import { utf8 } from '../../../base/bytes.ts';
import { CairnError, hasCode, isCairnError } from '../../../base/errors.ts';
import { checkObjectName } from '../../object-name.ts';
import type {
  ColdObjectInfo,
  ColdStorage,
  ObjectInfo,
  ObjectName,
  RetrieveOptions,
  StorageOptions,
} from '../../storage.ts';
import {
  type ColdHeaders,
  isReadableClass,
  objectState,
  publishedRetrievalMs,
  restoreRequest,
} from './restore-status.ts';
import type { S3Client } from './s3-client.ts';
import { listS3Pages } from './s3-listing.ts';
import { contentMd5, type Headers } from './write-headers.ts';

/** The cold classes of a bucket: a listing tells the classes, HEAD the state of an object, RestoreObject asks for a copy. */
export function s3Cold(client: S3Client, keyHeaders: Headers): ColdStorage {
  return {
    state: (name, options) => stateOf(client, keyHeaders, name, options),
    readable: (names, options) => readable(client, names, options),
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

async function readable(
  client: S3Client,
  names: ReadonlySet<ObjectName>,
  { signal }: StorageOptions = {},
): Promise<ReadonlyMap<ObjectName, ObjectInfo>> {
  const found = new Map<ObjectName, ObjectInfo>();
  let requests = 0;
  if (names.size < 2) return found;
  for await (const page of listS3Pages(client, commonFolder(names), signal)) {
    for (const { name, sizeBytes, storageClass } of page) {
      if (names.has(name) && isReadableClass(storageClass)) found.set(name, { name, sizeBytes });
    }
    // From here on, asking for each would have been as quick.
    if (++requests >= names.size) break;
  }
  return found;
}

function commonFolder(names: ReadonlySet<ObjectName>): string {
  let common: string | undefined;
  for (const name of names) {
    const folder = name.slice(0, name.lastIndexOf('/') + 1);
    common ??= folder;
    while (!folder.startsWith(common)) common = common.slice(0, common.lastIndexOf('/', common.length - 2) + 1);
  }
  return common ?? '';
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
