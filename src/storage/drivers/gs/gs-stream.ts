// Streams by resumable upload ("Resumable uploads", Cloud Storage documentation): a session that takes one piece after
// the other and says each time how much it holds. What is never ended costs nothing and is gone after a week.
//
//   POST …?uploadType=resumable                    -> 200, location: the session
//   PUT session, content-range: bytes 0-8388607/*  -> 308, range: bytes=0-8388607 (or less: the rest is sent again)
//   PUT session, content-range: bytes */*          -> 308, how far it is
//   PUT session, content-range: bytes */12582912   -> 200, and the object is there
import { createHash } from 'node:crypto';
import { utf8 } from '../../../base/bytes.ts';
import { CairnError, hasCode, isCairnError } from '../../../base/errors.ts';
import { runOnce } from '../../run-once.ts';
import type { ObjectName, WriteStreamOptions, WrittenStream } from '../../storage.ts';
import type { HttpResponse } from '../http/http-exchange.ts';
import { type StreamParts, unlessDone, writePartStream } from '../part-stream.ts';
import type { GsClient } from './gs-client.ts';
import { parseAnswer, strangeAnswer } from './gs-errors.ts';
import { parseSize } from './gs-listing.ts';
import { md5Of, uploadMetadata, uploadQuery, uploadWhole } from './gs-upload.ts';

/** Pieces have to be multiples of this, but for the last one. */
export const PIECE_UNIT: number = 256 * 1024;
/** How long a failed upload may take to be cleared away. */
const CANCEL_MS = 30_000;
const MORE = 308;
const SESSION_GONE = 'sessionGone';

/** Stores a stream. `partBytes` is a multiple of 256 KiB. */
export function writeGsStream(
  client: GsClient,
  name: ObjectName,
  chunks: AsyncIterable<Uint8Array>,
  options: WriteStreamOptions & { readonly partBytes: number },
): Promise<WrittenStream> {
  const { partBytes, perRequest = runOnce } = options;
  return writePartStream(
    chunks,
    { partBytes, sameSize: true, signal: options.signal },
    {
      whole(bytes, signal) {
        const what = `write ${name}`;
        const put = (): Promise<void> => uploadWhole(client, name, [bytes], { ...options, signal });
        const stored = { sizeBytes: bytes.length, md5: md5Of([bytes]) };
        return perRequest(
          { what, signal },
          unlessDone(put, (error) => isStored(client, name, stored, error, signal)),
        );
      },
      parts: (parts, signal) => uploadPieces(client, name, parts, { ...options, signal }),
    },
  );
}

type StreamOptions = WriteStreamOptions & { readonly partBytes: number; readonly signal: AbortSignal };

async function uploadPieces(
  client: GsClient,
  name: ObjectName,
  { stop, memory, blocks }: StreamParts,
  options: StreamOptions,
): Promise<void> {
  const { perRequest = runOnce, signal } = options;
  const what = `begin to write ${name}`;
  const url = await perRequest({ what, signal }, () => begin(client, name, options));
  const session = new UploadSession(client, name, url, options);
  const hash = createHash('md5');
  const source = blocks[Symbol.asyncIterator]();
  // The next piece is gathered while one is sent.
  let next = source.next();
  try {
    for (let index = 1; ; index++) {
      const step = await next;
      if (step.done === true) break;
      next = source.next();
      // Its failure is heard of when its turn comes, or not at all when this one fails first.
      next.catch(() => {});
      hash.update(step.value);
      const isLast = step.value.length < options.partBytes;
      await perRequest({ what: `write part ${index} of ${name}`, signal }, session.sending(step.value, isLast));
      memory.release(step.value);
    }
    await perRequest({ what: `write ${name}`, signal }, session.ending(hash.digest('base64')));
  } catch (error) {
    stop.abort(error);
    await session.cancel();
    throw error;
  }
}

async function begin(client: GsClient, name: ObjectName, options: StreamOptions): Promise<URL> {
  const action = `write ${name}`;
  const { headers } = await client.send({
    method: 'POST',
    path: client.uploadPath,
    query: { uploadType: 'resumable', ...uploadQuery(client, name, options) },
    headers: { 'content-type': 'application/json; charset=UTF-8' },
    body: [utf8(JSON.stringify(uploadMetadata(client.location, options)))],
    repeatable: true,
    name,
    creates: true,
    operation: 'StartUpload',
    action,
    signal: options.signal,
  });
  return URL.parse(headers.location ?? '') ?? fail(action, 'no session of the upload');
}

class UploadSession {
  readonly #client: GsClient;
  readonly #name: ObjectName;
  readonly #url: URL;
  readonly #options: StreamOptions;
  /** Bytes that Google holds for certain. */
  #heldBytes = 0;
  /** Bytes of all pieces before the one that is sent. */
  #pieceStart = 0;
  /** The object, once an answer has described it. */
  #stored: Readonly<Record<string, unknown>> | undefined;

  constructor(client: GsClient, name: ObjectName, url: URL, options: StreamOptions) {
    this.#client = client;
    this.#name = name;
    this.#url = url;
    this.#options = options;
  }

