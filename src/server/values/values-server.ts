// Answers the signed URLs of values, and nothing else: no listing, no other object, no method that changes anything.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ValueUrlRequest } from '../../values/signed-url.ts';
import type { ValueUrlAnswer } from '../../values/value-url.ts';
import { type Answer, answerOfError, sendAnswer, textAnswer } from '../http/answer.ts';
import { ByteBudget } from '../http/byte-budget.ts';
import { HttpListener, type HttpListenerOptions } from '../http/http-listener.ts';
import { finished, limitRest, signalOf } from '../http/request-lifetime.ts';
import { failureEvent, requestEvent, type ServerEvent } from '../http/server-event.ts';

const MIB = 1024 * 1024;
/** What all answers together hold; a value has up to 17 MiB as it is stored. */
const DOWNLOAD_MEMORY_BYTES = 128 * MIB;
/** Nobody has anything to send here. */
const MAX_BODY_BYTES = 64 * 1024;

/** Who knows whether a URL is good: `vault.values`. */
export interface ValueUrls {
  answerUrl(request: ValueUrlRequest, options: { readonly signal?: AbortSignal | undefined }): Promise<ValueUrlAnswer>;
}

export interface ValuesServerOptions extends HttpListenerOptions {
  /** A client that takes nothing for so long is cut off. */
  readonly stallMs?: number;
  readonly onEvent?: (event: ServerEvent) => void;
}

/** Resolves once it listens. Disposing it lets running requests end first. */
export async function startValuesServer(values: ValueUrls, options: ValuesServerOptions): Promise<ValuesServer> {
  const server = new ValuesServer(values, options);
  await server.listen();
  return server;
}

class ValuesServer extends HttpListener {
  readonly #values: ValueUrls;
  readonly #options: ValuesServerOptions;
  readonly #memory = new ByteBudget(DOWNLOAD_MEMORY_BYTES);

  constructor(values: ValueUrls, options: ValuesServerOptions) {
    super(options);
    this.#values = values;
    this.#options = options;
  }

  protected override async serve(
    request: IncomingMessage,
    response: ServerResponse,
    awaitsInvitation: boolean,
  ): Promise<void> {
    const startedMs = performance.now();
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    // A small body is read and dropped, as of clients that do not ask first.
    if (awaitsInvitation) response.writeContinue();
    response.setHeader('Cache-Control', 'private, no-store');
    // The URL is the password: no page that is shown here may pass it on.
    response.setHeader('Referrer-Policy', 'no-referrer');
    // An answer that does not move holds memory that others wait for.
    response.setTimeout(this.#options.stallMs ?? 60_000, () => response.destroy());
    const sentBytes = await this.#answer(request, { path, query, method: request.method ?? '' }, response);
    limitRest(request, response, MAX_BODY_BYTES);
    await finished(response);
    this.#options.onEvent?.(
      requestEvent(request, response, { startedMs, user: undefined, receivedBytes: 0, sentBytes }),
    );
  }

  /** Never throws: whatever goes wrong becomes a status. Returns the bytes of a value that were sent. */
  async #answer(request: IncomingMessage, asked: ValueUrlRequest, response: ServerResponse): Promise<number> {
    const signal = signalOf(response);
    const isHead = asked.method === 'HEAD';
    try {
      if (asked.path === '/healthz' && (isHead || asked.method === 'GET')) {
        sendAnswer(textAnswer(200, 'ok'), response, isHead);
        return 0;
      }
      const answer = await this.#values.answerUrl(asked, { signal });
      if (answer.kind === 'value') return await this.#send(answer, response, isHead, signal);
      sendAnswer(refusals[answer.kind], response, isHead);
    } catch (error) {
      const answer = answerOfError(error);
      const isOurs = answer.kind === 'text' && answer.status >= 500;
      if (isOurs && !signal.aborted) this.#options.onEvent?.(failureEvent(request, error));
      sendAnswer(answer, response, isHead);
    }
    return 0;
  }

  async #send(
    value: Extract<ValueUrlAnswer, { kind: 'value' }>,
    response: ServerResponse,
    isHead: boolean,
    signal: AbortSignal,
  ): Promise<number> {
    const { contentType, contentEncoding, sizeBytes } = value;
    const setHead = (bytes: number): void => {
      response.setHeader('Content-Type', contentType);
      if (contentEncoding !== undefined) response.setHeader('Content-Encoding', contentEncoding);
      response.setHeader('Content-Length', bytes);
    };
    if (isHead) {
      setHead(sizeBytes);
      response.end();
      return 0;
    }
    using _held = await this.#memory.take(Math.min(sizeBytes, DOWNLOAD_MEMORY_BYTES), signal);
    const bytes = await value.read({ signal });
    setHead(bytes.length);
    // Held until the client has them: that is what the budget bounds. Ended only then, because a server that closes takes
    // a connection whose answer has ended for an idle one, and cuts it off.
    await Promise.race([new Promise<void>((resolve) => response.write(bytes, () => resolve())), finished(response)]);
    response.end();
    await finished(response);
    return response.writableFinished ? bytes.length : 0;
  }
}

export type { ValuesServer };

// One answer for all that is not signed: it tells a guesser nothing.
const refusals: Readonly<Record<'refused' | 'missing', Answer>> = {
  refused: textAnswer(403, 'this URL is not good, or not any more'),
  missing: textAnswer(404, 'there is no such value'),
};
