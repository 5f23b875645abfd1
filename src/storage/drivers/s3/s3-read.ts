import { mapConcurrent } from '../../../base/concurrency.ts';
import { CairnError, isCairnError } from '../../../base/errors.ts';
import { type ObjectRange, resolveRange, truncated } from '../../object-range.ts';
import type { ObjectName, ReadOptions } from '../../storage.ts';
import { parseContentRange } from '../http/content-range.ts';
import { handOver } from '../http/hand-over.ts';
import type { HttpRequest, HttpResponse } from '../http/http-exchange.ts';
import type { S3Client } from './s3-client.ts';
import type { Headers } from './write-headers.ts';

export interface ReadSettings {
  /** Longer ranges are read in pieces of this size, several at once. */
  readonly pieceBytes: number;
  readonly connections: number;
  readonly keyHeaders: Headers;
  /** Of this read. */
  readonly pace?: ReadOptions['pace'];
  readonly onBytes?: ReadOptions['onBytes'];
}

/** All of an object, or a range of it that has one byte at least. */
export async function readS3(
  client: S3Client,
  name: ObjectName,
  options: ReadOptions,
  settings: ReadSettings,
): Promise<Uint8Array<ArrayBuffer>> {
  const { offset = 0, length, signal, pace, onBytes } = options;
  const how = { ...settings, pace, onBytes };
  // What is handed over needs no memory, and one request is as good as several pieces where there are other reads.
  if (length !== undefined && length > 0 && onBytes !== undefined)
    return readRange(client, name, { offset, length }, how, signal);
  if (offset === 0 && length === undefined) return (await get(client, name, undefined, how, signal)).body;
  if (length === undefined || length <= settings.pieceBytes)
    return readRange(client, name, { offset, length }, how, signal);
  return readPieces(client, name, { offset, length }, how, signal);
}

async function readPieces(
  client: S3Client,
  name: ObjectName,
  { offset, length }: ObjectRange,
  settings: ReadSettings,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const { pieceBytes, connections } = settings;
  const starts = Array.from({ length: Math.ceil(length / pieceBytes) }, (_, index) => index * pieceBytes);
  const [first = 0, ...others] = starts;
  // The first piece tells whether the whole range is there, before memory for all of it is taken.
  const head = await readRange(client, name, { offset, length: pieceBytes }, settings, signal, offset + length);
  const whole = Buffer.allocUnsafeSlow(length);
  whole.set(head, first);
  await mapConcurrent(others, { limit: connections, signal }, async (start) => {
    const piece = { offset: offset + start, length: Math.min(pieceBytes, length - start) };
    whole.set(await readRange(client, name, piece, settings, signal), start);
  });
  return whole;
}

interface WantedRange {
  readonly offset: number;
  readonly length: number | undefined;
}

/** One range. The object must reach to `end` at least. */
async function readRange(
  client: S3Client,
  name: ObjectName,
  { offset, length }: WantedRange,
  settings: ReadSettings,
  signal: AbortSignal | undefined,
  end: number = offset + (length ?? 0),
): Promise<Uint8Array<ArrayBuffer>> {
  const range = `bytes=${offset}-${length === undefined ? '' : offset + length - 1}`;
  let response: HttpResponse;
  try {
    const divert = length === undefined ? undefined : handOver(settings.onBytes, { offset, length });
    response = await get(client, name, range, { ...settings, divert }, signal);
  } catch (error) {
    // 416: nothing of the range is there.
    if (!isCairnError(error) || error.facts['status'] !== 416) throw error;
    const sizeBytes = Number(error.facts['sizeBytes'] ?? (await sizeOfObject(client, name, settings, signal)));
    const wanted = resolveRange(name, sizeBytes, { offset, ...(length === undefined ? {} : { length }) });
    if (wanted.length === 0) return new Uint8Array();
    throw error;
  }
  const { body } = response;
  if (response.diverted) return body;
  // A server that does not know ranges sends everything. (gofakes3 knows them and says 200 all the same.)
  if (response.status === 200 && response.headers['content-range'] === undefined) {
    const part = resolveRange(name, body.length, { offset, ...(length === undefined ? {} : { length }) });
    return body.slice(part.offset, part.offset + part.length);
  }
  const sent = parseContentRange(response.headers['content-range']);
  if (sent === undefined || sent.start !== offset || sent.end - sent.start !== body.length)
    throw otherRange(name, range, String(response.headers['content-range']));
  if (sent.total !== undefined && sent.total < end) throw truncated(name, sent.total, { offset, length: end - offset });
  const expected = length ?? (sent.total === undefined ? body.length : sent.total - offset);
  if (body.length !== expected) throw otherRange(name, range, String(response.headers['content-range']));
  return body;
}

function get(
  client: S3Client,
  name: ObjectName,
  range: string | undefined,
  { keyHeaders, pace, divert }: ReadSettings & { readonly divert?: HttpRequest['divert'] },
  signal: AbortSignal | undefined,
): Promise<HttpResponse> {
  return client.send({
    method: 'GET',
    name,
    headers: { ...keyHeaders, ...(range === undefined ? {} : { range }) },
    // Memory is taken as announced, and the caller asked for all of it.
    largestBody: Number.MAX_SAFE_INTEGER,
    pace,
    divert,
    operation: 'GetObject',
    action: `read ${name}`,
    signal,
  });
}

/** The size of an object; throws `OBJECT_MISSING`. */
export async function sizeOfObject(
  client: S3Client,
  name: ObjectName,
  { keyHeaders }: ReadSettings,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { headers } = await client.send({
    method: 'HEAD',
    name,
    headers: keyHeaders,
    operation: 'HeadObject',
    action: `look at ${name}`,
    signal,
  });
  const size = Number(headers['content-length'] ?? Number.NaN);
  if (Number.isSafeInteger(size) && size >= 0) return size;
  throw new CairnError('STORAGE_IO', `cannot look at ${name}: the server does not tell its size`);
}

function otherRange(name: ObjectName, asked: string, sent: string): CairnError {
  return new CairnError('STORAGE_IO', `cannot read ${name}: asked for ${asked}, the server sends ${sent}`, {
    retry: 'later',
    facts: { name },
  });
}
