// A snapshot document (restic's format, "Snapshots"). Fields have a fixed order; empty ones are left out,
// so root's uid 0 is absent. What other programs add is kept in `extra` and written back at the end.
import { utf8 } from '../../base/bytes.ts';
import { isCairnError } from '../../base/errors.ts';
import type { BlobId, SnapshotId } from '../../base/ids.ts';
import { DocumentFields } from '../document-fields.ts';
import type { JsonObject, JsonValue } from '../go-json.ts';
import { encodeObject } from '../go-json.ts';
import type { GoTime } from '../go-time.ts';
import { formatGoTime } from '../go-time.ts';

export interface Snapshot {
  readonly time: GoTime;
  /** The snapshot that served for change detection; never needed to restore. */
  readonly parent?: SnapshotId;
  /** Root tree. All zeros in some snapshots of old versions. */
  readonly tree: BlobId;
  /** Absolute paths of what was backed up. */
  readonly paths: readonly string[];
  readonly hostname: string;
  readonly username: string;
  readonly uid: number;
  readonly gid: number;
  readonly excludes: readonly string[];
  readonly tags: readonly string[];
  /** The first version of a snapshot that was saved again; set once, never changed. */
  readonly original?: SnapshotId;
  readonly programVersion?: string;
  readonly summary?: SnapshotSummary;
  readonly extra: JsonObject;
}

export interface SnapshotSummary {
  readonly backupStart: GoTime;
  readonly backupEnd: GoTime;
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly filesUnmodified: number;
  readonly dirsNew: number;
  readonly dirsChanged: number;
  readonly dirsUnmodified: number;
  readonly dataBlobs: number;
  readonly treeBlobs: number;
  /** Plain bytes of new blobs. */
  readonly dataAdded: number;
  /** Bytes of new blobs as stored, with encryption and header entries. */
  readonly dataAddedPacked: number;
  readonly totalFilesProcessed: number;
  readonly totalBytesProcessed: number;
  readonly extra: JsonObject;
}

type CountField = Exclude<keyof SnapshotSummary, 'backupStart' | 'backupEnd' | 'extra'>;

const summaryCounts: readonly (readonly [field: CountField, key: string])[] = [
  ['filesNew', 'files_new'],
  ['filesChanged', 'files_changed'],
  ['filesUnmodified', 'files_unmodified'],
  ['dirsNew', 'dirs_new'],
  ['dirsChanged', 'dirs_changed'],
  ['dirsUnmodified', 'dirs_unmodified'],
  ['dataBlobs', 'data_blobs'],
  ['treeBlobs', 'tree_blobs'],
  ['dataAdded', 'data_added'],
  ['dataAddedPacked', 'data_added_packed'],
  ['totalFilesProcessed', 'total_files_processed'],
  ['totalBytesProcessed', 'total_bytes_processed'],
];

const U32_MAX = 0xffff_ffff;

export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  const members: [string, JsonValue][] = [['time', formatGoTime(snapshot.time)]];
  const addUnlessZero = (key: string, value: string | number | undefined): void => {
    if (value !== undefined && value !== '' && value !== 0) members.push([key, value]);
  };
  const addUnlessEmpty = (key: string, list: readonly string[]): void => {
    if (list.length > 0) members.push([key, [...list]]);
  };
  addUnlessZero('parent', snapshot.parent);
  members.push(['tree', snapshot.tree], ['paths', [...snapshot.paths]]);
  addUnlessZero('hostname', snapshot.hostname);
  addUnlessZero('username', snapshot.username);
  addUnlessZero('uid', snapshot.uid);
  addUnlessZero('gid', snapshot.gid);
  addUnlessEmpty('excludes', snapshot.excludes);
  addUnlessEmpty('tags', snapshot.tags);
  addUnlessZero('original', snapshot.original);
  addUnlessZero('program_version', snapshot.programVersion);
  if (snapshot.summary !== undefined) members.push(['summary', summaryDocument(snapshot.summary)]);
  members.push(...Object.entries(snapshot.extra));
  return utf8(encodeObject(members));
}

/** Throws `SNAPSHOT_CORRUPT`. A summary that cannot be read stays in `extra`: it is only informative. */
export function decodeSnapshot(json: Uint8Array): Snapshot {
  const fields = DocumentFields.parse(json, 'SNAPSHOT_CORRUPT', 'snapshot');
  const time = fields.time('time');
  const parent = fields.optionalId<SnapshotId>('parent');
  const original = fields.optionalId<SnapshotId>('original');
  const programVersion = fields.string('program_version');
  const summaryValue = fields.value('summary');
  const summary = decodeSummary(fields, time);
  return {
    time,
    tree: fields.id<BlobId>('tree'),
    paths: fields.strings('paths'),
    hostname: fields.string('hostname'),
    username: fields.string('username'),
    uid: fields.integer('uid', U32_MAX),
    gid: fields.integer('gid', U32_MAX),
    excludes: fields.strings('excludes'),
    tags: fields.strings('tags'),
    ...(parent === undefined ? {} : { parent }),
    ...(original === undefined ? {} : { original }),
    ...(programVersion === '' ? {} : { programVersion }),
    ...(summary === undefined ? {} : { summary }),
    extra: {
      ...(summary === undefined && summaryValue !== undefined ? { summary: summaryValue } : {}),
      ...fields.unread(),
    },
  };
}

function summaryDocument(summary: SnapshotSummary): JsonObject {
  return {
    backup_start: formatGoTime(summary.backupStart),
    backup_end: formatGoTime(summary.backupEnd),
    ...Object.fromEntries(summaryCounts.map(([field, key]) => [key, summary[field]])),
    ...summary.extra,
  };
}

function decodeSummary(snapshot: DocumentFields, snapshotTime: GoTime): SnapshotSummary | undefined {
  try {
    const fields = snapshot.object('summary');
    if (fields === undefined) return undefined;
    const time = (key: string): GoTime => (fields.value(key) === undefined ? snapshotTime : fields.time(key));
    const backupStart = time('backup_start');
    const backupEnd = time('backup_end');
    // Every count is set by the list above; only the compiler cannot see it.
    const counts = Object.fromEntries(summaryCounts.map(([field, key]) => [field, fields.integer(key)])) as Record<
      CountField,
      number
    >;
    return { backupStart, backupEnd, ...counts, extra: fields.unread() };
  } catch (error) {
    if (isCairnError(error)) return undefined;
    throw error;
  }
}
