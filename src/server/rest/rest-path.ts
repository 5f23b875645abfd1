// What a request path means (restic's REST protocol). A path comes from whoever can reach the port, so it is
// hostile until it has been taken apart here:
//
//   /<folder>{0,2}/                       a repository: POST ?create=true
//   /<folder>{0,2}/config                 its config
//   /<folder>{0,2}/<type>/                all files of a type
//   /<folder>{0,2}/<type>/<id>            one file
//   /<folder>{0,2}/.cairn/list/<prefix>/  Cairn's extension: the shelves that the protocol does not have
//   /<folder>{0,2}/.cairn/object/<name>
//   /healthz  /metrics
import { isId } from '../../base/ids.ts';
import { isObjectName } from '../../storage/object-name.ts';
import type { ObjectName } from '../../storage/storage.ts';

/** Types of files in the protocol; each is a folder of the repository. */
export type RestType = 'data' | 'keys' | 'locks' | 'snapshots' | 'index';

export type RestTarget =
  | { readonly kind: 'health' }
  | { readonly kind: 'metrics' }
  | { readonly kind: 'repository'; readonly folder: RepositoryFolder }
  | { readonly kind: 'list'; readonly folder: RepositoryFolder; readonly type: RestType }
  | {
      readonly kind: 'file';
      readonly folder: RepositoryFolder;
      readonly type: RestType | 'config';
      /** Empty for the config. */
      readonly id: string;
      readonly name: ObjectName;
    }
  | { readonly kind: 'shelf-list'; readonly folder: RepositoryFolder; readonly prefix: string }
  | {
      readonly kind: 'shelf-object';
      readonly folder: RepositoryFolder;
      readonly name: ObjectName;
    };

/** Up to two components above the repository; the first is its user where repositories are private. */
export type RepositoryFolder = readonly string[];

/** Types with an extension below `.cairn`: a repository has no such folders, restic ignores them. */
const shelves: readonly string[] = ['archives', 'replicas', 'values'];

const restTypes: ReadonlySet<string> = new Set(['data', 'keys', 'locks', 'snapshots', 'index']);
const EXTENSION = '.cairn';
const DEEPEST_FOLDER = 2;

/** Whether `text` names a type of the protocol. */
function isRestType(text: string): text is RestType {
  return restTypes.has(text);
}

/** Takes the path of a request (as on the wire, without its query) apart; `undefined` where it means nothing. */
export function parseRestPath(path: string): RestTarget | undefined {
  if (path === '/healthz') return { kind: 'health' };
  if (path === '/metrics') return { kind: 'metrics' };
  const parts = decodeComponents(path);
  if (parts === undefined) return undefined;
  const depth = parts.findIndex(isReserved);
  if (depth < 0 || depth > DEEPEST_FOLDER) return undefined;
  const folder = parts.slice(0, depth);
  if (!folder.every(isFolderComponent)) return undefined;
  return parseInside(folder, parts.slice(depth));
}

/** Whether a component ends the folder of the repository. */
function isReserved(part: string): boolean {
  return part === '' || part === 'config' || part === EXTENSION || isRestType(part);
}

/** Components without the leading slash; the last is empty where the path ends in a slash. */
function decodeComponents(path: string): readonly string[] | undefined {
  if (!path.startsWith('/') || path.length > 4096) return undefined;
  try {
    const parts = path.slice(1).split('/').map(decodeURIComponent);
    // A slash that came encoded would split a component after it was checked.
    const isClean = parts.every((part, at) => (part !== '' || at === parts.length - 1) && !part.includes('/'));
    return isClean ? parts : undefined;
  } catch {
    return undefined;
  }
}

/** A leading dot is refused: `.htpasswd` may lie beside the repositories. */
function isFolderComponent(part: string): boolean {
  return !part.startsWith('.') && isObjectName(part);
}

function parseInside(folder: RepositoryFolder, rest: readonly string[]): RestTarget | undefined {
  const [head = '', next, ...more] = rest;
  if (next === undefined) {
    if (head === '') return { kind: 'repository', folder };
    return head === 'config'
      ? { kind: 'file', folder, type: 'config', id: '', name: inFolder(folder, 'config') }
      : undefined;
  }
  if (head === EXTENSION) return parseExtension(folder, next, more);
  if (!isRestType(head) || more.length > 0) return undefined;
  if (next === '') return { kind: 'list', folder, type: head };
  if (!isId(next)) return undefined;
  // Packs are spread over folders in the storage, and are not in URLs.
  const name = head === 'data' ? `data/${next.slice(0, 2)}/${next}` : `${head}/${next}`;
  return { kind: 'file', folder, type: head, id: next, name: inFolder(folder, name) };
}

function parseExtension(folder: RepositoryFolder, verb: string, parts: readonly string[]): RestTarget | undefined {
  if (!shelves.includes(parts[0] ?? '')) return undefined;
  const name = inFolder(folder, parts.join('/'));
  if (verb === 'list') {
    const isFolder = parts.at(-1) === '' && isObjectName(`${name}x`);
    return isFolder ? { kind: 'shelf-list', folder, prefix: name } : undefined;
  }
  return verb === 'object' && parts.length > 1 && isObjectName(name)
    ? { kind: 'shelf-object', folder, name }
    : undefined;
}

/** Name of an object of the repository in `folder`. */
export function inFolder(folder: RepositoryFolder, name: string): ObjectName {
  return [...folder, name].join('/');
}
