import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ObjectRange } from '../../storage/object-range.ts';
import type { ObjectName, Storage } from '../../storage/storage.ts';
import { type Answer, textAnswer } from '../http/answer.ts';
import type { ByteBudget } from '../http/byte-budget.ts';
import { parseRange } from './byte-range.ts';

const MIB = 1024 * 1024;
// A folder of this machine is read in small steps; of a storage behind a network each request costs time and money.
const LOCAL_SLICE_BYTES = 2 * MIB;
const REMOTE_SLICE_BYTES = 16 * MIB;

export interface Download {
  readonly storage: Storage;
  readonly name: ObjectName;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What all downloads together hold in memory. */
  readonly budget: ByteBudget;
  /** A reader that takes nothing for so long is cut off. */
  readonly stallMs: number;
  readonly signal: AbortSignal;
  /** HEAD tells when the object was written: of locks, whose age nothing else tells by one clock for all machines. */
  readonly tellsTime: boolean;
  /** Told how many bytes went out. */
  readonly onSent: (bytes: number) => void;
}

/** Bytes of the largest slice: the least that the budget of downloads must have. */
export const largestSliceBytes: number = REMOTE_SLICE_BYTES;

/** Answers GET and HEAD for an object, or a range of it. */
export async function sendObject(download: Download): Promise<Answer> {
  const { storage, name, request, response, signal } = download;
  const info = await storage.stat(name, { signal });
  if (info === undefined) return textAnswer(404, 'there is no such file');
  const answer = parseRange(request.headers.range, info.sizeBytes);
  if (answer.kind === 'unsatisfiable') {
    return textAnswer(416, 'the range is not inside the file', { 'Content-Range': `bytes */${info.sizeBytes}` });
  }
  const range = answer.kind === 'part' ? answer.range : { offset: 0, length: info.sizeBytes };
  const isHead = request.method === 'HEAD';
  // HEAD tells of the whole: what a range of it would be is not asked.
  const isPart = answer.kind === 'part' && !isHead;
  response.statusCode = isPart ? 206 : 200;
  response.setHeader('Content-Type', 'application/octet-stream');
  response.setHeader('Accept-Ranges', 'bytes');
  response.setHeader('Content-Length', isPart ? range.length : info.sizeBytes);
  if (isPart) response.setHeader('Content-Range', contentRange(range, info.sizeBytes));
  const writtenAt = isHead && download.tellsTime ? await storage.writtenAt?.(name, { signal }) : undefined;
  if (writtenAt !== undefined) response.setHeader('Last-Modified', new Date(writtenAt).toUTCString());
  if (isHead) response.end();
  else await sendRange(download, range);
  return { kind: 'sent' };
}

function contentRange({ offset, length }: ObjectRange, sizeBytes: number): string {
  return `bytes ${offset}-${offset + length - 1}/${sizeBytes}`;
}

/** Slice by slice: the head goes out with the first, so that a first read that fails still has a status of its own. */
async function sendRange(download: Download, { offset, length }: ObjectRange): Promise<void> {
  const { storage, name, response, budget, signal } = download;
  const sliceBytes = storage.features.localPath === undefined ? REMOTE_SLICE_BYTES : LOCAL_SLICE_BYTES;
  for (let done = 0; done < length;) {
    const count = Math.min(sliceBytes, length - done);
    using _held = await budget.take(count, signal);
    const bytes = await storage.read(name, { offset: offset + done, length: count, signal });
    const taken = response.write(bytes);
    download.onSent(bytes.length);
    done += count;
    if (!taken) await drained(response, download.stallMs, signal);
  }
  response.end();
}

async function drained(response: ServerResponse, stallMs: number, signal: AbortSignal): Promise<void> {
  const stalled = setTimeout(() => response.destroy(), stallMs);
  try {
    await once(response, 'drain', { signal });
  } finally {
    clearTimeout(stalled);
  }
}
