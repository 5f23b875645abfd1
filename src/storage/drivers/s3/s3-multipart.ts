import { utf8, utf8Lossy } from '../../../base/bytes.ts';
import { mapConcurrent } from '../../../base/concurrency.ts';
import { CairnError, isCairnError } from '../../../base/errors.ts';
import { runOnce } from '../../run-once.ts';
import type { ObjectName, Pace, PerRequest } from '../../storage.ts';
import type { S3Client } from './s3-client.ts';
import { sendForXml, strange } from './s3-listing.ts';
import { contentMd5, type Headers, needsMd5 } from './write-headers.ts';
import { escapeXml, parseXml, textOf } from './xml.ts';

/** S3 takes at most so many parts. */
export const MOST_PARTS = 10_000;
// gofakes3, which rclone serves with, leaves the last word away.
const INITIATED = ['InitiateMultipartUploadResult', 'InitiateMultipartUpload'];
/** How long a failed upload may take to be cleared away. */
const ABORT_MS = 30_000;

/** A part that S3 has taken, by the tag that it gave it. */
export type PartTag = string;

export interface MultipartUpload {
  readonly name: ObjectName;
  /** The parts in order. At least 5 MiB each for S3, except the last one. */
  readonly parts: Iterable<readonly Uint8Array[]> | AsyncIterable<readonly Uint8Array[]>;
  /** Called when the memory of a part is not needed any more. */
  readonly onSent?: (part: readonly Uint8Array[]) => void;
  readonly connections: number;
  /** How to store the object. */
  readonly storeHeaders: Headers;
  /** Headers for every request that touches its content. */
  readonly keyHeaders: Headers;
  /** Sends the request by which the object appears, with the headers it needs; once, or again with others. */
  readonly appear: (complete: (finalHeaders: Headers) => Promise<void>, tags: readonly PartTag[]) => Promise<void>;
  /** Aborted with the first failure, for those who wait for something else than requests; `signal` includes it. */
  readonly stop?: AbortController;
  readonly perRequest?: PerRequest;
  /** See `HttpRequest`. */
  readonly pace?: Pace | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Uploads an object in parts, several at once. Nothing of it is visible before all are there; after a failure nothing is kept. */
export async function uploadInParts(client: S3Client, upload: MultipartUpload): Promise<void> {
  const { name, signal, perRequest = runOnce } = upload;
  const what = `begin to write ${name}`;
  const started = await perRequest({ what, signal }, () =>
    sendForXml(client, INITIATED, {
      method: 'POST',
      name,
      query: { uploads: '' },
      headers: { ...upload.storeHeaders, ...upload.keyHeaders },
      operation: 'CreateMultipartUpload',
      action: `write ${name}`,
      signal,
    }),
  );
  const uploadId = textOf(started, 'UploadId') ?? '';
  if (uploadId === '') throw strange(`write ${name}`, 'no id of the upload');
  try {
    const tags = await uploadParts(client, upload, uploadId);
    await upload.appear((finalHeaders) => complete(client, upload, uploadId, tags, finalHeaders), tags);
  } catch (error) {
    await abortQuietly(client, name, uploadId);
    throw error;
  }
}

async function uploadParts(client: S3Client, upload: MultipartUpload, uploadId: string): Promise<readonly PartTag[]> {
  const { connections, perRequest = runOnce, signal, stop } = upload;
  return await mapConcurrent(upload.parts, { limit: connections, signal }, async (body, index) => {
    const what = `write part ${index + 1} of ${upload.name}`;
    try {
      const tag = await perRequest({ what, signal }, () => uploadPart(client, upload, uploadId, { body, index, what }));
      upload.onSent?.(body);
      return tag;
    } catch (error) {
      stop?.abort(error);
      throw error;
    }
  });
}

interface Part {
  readonly body: readonly Uint8Array[];
  readonly index: number;
  readonly what: string;
}

async function uploadPart(
  client: S3Client,
  { name, storeHeaders, keyHeaders, pace, signal }: MultipartUpload,
  uploadId: string,
  { body, index, what }: Part,
): Promise<PartTag> {
  if (index >= MOST_PARTS) throw tooLarge(name);
  const md5: Headers = needsMd5(storeHeaders) ? { 'content-md5': contentMd5(body) } : {};
  const { headers } = await client.send({
    method: 'PUT',
    name,
    query: { partNumber: String(index + 1), uploadId },
    headers: { ...keyHeaders, ...md5 },
    body,
    pace,
    operation: 'UploadPart',
    action: what,
    signal,
  });
  return headers.etag ?? fail(name);
}

function tooLarge(name: ObjectName): CairnError {
  return new CairnError(
    'NOT_SUPPORTED',
    `cannot write ${name}: it is larger than 5 TiB, which is what its parts can hold`,
    { facts: { name } },
  );
}

function fail(name: ObjectName): never {
  throw strange(`write ${name}`, 'no tag of a part');
}

async function complete(
  client: S3Client,
  { name, keyHeaders, signal }: MultipartUpload,
  uploadId: string,
  tags: readonly PartTag[],
  finalHeaders: Headers,
): Promise<void> {
  const parts = tags.map((tag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${escapeXml(tag)}</ETag></Part>`);
  const { body } = await client.send({
    method: 'POST',
    name,
    query: { uploadId },
    headers: { ...finalHeaders, ...keyHeaders, 'content-type': 'application/xml' },
    body: [utf8(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`)],
    operation: 'CompleteMultipartUpload',
    action: `write ${name}`,
    signal,
  });
  // S3 may answer 200 at once and find out later that it fails: then the document says so.
  const root = parseXml(utf8Lossy(body));
  if (root.name !== 'CompleteMultipartUploadResult')
    throw strange(`write ${name}`, `${textOf(root, 'Code') ?? root.name} instead of a result`);
}

async function abortQuietly(client: S3Client, name: ObjectName, uploadId: string): Promise<void> {
  try {
    // Also after an abort: what was begun is paid for until it is cleared away.
    await abortUpload(client, name, uploadId, AbortSignal.timeout(ABORT_MS));
  } catch {
    // The first error says more, and `abortStaleUploads` finds what is left.
  }
}

/** Clears one upload away, which may be gone already. */
export async function abortUpload(
  client: S3Client,
  name: ObjectName,
  uploadId: string,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await client.send({
      method: 'DELETE',
      name,
      query: { uploadId },
      operation: 'AbortMultipartUpload',
      action: `clear away the upload of ${name}`,
      signal,
    });
  } catch (error) {
    // Cleared away or completed meanwhile.
    if (!isCairnError(error) || error.facts['status'] !== 404) throw error;
  }
}
