// From the first byte of a request to the last of its answer, whatever the client does meanwhile.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { CairnError } from '../../base/errors.ts';

/** Aborts when the client is gone before it had its answer. */
export function signalOf(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(new CairnError('ABORTED', 'the client is gone'));
  });
  return controller.signal;
}

const REST_MS = 30_000;

/** Bounds what is read of a body whose request was answered before it came: enough for the client to see the answer. */
export function limitRest(request: IncomingMessage, response: ServerResponse, maxBytes: number): void {
  if (request.complete || request.destroyed) return;
  let bytes = 0;
  const timer = setTimeout(() => request.destroy(), REST_MS);
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBytes) request.destroy();
  });
  const stop = (): void => clearTimeout(timer);
  request.once('end', stop);
  request.once('close', stop);
  response.once('close', stop);
}

export function finished(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.writableFinished || response.destroyed) resolve();
    else response.once('close', resolve);
  });
}
