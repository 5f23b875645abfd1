import { FileType, StatField } from '../../base/posix/posix.ts';
import { EntryKind, type RecordReader } from '../records/entry-record.ts';
import type { OverwriteMode } from '../restore-options.ts';

/**
 * What to do about an entry whose name exists in the target: leave it; set its metadata only; compare its
 * content and rewrite what differs; replace it as a whole; or a directory is in the way.
 */
export type ExistingAction = 'leave' | 'metadata' | 'compare' | 'replace' | 'directory';

/** Decides from the fields of `StatField`. Pure. */
export function planExisting(stat: BigInt64Array, record: RecordReader, overwrite: OverwriteMode): ExistingAction {
  const type = Number(stat[StatField.mode]) & FileType.mask;
  if (overwrite === 'never') return 'leave';
  const mtimeNs = stat[StatField.mtimeNs] ?? 0n;
  if (overwrite === 'if-newer' && record.mtimeNs <= mtimeNs) return 'leave';
  if (type === FileType.directory) return 'directory';
  if (record.kind !== EntryKind.file || type !== FileType.regular) return 'replace';
  if (overwrite === 'if-changed' && record.mtimeNs === mtimeNs && record.contentSize === stat[StatField.sizeBytes]) {
    return 'metadata';
  }
  return 'compare';
}
