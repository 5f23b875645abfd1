// Objects and ranges of them from servers of objects over HTTP (RFC 9110 §14): long ranges in pieces, several at once,
// and no answer taken for the range that was asked for unless it says so.
import { mapConcurrent } from '../../../base/concurrency.ts';
import { CairnError, isCairnError } from '../../../base/errors.ts';
import { type ObjectRange, resolveRange, truncated } from '../../object-range.ts';
import type { ObjectName, ReadOptions } from '../../storage.ts';
import { parseContentRange } from './content-range.ts';
import { handOver } from './hand-over.ts';
import type { HttpRequest, HttpResponse } from './http-exchange.ts';

/** How one request is made. A source that does not know `divert` hands nothing over. */
export interface RequestOptions extends Pick<ReadOptions, 'pace' | 'signal'> {
  readonly divert?: HttpRequest['divert'];
}

/** How a server of objects is asked. */
export interface RangedSource {
  /**
   * The answer with all of the object or, with `range` as the header has it, with that. Throws what a refusal means,
   * with its `status` among the facts.
   */
  get(name: ObjectName, range: string | undefined, options: RequestOptions): Promise<HttpResponse>;
  /** The size of an object; throws `OBJECT_MISSING`. */
  sizeOf(name: ObjectName, signal: AbortSignal | undefined): Promise<number>;
}

export interface PieceSettings {
  /** Longer ranges are read in pieces of this size, several at once. */
  readonly pieceBytes: number;
  readonly connections: number;
}

/** `read` of a storage: all of an object, or a range of it. */
export async function readRanged(
  source: RangedSource,
  name: ObjectName,
  options: ReadOptions,
  settings: PieceSettings,
): Promise<Uint8Array<ArrayBuffer>> {
  const { offset = 0, length, signal } = options;
  // No bytes cannot be asked for, but whether they could be there can.
  if (length === 0) {
    resolveRange(name, await source.sizeOf(name, signal), options);
    return new Uint8Array();
  }
  // What is handed over needs no memory, and one request is as good as several pieces where there are other reads.
  if (length !== undefined && options.onBytes !== undefined)
    return readRange(source, name, { offset, length }, options);
  if (offset === 0 && length === undefined) return (await source.get(name, undefined, options)).body;
  if (length === undefined || length <= settings.pieceBytes)
    return readRange(source, name, { offset, length }, options);
  return readPieces(source, name, { offset, length }, options, settings);
}

async function readPieces(
  source: RangedSource,
  name: ObjectName,
  { offset, length }: ObjectRange,
  options: ReadOptions,
  { pieceBytes, connections }: PieceSettings,
): Promise<Uint8Array<ArrayBuffer>> {
  const starts = Array.from({ length: Math.ceil(length / pieceBytes) }, (_, index) => index * pieceBytes);
  const [first = 0, ...others] = starts;
  // The first piece tells whether the whole range is there, before memory for all of it is taken.
  const head = await readRange(source, name, { offset, length: pieceBytes }, options, offset + length);
  const whole = Buffer.allocUnsafeSlow(length);
  whole.set(head, first);
  await mapConcurrent(others, { limit: connections, signal: options.signal }, async (start) => {
    const piece = { offset: offset + start, length: Math.min(pieceBytes, length - start) };
    whole.set(await readRange(source, name, piece, options), start);
  });
  return whole;
}

interface WantedRange {
  readonly offset: number;
  readonly length: number | undefined;
}

/** One range. The object must reach to `end` at least. */
async function readRange(
  source: RangedSource,
  name: ObjectName,
  { offset, length }: WantedRange,
  options: ReadOptions,
  end: number = offset + (length ?? 0),
): Promise<Uint8Array<ArrayBuffer>> {
  const range = `bytes=${offset}-${length === undefined ? '' : offset + length - 1}`;
  let response: HttpResponse;
  try {
    const divert = length === undefined ? undefined : handOver(options.onBytes, { offset, length });
    response = await source.get(name, range, { ...options, divert });
  } catch (error) {
    // 416: nothing of the range is there.
    if (!isCairnError(error) || error.facts['status'] !== 416) throw error;
    const sizeBytes = Number(error.facts['sizeBytes'] ?? (await source.sizeOf(name, options.signal)));
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

/** The size that the answer to HEAD announces. */
export function announcedSize(name: ObjectName, { headers }: Pick<HttpResponse, 'headers'>): number {
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
