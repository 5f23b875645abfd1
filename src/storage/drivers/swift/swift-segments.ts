import { isCairnError } from '../../../base/errors.ts';
import { orAbort } from '../../../base/or-abort.ts';
import { countsAsStale } from '../../object-name.ts';
import type { ObjectName, StaleUploadOptions } from '../../storage.ts';
import type { HttpResponse } from '../http/http-exchange.ts';
import { objectOf, segmentContainer, segmentsOf, segmentsOfAll, UPLOAD_HEADER, uploadOf } from './segment-names.ts';
import type { SwiftClient } from './swift-client.ts';
import { listKeys } from './swift-listing.ts';
import { REMOVE_BATCH, removeKeys } from './swift-removal.ts';

/**
 * The segments of large objects. Removing or replacing such an object leaves them: they are cleared away by hand, which
 * is why it is known of which objects there are some. The list is asked for once, before the first of them could go.
 */
export class SegmentStore {
  readonly #client: SwiftClient;
  #segmented: Promise<Set<string>> | undefined;

  constructor(client: SwiftClient) {
    this.#client = client;
  }

  /** The upload that an object is made of, to be cleared away when the object is gone; undefined where it is whole. */
  async uploadOf(name: ObjectName, signal: AbortSignal | undefined): Promise<string | undefined> {
    const segmented = await this.#known(signal);
    if (!segmented.has(segmentsOf(this.#client, name))) return undefined;
    return liveUpload(await lookAt(this.#client, name, signal));
  }

  /** Those of `names` of which segments may be there. */
  async segmentedOf(names: readonly ObjectName[], signal: AbortSignal | undefined): Promise<readonly ObjectName[]> {
    const segmented = await this.#known(signal);
    return segmented.size === 0 ? [] : names.filter((name) => segmented.has(segmentsOf(this.#client, name)));
  }

  /** Makes the container of segments, and remembers that this object has some. */
  async open(name: ObjectName, signal: AbortSignal | undefined): Promise<void> {
    const segmented = await this.#known(signal);
    const { policy } = this.#client.location;
    await this.#client.send({
      method: 'PUT',
      container: segmentContainer(this.#client),
      headers: policy === undefined ? {} : { 'x-storage-policy': policy },
      // Another policy than the container has: it is there already.
      accept: [409],
      operation: 'PutContainer',
      action: `make the container ${segmentContainer(this.#client)}`,
      signal,
    });
    segmented.add(segmentsOf(this.#client, name));
  }

  /** Removes the segments of one upload. */
  async clear(name: ObjectName, upload: string, signal: AbortSignal | undefined): Promise<void> {
    const prefix = `${segmentsOf(this.#client, name)}${upload}/`;
    await this.#remove(await this.#keysBelow(prefix, signal), signal);
  }

  /**
   * Clears away segments that no object is made of and of whose upload none came since `beforeMs`. Returns the number of
   * such uploads.
   */
  async clearStale(beforeMs: number, options: StaleUploadOptions): Promise<number> {
    let count = 0;
    for (const folder of await this.#known(options.signal, true)) {
      const name = objectOf(this.#client, folder);
      if (name === undefined || !countsAsStale(name, options)) continue;
      count += await this.#clearStaleOf(name, folder, beforeMs, options);
    }
    return count;
  }

  async #clearStaleOf(
    name: ObjectName,
    folder: string,
    beforeMs: number,
    { dryRun = false, signal }: StaleUploadOptions,
  ): Promise<number> {
    const uploads = new Map<string, { readonly keys: string[]; newestMs: number }>();
    for (const { name: key, last_modified: modified } of await this.#entriesBelow(folder, signal)) {
      const upload = typeof key === 'string' ? uploadOf(folder, key) : undefined;
      if (typeof key !== 'string' || upload === undefined) continue;
      const known = uploads.get(upload) ?? { keys: [], newestMs: 0 };
      known.keys.push(key);
      known.newestMs = Math.max(known.newestMs, parseTime(modified));
      uploads.set(upload, known);
    }
    // Looked at after the segments: what was made into an object meanwhile is then seen as one.
    const object = await lookAt(this.#client, name, signal);
    const live = liveUpload(object);
    // Whoever changes the metadata of an object takes ours away: it is made of some of these segments, and of which nobody says.
    if (live === undefined && isSegmented(object)) return 0;
    let count = 0;
    for (const [upload, { keys, newestMs }] of uploads) {
      if (upload === live || newestMs >= beforeMs) continue;
      if (!dryRun) await this.#remove(keys, signal);
      count++;
    }
    return count;
  }

  async #known(signal: AbortSignal | undefined, anew = false): Promise<Set<string>> {
    if (anew) this.#segmented = undefined;
    this.#segmented ??= this.#listFolders();
    return orAbort(this.#segmented, signal);
  }

  async #listFolders(): Promise<Set<string>> {
    try {
      const found = await this.#entriesBelow(segmentsOfAll(this.#client), undefined, '/');
      return new Set(found.map(({ subdir }) => subdir).filter((folder) => typeof folder === 'string'));
    } catch (error) {
      this.#segmented = undefined;
      throw error;
    }
  }

  async #keysBelow(prefix: string, signal: AbortSignal | undefined): Promise<readonly string[]> {
    const entries = await this.#entriesBelow(prefix, signal);
    return entries.map(({ name }) => name).filter((name) => typeof name === 'string');
  }

  /** Of a container that may not be there, or not be ours to see. */
  async #entriesBelow(
    prefix: string,
    signal: AbortSignal | undefined,
    delimiter?: string,
  ): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const container = segmentContainer(this.#client);
    const action = `list ${container}`;
    try {
      return await Array.fromAsync(listKeys(this.#client, { container, prefix, delimiter, action, signal }));
    } catch (error) {
      if (isCairnError(error) && (error.code === 'BUCKET_MISSING' || error.facts['status'] === 403)) return [];
      throw error;
    }
  }

  async #remove(keys: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const container = segmentContainer(this.#client);
    for (let at = 0; at < keys.length; at += REMOVE_BATCH) {
      const batch = keys.slice(at, at + REMOVE_BATCH);
      if (batch.length > 1 && (await removeKeys(this.#client, container, batch, signal))) continue;
      for (const key of batch) {
        await this.#client.send({
          method: 'DELETE',
          container,
          key,
          accept: [404],
          operation: 'DeleteObject',
          action: 'remove a segment',
          signal,
        });
      }
    }
  }
}

/** The answer about an object; 404 where there is none. */
export function lookAt(client: SwiftClient, name: ObjectName, signal: AbortSignal | undefined): Promise<HttpResponse> {
  return client.send({
    method: 'HEAD',
    name,
    accept: [404],
    operation: 'HeadObject',
    action: `look at ${name}`,
    signal,
  });
}

/** Whether an object is made of segments. */
export function isSegmented({ headers }: HttpResponse): boolean {
  return headers['x-static-large-object'] !== undefined;
}

/** The upload that an object is made of. */
export function liveUpload({ headers }: HttpResponse): string | undefined {
  const upload = headers[UPLOAD_HEADER];
  return typeof upload === 'string' ? upload : undefined;
}

/** A time that cannot be read may be a new one. Swift gives them in UTC without saying so. */
function parseTime(value: unknown): number {
  const ms =
    typeof value === 'string' ? Date.parse(/Z|[+-]\d\d:?\d\d$/u.test(value) ? value : `${value}Z`) : Number.NaN;
  return Number.isNaN(ms) ? Infinity : ms;
}
