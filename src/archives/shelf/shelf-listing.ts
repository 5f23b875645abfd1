// What lies on the shelf of archives, from one listing. Of an archive there is the object, and beside it:
//
//   <stored>.json          the sidecar; with it, the archive is complete
//   <stored>.writing.json  somebody is writing it
//   <stored>.deleted.json  it is deleted; object and sidecar are on their way out
import type { ObjectInfo, Storage } from '../../storage/storage.ts';
import { archiveFolder, ARCHIVES, parseStoredName, type StoredName } from '../stored-name.ts';

const WRITING = '.writing.json';
const DELETED = '.deleted.json';
const SIDECAR = '.json';

export function sidecarOf(object: string): string {
  return `${object}${SIDECAR}`;
}
export function markerOf(object: string): string {
  return `${object}${WRITING}`;
}
export function tombstoneOf(object: string): string {
  return `${object}${DELETED}`;
}

/** The object that a name on the shelf is about: the object itself, or what lies beside it. */
export function objectOf(name: string): string {
  const ending = [WRITING, DELETED, SIDECAR].find((candidate) => name.endsWith(candidate));
  return ending === undefined ? name : name.slice(0, -ending.length);
}

export function isWritingMarker(name: string): boolean {
  return name.startsWith(ARCHIVES) && name.endsWith(WRITING);
}

export function isSidecar(name: string): boolean {
  return name.startsWith(ARCHIVES) && name.endsWith(SIDECAR) && name === sidecarOf(objectOf(name));
}

/** One archive, or what is left of one. */
export interface ShelfItem {
  /** Name of the object, such as `archives/mydir/mydir.20261125T233005Z.tar.zst.age`. */
  readonly object: string;
  /** Its last component: how users name the archive. */
  readonly stored: string;
  /** What that says, where it is a stored name. */
  readonly parsed: StoredName | undefined;
  /** Bytes of the object; `undefined` where there is none. */
  readonly sizeBytes: number | undefined;
  readonly hasSidecar: boolean;
  /** Bytes of the sidecar. */
  readonly sidecarBytes: number;
  readonly hasMarker: boolean;
  readonly hasTombstone: boolean;
}

/** Whether it can be listed and restored. */
export function isComplete(item: ShelfItem): boolean {
  return item.sizeBytes !== undefined && item.hasSidecar && !item.hasTombstone;
}

/** Everything on the shelf, or in the folder of one name. A storage that cannot hold archives has none. */
export async function listShelf(
  storage: Storage,
  { signal, name }: { readonly signal?: AbortSignal | undefined; readonly name?: string | undefined } = {},
): Promise<ShelfItem[]> {
  if (storage.features.resticNamesOnly === true) return [];
  const items = new Map<string, MutableItem>();
  const prefix = name === undefined ? ARCHIVES : `${ARCHIVES}${archiveFolder(name)}/`;
  for await (const info of storage.list(prefix, { signal })) note(items, info);
  return [...items.values()].sort((a, b) => (a.object < b.object ? -1 : 1));
}

type MutableItem = { -readonly [K in keyof ShelfItem]: ShelfItem[K] };

function note(items: Map<string, MutableItem>, { name, sizeBytes }: ObjectInfo): void {
  const ending = [WRITING, DELETED, SIDECAR].find((candidate) => name.endsWith(candidate));
  const object = ending === undefined ? name : name.slice(0, -ending.length);
  const stored = object.slice(object.lastIndexOf('/') + 1);
  const item = items.get(object) ?? {
    object,
    stored,
    parsed: parseStoredName(stored),
    sizeBytes: undefined,
    hasSidecar: false,
    sidecarBytes: 0,
    hasMarker: false,
    hasTombstone: false,
  };
  if (ending === undefined) item.sizeBytes = sizeBytes;
  else if (ending === WRITING) item.hasMarker = true;
  else if (ending === DELETED) item.hasTombstone = true;
  else Object.assign(item, { hasSidecar: true, sidecarBytes: sizeBytes });
  items.set(object, item);
}
