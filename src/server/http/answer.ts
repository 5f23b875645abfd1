import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { isCairnError } from '../../base/errors.ts';
import type { ErrorCode } from '../../base/error-codes.ts';

/** What a request gets. `sent`: the body went out while it was read. */
export type Answer =
  | {
      readonly kind: 'text';
      readonly status: number;
      readonly text: string;
      readonly headers?: OutgoingHttpHeaders | undefined;
    }
  | { readonly kind: 'sent' };

// What a client may do about it decides the status: restic and Cairn give up at once on 401, 403, 404, 413, 416 and
// 507, and try again after others.
const statusOfCode: Partial<Record<ErrorCode, number>> = {
  OBJECT_MISSING: 404,
  OBJECT_EXISTS: 403,
  OBJECT_NAME_INVALID: 404,
  OBJECT_TRUNCATED: 416,
  STORAGE_FULL: 507,
  STORAGE_READ_ONLY: 403,
  STORAGE_APPEND_ONLY: 403,
  STORAGE_UNREACHABLE: 503,
};

// What a person behind a client reads, and our own client goes by.
const textOfCode: Partial<Record<ErrorCode, string>> = {
  STORAGE_READ_ONLY: 'read-only: nothing can be written or removed',
  STORAGE_APPEND_ONLY: 'append-only: nothing can be replaced or removed',
};

export function textAnswer(status: number, text: string, headers?: OutgoingHttpHeaders): Answer {
  return { kind: 'text', status, text: `${text}\n`, headers };
}

/** The answer for what was thrown. Says the code or a text of its own: messages name paths of this machine, which are nobody's business. */
export function answerOfError(error: unknown): Answer {
  if (!isCairnError(error)) return textAnswer(500, 'INTERNAL');
  const status = statusOfCode[error.code] ?? 500;
  return textAnswer(status, textOfCode[error.code] ?? error.code, status === 503 ? { 'Retry-After': '10' } : undefined);
}

/** Sends an answer, unless its head is out already: then only cutting the connection tells that something went wrong. */
export function sendAnswer(answer: Answer, response: ServerResponse, isHead: boolean): void {
  if (answer.kind === 'sent') return;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(answer.status, {
    'Content-Type': 'text/plain; charset=utf-8',
    ...answer.headers,
    'Content-Length': Buffer.byteLength(answer.text),
  });
  response.end(isHead ? undefined : answer.text);
}
