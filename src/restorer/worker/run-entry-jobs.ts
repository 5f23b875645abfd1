import fs from 'node:fs';
import { messageOf } from '../../base/errors.ts';
import { EntryKind, MISSING_BLOB, RecordReader } from '../records/entry-record.ts';
import { withRoom } from '../../base/bytes.ts';
import { blobSize } from '../../repository/blob-size.ts';
import { readFully } from '../target/file-content.ts';
import type { CompareJob, CompareResult, EntriesJob, EntriesResult, JobFailure } from '../jobs.ts';
import { fatalTargetError } from '../target/target-error.ts';
import { directoryPaths, type WorkerContext } from './worker-context.ts';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

/** Creates entries that have no content. Throws only what ends the run. */
export function runEntriesJob(context: WorkerContext, { records }: EntriesJob): EntriesResult {
  const pathOf = directoryPaths(records.directories);
  const record = new RecordReader(records.bytes);
  const failed: JobFailure[] = [];
  const notes: JobFailure[] = [];
  let files = 0;
  for (const [at, offset] of records.offsets.entries()) {
    if (context.stopped()) break;
    record.at(offset);
    const note = (message: string): void => {
      notes.push({ at, code: 'RESTORE_PARTIAL', message });
    };
    try {
      const path = pathOf(record.directory);
      if (record.kind === EntryKind.file) context.creator.createFile(record, path, () => {}, note);
      else context.creator.createSpecial(record, path, note);
      files++;
    } catch (error) {
      const fatal = fatalTargetError(error);
      if (fatal !== undefined) throw fatal;
      failed.push({ at, code: 'RESTORE_FAILED', message: messageOf(error) });
    }
  }
  return { kind: 'entries', failed, notes, files };
}

/** Reads files of the target and tells which blobs of each differ from what is recorded. */
export function runCompareJob(context: WorkerContext, { records }: CompareJob): CompareResult {
  const pathOf = directoryPaths(records.directories);
  const record = new RecordReader(records.bytes);
  const differing: (readonly number[] | undefined)[] = [];
  let buffer: Uint8Array = new Uint8Array(0);
  for (const offset of records.offsets) {
    if (context.stopped()) break;
    record.at(offset);
    try {
      const dirfd = context.cursor.open(pathOf(record.directory));
      const fd = context.posix.openat(dirfd, record.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      try {
        differing.push(differingBlobs(fd));
      } finally {
        context.posix.close(fd);
      }
    } catch {
      differing.push(undefined);
    }
  }
  return { kind: 'compare', differing };

  function differingBlobs(fd: number): number[] {
    const found: number[] = [];
    let position = 0;
    for (let blob = 0; blob < record.blobCount; blob++) {
      if (context.stopped()) break;
      const entry = record.blob(blob);
      const size = entry === MISSING_BLOB ? 0 : blobSize(context.index.location(entry));
      buffer = withRoom(buffer, size);
      const wanted = buffer.subarray(0, size);
      const read = entry !== MISSING_BLOB && readFully(fd, wanted, position) === size;
      if (!read || !context.decoder.matches(wanted, context.index.idBytes(entry))) found.push(blob);
      position += size;
    }
    return found;
  }
}
