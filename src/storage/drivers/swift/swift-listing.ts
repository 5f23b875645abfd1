import { isObjectName } from '../../object-name.ts';
import type { ObjectInfo } from '../../storage.ts';
import { type Fields, fieldsOf, parseJsonAnswer } from '../http/json-answer.ts';
import type { SwiftClient } from './swift-client.ts';
import { strangeAnswer } from './swift-errors.ts';

export interface ListedKeys {
  /** Another container than that of the objects. */
  readonly container?: string | undefined;
  /** Of whole keys. */
  readonly prefix: string;
  /** Keys are given up to the next one of these behind the prefix, as `subdir`. */
  readonly delimiter?: string | undefined;
  readonly action: string;
  readonly signal?: AbortSignal | undefined;
}

/** Objects below `prefix`, page after page, one request each. */
export async function* listSwift(
  client: SwiftClient,
  prefix: string,
  signal?: AbortSignal,
): AsyncGenerator<ObjectInfo> {
  const action = prefix === '' ? 'list the storage' : `list ${prefix}`;
  const below = client.keyOf('');
  for await (const { name: key, bytes } of listKeys(client, { prefix: below + prefix, action, signal })) {
    if (typeof key !== 'string') throw strangeAnswer(action, 'an object without a name');
    const name = key.slice(below.length);
    // Others may keep things of their own there, such as `folder/` of web consoles: those are no objects of ours.
    if (!isObjectName(name)) continue;
    if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0)
      throw strangeAnswer(action, `no size of ${name}`);
    yield { name, sizeBytes: bytes };
  }
}

/** Entries of a listing, as the server has them. A page that does not go on from the one before ends in an error. */
export async function* listKeys(client: SwiftClient, listed: ListedKeys): AsyncGenerator<Fields> {
  const { container, prefix, delimiter, action, signal } = listed;
  let marker: string | undefined;
  for (;;) {
    const response = await client.send({
      method: 'GET',
      container,
      query: {
        format: 'json',
        prefix,
        ...(delimiter === undefined ? {} : { delimiter }),
        ...(marker === undefined ? {} : { marker }),
      },
      largestBody: Number.MAX_SAFE_INTEGER,
      operation: 'ListObjects',
      action,
      signal,
    });
    const page = response.status === 204 ? [] : parseJsonAnswer(response);
    if (!Array.isArray(page)) throw strangeAnswer(action, 'something that is no listing');
    // How many entries a page may have is the server's affair; only one without any is the last for certain.
    if (page.length === 0) return;
    let last: string | undefined;
    for (const entry of page as readonly unknown[]) {
      const fields = fieldsOf(entry);
      last = keyOf(fields);
      if (last === undefined || !last.startsWith(prefix)) throw strangeAnswer(action, 'an entry from elsewhere');
      yield fields;
    }
    if (last === marker) throw strangeAnswer(action, 'the same part of a list again');
    marker = last;
  }
}

function keyOf({ name, subdir }: Fields): string | undefined {
  const key = name ?? subdir;
  return typeof key === 'string' ? key : undefined;
}
