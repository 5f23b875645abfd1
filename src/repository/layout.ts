// Where things are (restic's format, "Repository Layout"). Every file but `config` is named by the
// SHA-256 of its bytes as stored.
//
//   config              keys/<id>     locks/<id>     snapshots/<id>     index/<id>
//   data/<first 2 hex digits>/<id>    packs
import type { IndexId, KeyId, LockId, PackId, SnapshotId } from '../base/ids.ts';
import { isId } from '../base/ids.ts';
import type { ObjectName } from '../storage/storage.ts';

/** The id type of each kind of file. */
export interface FileIds {
  readonly key: KeyId;
  readonly lock: LockId;
  readonly snapshot: SnapshotId;
  readonly index: IndexId;
  readonly pack: PackId;
}

export type FileKind = keyof FileIds;

export const CONFIG_NAME: ObjectName = 'config';

const folders: Readonly<Record<FileKind, string>> = {
  key: 'keys/',
  lock: 'locks/',
  snapshot: 'snapshots/',
  index: 'index/',
  pack: 'data/',
};

/** The folder all files of a kind lie below, ending in `/`. */
export function folderOf(kind: FileKind): string {
  return folders[kind];
}

/** The object name of one file. */
export function objectName<K extends FileKind>(kind: K, id: FileIds[K]): ObjectName {
  return kind === 'pack' ? `data/${id.slice(0, 2)}/${id}` : folders[kind] + id;
}

/** The id in an object name of that kind, or `undefined` for temporary and foreign names, which a listing skips. */
export function idOfName<K extends FileKind>(kind: K, name: ObjectName): FileIds[K] | undefined {
  const text = name.slice(name.lastIndexOf('/') + 1);
  return isId(text) && name === objectName(kind, text as FileIds[K]) ? (text as FileIds[K]) : undefined;
}
