import { CairnError } from '../../../base/errors.ts';
import { isId } from '../../../base/ids.ts';
import { isObjectName } from '../../object-name.ts';
import type { ObjectInfo } from '../../storage.ts';
import { objectNameOf } from './rest-names.ts';

/** Asks for a listing with sizes; the type of the answer says whether the server has it. */
export const LIST_V2 = 'application/vnd.x.restic.rest.v2';

/** What a listing says. Version 1 has no sizes. */
export type RestListing =
  | { readonly version: 1; readonly ids: readonly string[] }
  | { readonly version: 2; readonly entries: readonly ObjectInfo[] };

/**
 * Reads the listing of a type. What is not named by an id, such as an unfinished upload in the folder of a
 * server, is left out. Throws `STORAGE_IO` for what is no listing.
 */
export function parseRestListing(type: string, body: Uint8Array, contentType: string | undefined): RestListing {
  const items = parseArray(body);
  if (contentType?.includes(LIST_V2) !== true) return { version: 1, ids: items.filter(isIdText) };
  const entries: ObjectInfo[] = [];
  for (const item of items) {
    const { name, size } = parseEntry(item);
    if (isId(name)) entries.push({ name: objectNameOf(type, name), sizeBytes: size });
  }
  return { version: 2, entries };
}

/** Reads the listing of a shelf, whose entries have full names. */
export function parseShelfListing(prefix: string, body: Uint8Array): readonly ObjectInfo[] {
  return parseArray(body).map((item) => {
    const { name, size } = parseEntry(item);
    if (!name.startsWith(prefix) || !isObjectName(name)) throw noListing();
    return { name, sizeBytes: size };
  });
}

function parseArray(body: Uint8Array): readonly unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8'));
  } catch (error) {
    throw noListing(error);
  }
  // Go writes an empty list that was never made as null.
  if (value === null) return [];
  if (!Array.isArray(value)) throw noListing();
  return value;
}

function isIdText(item: unknown): item is string {
  if (typeof item !== 'string') throw noListing();
  return isId(item);
}

function parseEntry(item: unknown): { readonly name: string; readonly size: number } {
  if (typeof item !== 'object' || item === null || !('name' in item) || !('size' in item)) throw noListing();
  const { name, size } = item;
  if (typeof name !== 'string' || typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw noListing();
  return { name, size };
}

function noListing(cause?: unknown): CairnError {
  return new CairnError('STORAGE_IO', 'the server answers with something that is no listing', {
    hint: 'Check that the address leads to a REST server for restic, and no proxy answers in its place.',
    cause,
  });
}
