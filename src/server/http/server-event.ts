// What servers tell of requests, for logs and numbers. No header and no query: those may hold secrets.
import type { IncomingMessage, ServerResponse } from 'node:http';

/** One request, after its answer. */
export interface RequestEvent {
  readonly type: 'request';
  readonly address: string;
  readonly user: string | undefined;
  readonly method: string;
  /** As it came, cut to a length for people: hostile until escaped. */
  readonly path: string;
  /** 0 where the connection ended before an answer. */
  readonly status: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly durationMs: number;
}

/** An error of the storage or of the server itself, which a client got as a status only. */
export interface FailureEvent {
  readonly type: 'failure';
  readonly method: string;
  readonly path: string;
  readonly error: unknown;
}

export type ServerEvent =
  | RequestEvent
  | FailureEvent
  | { readonly type: 'notice'; readonly level: 'info' | 'warning'; readonly message: string };

/** Of a request whose answer has ended. `startedMs` is of `performance.now()`. */
export function requestEvent(
  request: IncomingMessage,
  response: ServerResponse,
  served: Pick<RequestEvent, 'user' | 'receivedBytes' | 'sentBytes'> & { readonly startedMs: number },
): RequestEvent {
  const { user, receivedBytes, sentBytes, startedMs } = served;
  return {
    type: 'request',
    address: request.socket.remoteAddress ?? 'unix',
    user,
    ...askedFor(request),
    status: response.writableFinished ? response.statusCode : 0,
    receivedBytes,
    sentBytes,
    durationMs: performance.now() - startedMs,
  };
}

export function failureEvent(request: IncomingMessage, error: unknown): FailureEvent {
  return { type: 'failure', ...askedFor(request), error };
}

function askedFor(request: IncomingMessage): Pick<RequestEvent, 'method' | 'path'> {
  const [path = ''] = (request.url ?? '').split('?', 1);
  return { method: request.method ?? '', path: path.slice(0, 300) };
}
