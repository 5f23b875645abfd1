import { createHash } from 'node:crypto';
import { equalBytes } from '../../../base/bytes.ts';
import { CairnError, hasCode, isCairnError } from '../../../base/errors.ts';
import { runOnce } from '../../run-once.ts';
import type { ObjectName, Pace, PerRequest, WrittenStream } from '../../storage.ts';
import { type StreamParts, unlessDone, writePartStream } from '../part-stream.ts';
import type { S3Client } from './s3-client.ts';
import { type PartTag, uploadInParts } from './s3-multipart.ts';
import { contentMd5, type Headers, needsMd5 } from './write-headers.ts';

export interface StreamUpload {
  readonly name: ObjectName;
  /** Size of the first parts. */
  readonly partBytes: number;
  readonly connections: number;
  readonly storeHeaders: Headers;
  readonly keyHeaders: Headers;
  /** Sends the request by which the object appears, with the headers it needs; once, or again with others. */
  readonly appear: (send: (finalHeaders: Headers) => Promise<void>) => Promise<void>;
  readonly perRequest: PerRequest | undefined;
  readonly pace: Pace | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Stores a stream: what fits into one part by one request, more in parts while it comes. */
export function writeS3Stream(
  client: S3Client,
  chunks: AsyncIterable<Uint8Array>,
  upload: StreamUpload,
): Promise<WrittenStream> {
  return writePartStream(chunks, upload, {
    whole: (bytes, signal) => putWhole(client, { ...upload, signal }, bytes),
    parts: (parts, signal) => putParts(client, { ...upload, signal }, parts),
  });
}

type Upload = StreamUpload & { readonly signal: AbortSignal };

async function putWhole(client: S3Client, upload: Upload, bytes: Uint8Array): Promise<void> {
  const { name, storeHeaders, keyHeaders, pace, signal, perRequest = runOnce } = upload;
  const what = `write ${name}`;
  const md5: Headers = needsMd5(storeHeaders) ? { 'content-md5': contentMd5([bytes]) } : {};
  await upload.appear((finalHeaders) => {
    const put = async (): Promise<unknown> =>
      client.send({
        method: 'PUT',
        name,
        headers: { ...storeHeaders, ...keyHeaders, ...finalHeaders, ...md5 },
        body: [bytes],
        pace,
        operation: 'PutObject',
        action: what,
        signal,
      });
    return perRequest(
      { what, signal },
      unlessDone(put, (error) => isThere(client, upload, bytes, error)),
    );
  });
}

async function putParts(
  client: S3Client,
  upload: Upload,
  { stop, memory, source, blocks }: StreamParts,
): Promise<void> {
  const { signal, perRequest = runOnce } = upload;
  const what = `write ${upload.name}`;
  await uploadInParts(client, {
    ...upload,
    perRequest,
    stop,
    parts: oneByOne(blocks),
    onSent: (part) => part.forEach((block) => memory.release(block)),
    appear: (complete, tags) =>
      upload.appear((finalHeaders) => {
        const send = unlessDone(
          () => complete(finalHeaders),
          (error) => isCompleted(client, upload, { sizeBytes: source.sizeBytes, tags }, error),
        );
        return perRequest({ what, signal }, send);
      }),
  });
}

async function* oneByOne(blocks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Uint8Array[]> {
  for await (const block of blocks) yield [block];
}

/** Whether the object that is in the way holds these bytes. */
async function isThere(client: S3Client, upload: Upload, bytes: Uint8Array, error: unknown): Promise<boolean> {
  if (!hasCode(error, 'OBJECT_EXISTS')) return false;
  const { name, keyHeaders, signal } = upload;
  const { body } = await client.send({
    method: 'GET',
    name,
    headers: keyHeaders,
    largestBody: Number.MAX_SAFE_INTEGER,
    operation: 'GetObject',
    action: `read ${name}`,
    signal,
  });
  return equalBytes(body, bytes);
}

/**
 * Whether the object is the one that these parts make, where S3 says that it does not know their upload (any more) or
 * that an object is in the way. Its tag tells: the MD5 of the parts' tags, which are MD5 sums themselves unless the
 * object is encrypted with a key of KMS or of the customer ("Checking object integrity", Amazon S3 User Guide).
 */
async function isCompleted(
  client: S3Client,
  { name, keyHeaders, signal }: Upload,
  { sizeBytes, tags }: { readonly sizeBytes: number; readonly tags: readonly PartTag[] },
  error: unknown,
): Promise<boolean> {
  const isUnknown = isCairnError(error) && error.facts['reason'] === 'NoSuchUpload';
  if (!isUnknown && !hasCode(error, 'OBJECT_EXISTS')) return false;
  const action = `look at ${name}`;
  const { headers } = await client
    .send({ method: 'HEAD', name, headers: keyHeaders, operation: 'HeadObject', action, signal })
    .catch((absent: unknown) => {
      throw hasCode(absent, 'OBJECT_MISSING') ? error : absent;
    });
  if (Number(headers['content-length']) !== sizeBytes) return false;
  if (headers.etag === tagOfParts(tags)) return true;
  throw new CairnError('STORAGE_IO', `cannot tell whether ${name} was written: the answer was lost on the way`, {
    hint: 'An object of the same size is there. Look at it, or write it again.',
    cause: error,
    facts: { name, sizeBytes },
  });
}

function tagOfParts(tags: readonly PartTag[]): string {
  const hash = createHash('md5');
  for (const tag of tags) hash.update(Buffer.from(tag.replaceAll('"', ''), 'hex'));
  return `"${hash.digest('hex')}-${tags.length}"`;
}
