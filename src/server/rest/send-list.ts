import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { isId } from '../../base/ids.ts';
import type { ObjectInfo, Storage } from '../../storage/storage.ts';
import type { Answer } from '../http/answer.ts';

/** Type of a listing with sizes; without it (version 1) a listing has names only. */
export const LIST_V2 = 'application/vnd.x.restic.rest.v2';
export const LIST_V1 = 'application/vnd.x.restic.rest.v1';

const FLUSH_CHARACTERS = 64 * 1024;

export interface Listing {
  readonly storage: Storage;
  /** A folder of the storage. */
  readonly prefix: string;
  readonly response: ServerResponse;
  readonly contentType: string;
  /** The JSON of one entry; `undefined` leaves the object out. */
  readonly entry: (info: ObjectInfo) => string | undefined;
  readonly signal: AbortSignal;
  readonly onSent: (bytes: number) => void;
}

/** Entry of a listing of version 1 or 2. What is not named by an id is no file of a repository. */
export function restEntry(version: 1 | 2): Listing['entry'] {
  return ({ name, sizeBytes }) => {
    const id = name.slice(name.lastIndexOf('/') + 1);
    if (!isId(id)) return undefined;
    return version === 1 ? `"${id}"` : `{"name":"${id}","size":${sizeBytes}}`;
  };
}

/**
 * Streams a JSON array of what lies below a folder; one that is not there is an empty array. A listing that fails
 * cuts the connection: half a list would look like files that are gone.
 */
export async function sendList(listing: Listing): Promise<Answer> {
  const { storage, prefix, response, entry, signal } = listing;
  let text = '[';
  let separator = '';
  response.setHeader('Content-Type', listing.contentType);
  for await (const info of storage.list(prefix, { signal })) {
    const json = entry(info);
    if (json === undefined) continue;
    text += separator + json;
    separator = ',';
    if (text.length < FLUSH_CHARACTERS) continue;
    listing.onSent(text.length);
    if (!response.write(text)) await once(response, 'drain', { signal });
    text = '';
  }
  listing.onSent(text.length + 1);
  response.end(`${text}]`);
  return { kind: 'sent' };
}
