import { utf8 } from '../../../base/bytes.ts';
import { CairnError, isCairnError } from '../../../base/errors.ts';
import { printable } from '../http/http-errors.ts';
import type { HttpResponse } from '../http/http-exchange.ts';
import { fieldsOf, parseJsonAnswer } from '../http/json-answer.ts';
import { encodeComponent, encodePath } from '../http/url-encoding.ts';
import type { SwiftClient } from './swift-client.ts';
import { strangeAnswer } from './swift-errors.ts';

/** Objects in one request: servers take 10,000, but make each removal in turn. */
export const REMOVE_BATCH = 1000;

/**
 * Removes up to 1,000 objects of a container by their keys with one request ("Bulk delete", Swift documentation). Every one
 * must be reported as gone. False where the server does not know such requests.
 */
export async function removeKeys(
  client: SwiftClient,
  container: string,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const action = `remove ${keys.length} objects`;
  const lines = keys.map((key) => `/${encodeComponent(container)}/${encodePath(key)}\n`);
  let response: HttpResponse;
  try {
    response = await client.send({
      method: 'POST',
      container: '',
      query: { 'bulk-delete': '' },
      headers: { 'content-type': 'text/plain', accept: 'application/json' },
      body: [utf8(lines.join(''))],
      repeatable: true,
      operation: 'BulkDelete',
      action,
      signal,
    });
  } catch (error) {
    const status = isCairnError(error) ? error.facts['status'] : undefined;
    if (status === 400 || status === 404 || status === 405 || status === 501) return false;
    throw error;
  }
  // A server without it takes the request for one that changes the account, and answers well with nothing.
  const result = fieldsOf(parseJsonAnswer(response));
  const { 'Number Deleted': deleted, 'Number Not Found': absent, Errors: errors, 'Response Status': status } = result;
  if (typeof deleted !== 'number' || typeof absent !== 'number') return false;
  const [first] = Array.isArray(errors) ? errors : [];
  if (first !== undefined) throw notRemoved(first);
  if (!String(status).startsWith('2')) throw strangeAnswer(action, printable(String(status)));
  if (deleted + absent !== keys.length) throw strangeAnswer(action, `word of ${deleted + absent} only`);
  return true;
}

/** `[path, status]`, as the answer has it. */
function notRemoved(entry: unknown): CairnError {
  const [path, status] = Array.isArray(entry) ? entry.map(String) : [];
  const code = Number.parseInt(status ?? '', 10);
  const isDenied = code === 401 || code === 403;
  const text = `cannot remove ${printable(decode(path ?? ''))}: the server says ${printable(status ?? '')}`;
  return new CairnError(isDenied ? 'STORAGE_DENIED' : 'STORAGE_IO', text, {
    hint: isDenied ? 'Check the role of this user in the project.' : 'Run the same command again.',
    retry: isDenied ? 'never' : 'later',
    facts: { status: code },
  });
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
