// How objects are called in restic's REST protocol, where packs are not spread over folders, and in the extension of
// our own server, which has the shelves that a repository lacks.
import { isId } from '../../../base/ids.ts';
import type { ObjectName } from '../../storage.ts';

export type RestTarget =
  /** A file of the repository; `path` below its URL. `isNamedByContent`: of all but the config. */
  | { readonly kind: 'file'; readonly path: string; readonly isNamedByContent: boolean }
  /** An object of a shelf. */
  | { readonly kind: 'shelf'; readonly path: string };

export const restTypes: readonly string[] = ['data', 'keys', 'locks', 'snapshots', 'index'];
export const restShelves: readonly string[] = ['archives', 'replicas', 'values'];

/** Where an object is found on the server; `undefined` for names that the protocol cannot say. */
export function restTarget(name: ObjectName): RestTarget | undefined {
  if (name === 'config') return { kind: 'file', path: 'config', isNamedByContent: false };
  const [type = '', ...rest] = name.split('/');
  if (restShelves.includes(type) && rest.length > 0)
    return { kind: 'shelf', path: `.cairn/object/${encodeName(name)}` };
  const id = rest.at(-1) ?? '';
  return restTypes.includes(type) && isId(id) && name === objectNameOf(type, id)
    ? { kind: 'file', path: `${type}/${id}`, isNamedByContent: true }
    : undefined;
}

/** The object of an entry in the listing of a type. */
export function objectNameOf(type: string, id: string): ObjectName {
  return type === 'data' ? `data/${id.slice(0, 2)}/${id}` : `${type}/${id}`;
}

/** Path of the extension that lists a folder of a shelf. */
export function shelfListPath(prefix: string): string {
  return `.cairn/list/${encodeName(prefix)}`;
}

/** A URL parser leaves most characters of a name as they are, but not all. */
function encodeName(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/');
}
