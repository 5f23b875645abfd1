import { isObjectName } from '../../object-name.ts';
import type { ObjectInfo } from '../../storage.ts';
import { fieldsOf } from '../http/json-answer.ts';
import type { GsClient } from './gs-client.ts';
import { strangeAnswer } from './gs-errors.ts';

/** Objects below `prefix`, page after page, one request each. A page that does not say how to go on ends in an error. */
export async function* listGs(client: GsClient, prefix: string, signal?: AbortSignal): AsyncGenerator<ObjectInfo> {
  const action = prefix === '' ? 'list the storage' : `list ${prefix}`;
  const below = client.keyOf('');
  let token: string | undefined;
  do {
    const page = await client.sendForJson({
      method: 'GET',
      path: `${client.bucketPath}/o`,
      query: {
        prefix: below + prefix,
        fields: 'items(name,size),nextPageToken',
        ...(token === undefined ? {} : { pageToken: token }),
      },
      operation: 'ListObjects',
      action,
      signal,
    });
    // A page of nothing has no items, and nothing at all where it is the last one.
    const { items = [], nextPageToken } = page;
    if (!Array.isArray(items)) throw strangeAnswer(action, 'something that is no listing');
    for (const item of items as readonly unknown[]) {
      const info = objectOf(item, below, prefix, action);
      if (info !== undefined) yield info;
    }
    token = nextToken(nextPageToken, token, action);
  } while (token !== undefined);
}

function objectOf(item: unknown, below: string, prefix: string, action: string): ObjectInfo | undefined {
  const { name: key, size } = fieldsOf(item);
  if (typeof key !== 'string') throw strangeAnswer(action, 'an object without a name');
  const name = key.slice(below.length);
  // Others may keep things of their own there, such as `folder/` of web consoles: those are no objects of ours.
  if (!key.startsWith(below) || !name.startsWith(prefix) || !isObjectName(name)) return undefined;
  return { name, sizeBytes: parseSize(size, name, action) };
}

/** The size of an object, which JSON has as text. */
export function parseSize(size: unknown, name: string, action: string): number {
  const sizeBytes = typeof size === 'string' && /^\d+$/u.test(size) ? Number(size) : Number.NaN;
  if (!Number.isSafeInteger(sizeBytes)) throw strangeAnswer(action, `no size of ${name}`);
  return sizeBytes;
}

/** A server that goes round in circles is refused. */
function nextToken(next: unknown, current: string | undefined, action: string): string | undefined {
  if (next === undefined || next === '') return undefined;
  if (typeof next !== 'string' || next === current) throw strangeAnswer(action, 'a part of a list without a next one');
  return next;
}
