import { utf8Lossy } from '../../../base/bytes.ts';
import { CairnError, type Retry } from '../../../base/errors.ts';
import { isObjectName } from '../../object-name.ts';
import type { ObjectInfo } from '../../storage.ts';
import type { S3Client, S3Operation } from './s3-client.ts';
import { childrenOf, parseXml, textOf, type XmlElement } from './xml.ts';

/** An object as a listing shows it. */
export interface ListedS3Object extends ObjectInfo {
  /** None where the server tells no classes. */
  readonly storageClass: string | undefined;
}

/** Objects below `prefix`. */
export async function* listS3(client: S3Client, prefix: string, signal?: AbortSignal): AsyncGenerator<ObjectInfo> {
  for await (const page of listS3Pages(client, prefix, signal)) {
    for (const { name, sizeBytes } of page) yield { name, sizeBytes };
  }
}

/** The same page after page (ListObjectsV2), one request each. A page that does not say how to go on ends in an error. */
export async function* listS3Pages(
  client: S3Client,
  prefix: string,
  signal?: AbortSignal,
): AsyncGenerator<readonly ListedS3Object[]> {
  const action = prefix === '' ? 'list the storage' : `list ${prefix}`;
  const below = client.keyOf('');
  let token: string | undefined;
  do {
    const page = await sendForXml(client, 'ListBucketResult', {
      method: 'GET',
      query: {
        'list-type': '2',
        prefix: below + prefix,
        ...(token === undefined ? {} : { 'continuation-token': token }),
      },
      operation: 'ListObjectsV2',
      action,
      signal,
    });
    yield [...objectsOf(page, below, prefix)];
    token = nextToken(page, 'NextContinuationToken', token, action);
  } while (token !== undefined);
}

function* objectsOf(page: XmlElement, below: string, prefix: string): Generator<ListedS3Object> {
  for (const entry of childrenOf(page, 'Contents')) {
    const key = textOf(entry, 'Key') ?? '';
    const name = key.slice(below.length);
    // Others may keep things of their own there, such as `folder/` of web consoles: those are no objects of ours.
    if (!key.startsWith(below) || !name.startsWith(prefix) || !isObjectName(name)) continue;
    const sizeBytes = Number(textOf(entry, 'Size'));
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw strange('list the storage', `no size of ${name}`);
    yield { name, sizeBytes, storageClass: textOf(entry, 'StorageClass') };
  }
}

/** How to ask for the next page; undefined after the last. A server that goes round in circles is refused. */
export function nextToken(
  page: XmlElement,
  element: string,
  current: string | undefined,
  action: string,
): string | undefined {
  if (textOf(page, 'IsTruncated') !== 'true') return undefined;
  const next = textOf(page, element);
  if (next === undefined || next === '' || next === current)
    throw strange(action, 'a part of a list without a next one');
  return next;
}

/** Sends an operation whose answer is a document with this root, or one of these. */
export async function sendForXml(
  client: S3Client,
  root: string | readonly string[],
  operation: S3Operation,
): Promise<XmlElement> {
  const { body } = await client.send(operation);
  let element: XmlElement;
  try {
    element = parseXml(utf8Lossy(body));
  } catch (error) {
    // Half of a document may be whole the next time; a login page will not be a listing then either.
    const isCutOff = utf8Lossy(body.subarray(0, 5)) === '<?xml';
    throw strange(operation.action, 'something that is no XML of S3', {
      cause: error,
      retry: isCutOff ? 'later' : 'never',
    });
  }
  const roots = typeof root === 'string' ? [root] : root;
  if (!roots.includes(element.name))
    throw strange(operation.action, `an element ${element.name} instead of ${roots.join(' or ')}`, { retry: 'never' });
  return element;
}

/** The error of an answer that S3 does not give. Not to be trusted, so not to be gone on with. */
export function strange(
  action: string,
  what: string,
  { cause, retry = 'later' }: { readonly cause?: unknown; readonly retry?: Retry } = {},
): CairnError {
  return new CairnError('STORAGE_IO', `cannot ${action}: the server answers with ${what}`, {
    hint: 'Check that the endpoint is an S3 server, and not a login page or a proxy.',
    retry,
    cause,
  });
}
