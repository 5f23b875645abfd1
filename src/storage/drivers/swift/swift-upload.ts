import { createHash } from 'node:crypto';
import { utf8 } from '../../../base/bytes.ts';
import { mapConcurrent } from '../../../base/concurrency.ts';
import { CairnError, hasCode, isCairnError } from '../../../base/errors.ts';
import { sizeOf } from '../../object-range.ts';
import { runOnce } from '../../run-once.ts';
import type { ObjectName, Pace, PerRequest } from '../../storage.ts';
import { fieldsOf, parseJsonAnswer } from '../http/json-answer.ts';
import { unlessDone } from '../part-stream.ts';
import { newUpload, segmentContainer, segmentKey, UPLOAD_HEADER } from './segment-names.ts';
import type { SwiftClient } from './swift-client.ts';
import { isSegmented, liveUpload, lookAt, type SegmentStore } from './swift-segments.ts';

/** Segments of one manifest, unless the server says otherwise. */
const MANIFEST_SEGMENTS = 1000;
/** How long a failed upload may take to be cleared away. */
const CLEAR_MS = 30_000;

export interface Upload {
  readonly name: ObjectName;
  readonly ifAbsent: boolean;
  readonly perRequest?: PerRequest | undefined;
  readonly pace?: Pace | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Stores an object by one request. Swift hashes what arrives and refuses other bytes than these. */
export async function putWhole(client: SwiftClient, upload: Upload, parts: readonly Uint8Array[]): Promise<void> {
  const { name, ifAbsent, perRequest = runOnce, pace, signal } = upload;
  const what = `write ${name}`;
  const etag = md5Of(parts);
  const put = (): Promise<unknown> =>
    client.send({
      method: 'PUT',
      name,
      headers: { ...plainHeaders, etag, ...(ifAbsent ? { 'if-none-match': '*' } : {}) },
      body: parts,
      creates: true,
      pace,
      operation: 'PutObject',
      action: what,
      signal,
    });
  const isDone = async (error: unknown): Promise<boolean> => {
    if (!hasCode(error, 'OBJECT_EXISTS')) return false;
    const { headers } = await lookAt(client, name, signal);
    return headers.etag === etag && headers['content-length'] === String(sizeOf(parts));
  };
  await perRequest({ what, signal }, unlessDone(put, isDone));
}

export interface SegmentedUpload extends Upload {
  readonly parts: Iterable<readonly Uint8Array[]> | AsyncIterable<readonly Uint8Array[]>;
  /** Called when the memory of a part is not needed any more. */
  readonly onSent?: (part: readonly Uint8Array[]) => void;
  /** Aborted with the first failure; `signal` includes it. */
  readonly stop?: AbortController;
  readonly connections: number;
  /** Segments of one manifest, if the server takes as many. */
  readonly manifestSegments?: number | undefined;
}

/**
 * Stores an object in segments, several at once, and then the manifest by which they are one ("Static large objects", Swift
 * documentation): nothing of it is visible before. After a failure the segments go, unless they may be an object by then.
 */
export async function putSegmented(client: SwiftClient, store: SegmentStore, upload: SegmentedUpload): Promise<void> {
  const { name, perRequest = runOnce, signal, stop } = upload;
  const id = newUpload();
  const what = `begin to write ${name}`;
  const fate: ManifestFate = { mayStand: false };
  try {
    const most = await perRequest({ what, signal }, () => manifestLimit(client, upload));
    await perRequest({ what, signal }, () => store.open(name, signal));
    const segments = await putSegments(client, upload, id);
    await putManifest(client, { ...upload, id, fate }, await grouped(client, { ...upload, id }, segments, most));
  } catch (error) {
    stop?.abort(error);
    if (!fate.mayStand) await clearQuietly(store, name, id);
    throw error;
  }
}

/** Whether the manifest was taken, or may have been: then the object is made of the segments. `abortStaleUploads` finds out. */
interface ManifestFate {
  mayStand: boolean;
}

/** Throws `NOT_SUPPORTED` where the server says that it does not know static large objects. */
async function manifestLimit(
  client: SwiftClient,
  { name, signal, manifestSegments }: SegmentedUpload,
): Promise<number> {
  const action = `write ${name}`;
  const wanted = manifestSegments ?? MANIFEST_SEGMENTS;
  const info = await client.describeServer(action, signal);
  const described = info === undefined ? undefined : parseJsonAnswer(info);
  if (described === undefined) return wanted;
  const { slo } = fieldsOf(described);
  if (slo === undefined) throw noLargeObjects(action);
  const { max_manifest_segments: most } = fieldsOf(slo);
  return typeof most === 'number' && most > 0 ? Math.min(wanted, most) : wanted;
}

/** A segment as a manifest names it. */
interface Segment {
  readonly path: string;
  readonly etag: string;
  readonly size_bytes: number;
}

async function putSegments(client: SwiftClient, upload: SegmentedUpload, id: string): Promise<readonly Segment[]> {
  const { name, connections, signal, stop, perRequest = runOnce } = upload;
  return await mapConcurrent(upload.parts, { limit: connections, signal }, async (body, index) => {
    const what = `write part ${index + 1} of ${name}`;
    const key = segmentKey(client, name, id, String(index).padStart(8, '0'));
    const etag = md5Of(body);
    try {
      await perRequest({ what, signal }, () => putSegment(client, upload, { key, etag, body, what }));
    } catch (error) {
      stop?.abort(error);
      throw error;
    }
    const segment = { path: `/${segmentContainer(client)}/${key}`, etag, size_bytes: sizeOf(body) };
    upload.onSent?.(body);
    return segment;
  });
}

interface SegmentBody {
  readonly key: string;
  readonly etag: string;
  readonly body: readonly Uint8Array[];
  readonly what: string;
}

function putSegment(
  client: SwiftClient,
  { pace, signal }: Upload,
  { key, etag, body, what }: SegmentBody,
): Promise<unknown> {
  return client.send({
    method: 'PUT',
    container: segmentContainer(client),
    key,
    headers: { ...plainHeaders, etag },
    body,
    pace,
    operation: 'PutSegment',
    action: what,
    signal,
  });
}

type ManifestUpload = Upload & { readonly id: string };

/** So many segments that one manifest can name them: groups of them with manifests of their own, where there are more. */
async function grouped(
  client: SwiftClient,
  upload: ManifestUpload,
  segments: readonly Segment[],
  most: number,
): Promise<readonly Segment[]> {
  if (segments.length <= most) return segments;
  const { name, id, signal, perRequest = runOnce } = upload;
  const groups: Segment[] = [];
  for (let at = 0; at < segments.length; at += most) {
    const group = segments.slice(at, at + most);
    const key = segmentKey(client, name, id, `group-${String(groups.length).padStart(4, '0')}`);
    const what = `write a manifest of ${name}`;
    await perRequest({ what, signal }, () =>
      client.send({
        method: 'PUT',
        container: segmentContainer(client),
        key,
        ...manifest(group),
        operation: 'PutManifest',
        action: what,
        signal,
      }),
    );
    groups.push({
      path: `/${segmentContainer(client)}/${key}`,
      // That of a large object is the hash of those of its segments.
      etag: createHash('md5')
        .update(group.map(({ etag }) => etag).join(''))
        .digest('hex'),
      size_bytes: group.reduce((sum, { size_bytes: size }) => sum + size, 0),
    });
  }
  return groups;
}

/** Sends the manifest of the object, by which it appears. */
async function putManifest(
  client: SwiftClient,
  { name, id, ifAbsent, perRequest = runOnce, signal, fate }: ManifestUpload & { readonly fate: ManifestFate },
  segments: readonly Segment[],
): Promise<void> {
  const what = `write ${name}`;
  const { headers, ...request } = manifest(segments);
  const put = async (): Promise<void> => {
    const stoodBefore = fate.mayStand;
    fate.mayStand = true;
    try {
      await client.send({
        method: 'PUT',
        name,
        ...request,
        headers: { ...headers, [UPLOAD_HEADER]: id, ...(ifAbsent ? { 'if-none-match': '*' } : {}) },
        creates: true,
        operation: 'PutManifest',
        action: what,
        signal,
      });
    } catch (error) {
      if (isRefusal(error)) fate.mayStand = stoodBefore;
      throw error;
    }
  };
  const isDone = async (error: unknown): Promise<boolean> =>
    hasCode(error, 'OBJECT_EXISTS') && liveUpload(await lookAt(client, name, signal)) === id;
  await perRequest({ what, signal }, unlessDone(put, isDone));
  const stored = await perRequest({ what: `look at ${name}`, signal }, () => lookAt(client, name, signal));
  // A server that does not know manifests has kept it as the object itself.
  if (liveUpload(stored) !== id || isSegmented(stored)) return;
  await client.send({ method: 'DELETE', name, accept: [404], operation: 'DeleteObject', action: what, signal });
  fate.mayStand = false;
  throw noLargeObjects(what);
}

/** Whether the server said no. An error of its own, or no answer, leaves open what it did. */
function isRefusal(error: unknown): boolean {
  if (hasCode(error, 'OBJECT_EXISTS') || hasCode(error, 'BUCKET_MISSING')) return true;
  const status = isCairnError(error) ? error.facts['status'] : undefined;
  return typeof status === 'number' && status < 500;
}

function manifest(segments: readonly Segment[]): {
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: readonly Uint8Array[];
} {
  return {
    query: { 'multipart-manifest': 'put' },
    headers: plainHeaders,
    body: [utf8(JSON.stringify(segments))],
  };
}

async function clearQuietly(store: SegmentStore, name: ObjectName, id: string): Promise<void> {
  try {
    // Also after an abort: what was begun takes room until it is cleared away.
    await store.clear(name, id, AbortSignal.timeout(CLEAR_MS));
  } catch {
    // The first error says more, and `abortStaleUploads` finds what is left.
  }
}

const plainHeaders: Readonly<Record<string, string>> = { 'content-type': 'application/octet-stream' };

function noLargeObjects(action: string): CairnError {
  return new CairnError('NOT_SUPPORTED', `cannot ${action}: this Swift knows no static large objects`, {
    hint: 'Ask the provider to switch on the middleware slo, or keep large archives somewhere else.',
  });
}

function md5Of(parts: readonly Uint8Array[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
