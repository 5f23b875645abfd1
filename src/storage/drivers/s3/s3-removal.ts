import { utf8 } from '../../../base/bytes.ts';
import { CairnError, hasCode } from '../../../base/errors.ts';
import { printable } from '../http/http-errors.ts';
import type { ObjectName } from '../../storage.ts';
import type { S3Client } from './s3-client.ts';
import { sendForXml, strange } from './s3-listing.ts';
import { explainHeld } from './s3-object-lock.ts';
import { contentMd5, type Headers } from './write-headers.ts';
import { childrenOf, escapeXml, textOf } from './xml.ts';

/** DeleteObjects takes so many keys. */
export const REMOVE_BATCH = 1000;
// What may be better at the next try, of the errors that S3 gives for single keys.
const PASSING = new Set(['InternalError', 'SlowDown', 'ServiceUnavailable', 'OperationAborted']);

/** Removes one object; one that is gone already is no error. */
export async function removeOne(
  client: S3Client,
  name: ObjectName,
  keyHeaders: Headers,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await client.send({ method: 'DELETE', name, operation: 'DeleteObject', action: `remove ${name}`, signal });
  } catch (error) {
    if (!hasCode(error, 'OBJECT_MISSING')) throw await explainHeld(client, name, error, keyHeaders, signal);
  }
}

/**
 * Removes up to 1,000 objects with one request. Every one must be reported as gone: some servers answer well and
 * do nothing. False where the server does not know such requests.
 */
export async function removeBatch(
  client: S3Client,
  names: readonly ObjectName[],
  keyHeaders: Headers,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const action = `remove ${names.length} objects`;
  const keys = new Map(names.map((name) => [client.keyOf(name), name]));
  const objects = Array.from(keys.keys(), (key) => `<Object><Key>${escapeXml(key)}</Key></Object>`);
  const body = [utf8(`<Delete>${objects.join('')}</Delete>`)];
  try {
    const result = await sendForXml(client, 'DeleteResult', {
      method: 'POST',
      query: { delete: '' },
      headers: { 'content-type': 'application/xml', 'content-md5': contentMd5(body) },
      body,
      operation: 'DeleteObjects',
      action,
      signal,
    });
    const failed = childrenOf(result, 'Error').find((error) => textOf(error, 'Code') !== 'NoSuchKey');
    if (failed !== undefined) {
      const key = textOf(failed, 'Key') ?? '';
      const name = keys.get(key) ?? key;
      const refusal = notRemoved(name, textOf(failed, 'Code') ?? '', textOf(failed, 'Message') ?? '');
      throw await explainHeld(client, name, refusal, keyHeaders, signal);
    }
    for (const element of result.children) keys.delete(textOf(element, 'Key') ?? '');
    const [left] = keys.values();
    if (left !== undefined) throw strange(action, `no word about ${left}`);
    return true;
  } catch (error) {
    if (hasCode(error, 'NOT_SUPPORTED')) return false;
    throw error;
  }
}

function notRemoved(name: ObjectName, code: string, message: string): CairnError {
  const denied = code === 'AccessDenied';
  const text = `cannot remove ${printable(name)}: the server says ${printable(`${code} ${message}`)}`;
  return new CairnError(denied ? 'STORAGE_DENIED' : 'STORAGE_IO', text, {
    hint: denied
      ? 'The object may be locked (object lock, legal hold), or these keys may lack s3:DeleteObject.'
      : 'Run the same command again.',
    retry: PASSING.has(code) ? 'later' : 'never',
    facts: { name, reason: code },
  });
}