  /** Sends a piece, all of it. Called again, goes on from where Google says that it is. */
  sending(piece: Uint8Array, isLast: boolean): () => Promise<void> {
    const start = this.#pieceStart;
    const end = start + piece.length;
    let tries = 0;
    return async () => {
      if (++tries > 1) this.#take(await this.#put(`*/${isLast ? end : '*'}`, []), end);
      while (this.#heldBytes < end && this.#stored === undefined) {
        const from = this.#heldBytes;
        const range = `${from}-${end - 1}/${isLast ? end : '*'}`;
        this.#take(await this.#put(range, [piece.subarray(from - start)]), end);
        if (this.#heldBytes <= from && this.#stored === undefined)
          throw strangeAnswer(`write ${this.#name}`, 'no byte of the piece taken');
      }
      this.#pieceStart = end;
    };
  }

  /** Ends the upload, unless its last piece has done so, and looks whether the object is the one that was sent. */
  ending(md5: string): () => Promise<void> {
    const stored = { sizeBytes: this.#pieceStart, md5 };
    const { signal } = this.#options;
    return unlessDone(
      async () => {
        if (this.#stored === undefined) this.#take(await this.#put(`*/${stored.sizeBytes}`, []), stored.sizeBytes);
        if (this.#stored === undefined) throw strangeAnswer(`write ${this.#name}`, 'an upload that does not end');
        await this.#verify(this.#stored, stored);
      },
      (error) => isStored(this.#client, this.#name, stored, error, signal),
    );
  }

  /** Has Google drop the upload; also after an abort. */
  async cancel(): Promise<void> {
    if (this.#stored !== undefined) return;
    try {
      await this.#client.send({
        method: 'DELETE',
        path: this.#url,
        name: this.#name,
        // Google says 499 to what it has dropped.
        accept: [404, 410, 499],
        operation: 'CancelUpload',
        action: `clear away the upload of ${this.#name}`,
        signal: AbortSignal.timeout(CANCEL_MS),
      });
    } catch {
      // The first error says more; what is left costs nothing and ends by itself.
    }
  }

  async #put(range: string, body: readonly Uint8Array[]): Promise<HttpResponse> {
    const response = await this.#client.send({
      method: 'PUT',
      path: this.#url,
      headers: { 'content-range': `bytes ${range}` },
      body,
      name: this.#name,
      accept: [MORE, 404, 410],
      pace: this.#options.pace,
      operation: 'UploadPart',
      action: `write ${this.#name}`,
      signal: this.#options.signal,
    });
    if (response.status !== 404 && response.status !== 410) return response;
    throw new CairnError('STORAGE_IO', `cannot write ${this.#name}: Google does not know this upload any more`, {
      hint: 'It took more than a week, or somebody ended it. Write the object again.',
      facts: { name: this.#name, reason: SESSION_GONE },
    });
  }

  #take(response: HttpResponse, end: number): void {
    const { status, headers } = response;
    if (status !== MORE) {
      this.#stored = parseAnswer(response, `write ${this.#name}`);
      this.#heldBytes = end;
      return;
    }
    const last = /^bytes[= ]0-(\d+)$/u.exec(headers.range ?? '')?.[1];
    const held = last === undefined ? 0 : Number(last) + 1;
    // What was held once is not taken back, and no more can be there than was sent.
    if (held < this.#pieceStart || held > end) throw strangeAnswer(`write ${this.#name}`, `${held} bytes held`);
    this.#heldBytes = held;
  }

  /** The bytes came over one connection after the other: the sum of all tells whether they are the ones. */
  async #verify(object: Readonly<Record<string, unknown>>, wanted: Stored): Promise<void> {
    const action = `write ${this.#name}`;
    const { size, md5Hash, generation } = object;
    const isWanted = parseSize(size, this.#name, action) === wanted.sizeBytes;
    if (isWanted && (md5Hash === undefined || md5Hash === wanted.md5)) return;
    const isRemoved = await this.#removeStored(generation);
    throw new CairnError('STORAGE_IO', `cannot ${action}: other bytes arrived than were sent`, {
      hint: `The object was ${isRemoved ? '' : 'not '}removed again. Check the memory of this machine, and write it again.`,
      facts: { name: this.#name },
    });
  }

  /** Removes the object, unless another one has taken its place. */
  async #removeStored(generation: unknown): Promise<boolean> {
    try {
      await this.#client.send({
        method: 'DELETE',
        path: this.#client.objectPath(this.#name),
        query: typeof generation === 'string' ? { ifGenerationMatch: generation } : {},
        name: this.#name,
        accept: [404, 412],
        operation: 'DeleteObject',
        action: `remove ${this.#name}`,
        signal: this.#options.signal,
      });
      return true;
    } catch {
      return false;
    }
  }
}

interface Stored {
  readonly sizeBytes: number;
  readonly md5: string;
}

/** Whether the object that is in the way, or that is there where the session is not known any more, is this one. */
async function isStored(
  client: GsClient,
  name: ObjectName,
  { sizeBytes, md5 }: Stored,
  error: unknown,
  signal: AbortSignal,
): Promise<boolean> {
  const isGone = isCairnError(error) && error.facts['reason'] === SESSION_GONE;
  if (!isGone && !hasCode(error, 'OBJECT_EXISTS')) return false;
  const action = `look at ${name}`;
  const response = await client.send({
    method: 'GET',
    path: client.objectPath(name),
    query: { fields: 'size,md5Hash' },
    name,
    accept: [404],
    operation: 'GetObject',
    action,
    signal,
  });
  if (response.status === 404) return false;
  const { size, md5Hash } = parseAnswer(response, action);
  return parseSize(size, name, action) === sizeBytes && md5Hash === md5;
}

function fail(action: string, what: string): never {
  throw strangeAnswer(action, what);
}
