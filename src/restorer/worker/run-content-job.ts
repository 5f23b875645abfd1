import fs from 'node:fs';
import { CairnError, messageOf } from '../../base/errors.ts';
import type { CheckedBlob, SealedBlob } from '../../repository/blob-batch.ts';
import { RecordReader } from '../records/entry-record.ts';
import { writeFully, writeWithHoles } from '../target/file-content.ts';
import { TARGET_FIELDS, TargetKind, type ContentJob, type ContentResult, type JobFailure } from '../jobs.ts';
import { codeOf } from './run-tree-job.ts';
import { fatalTargetError } from '../target/target-error.ts';
import { directoryPaths, type WorkerContext } from './worker-context.ts';

interface Tally {
  readonly failedBlobs: JobFailure[];
  readonly failedTargets: JobFailure[];
  readonly notes: JobFailure[];
  files: number;
  bytes: number;
}

/**
 * Decodes the blobs of a job and writes each to all its places. A bad blob or target is told, the others
 * are done. Throws only what ends the run.
 */
export function runContentJob(context: WorkerContext, job: ContentJob): ContentResult {
  const tally: Tally = { failedBlobs: [], failedTargets: [], notes: [], files: 0, bytes: 0 };
  const write = targetWriter(context, job, tally);
  for (const batch of batches(context, job)) {
    for (const blob of batch) {
      if (context.stopped()) break;
      const at = blob.label;
      if ('error' in blob) {
        tally.failedBlobs.push({ at, code: codeOf(blob.error, 'STORAGE_IO'), message: messageOf(blob.error) });
        continue;
      }
      const end = job.firstTarget[at + 1] ?? 0;
      for (let target = job.firstTarget[at] ?? 0; target < end; target++) write(target, blob.plain);
    }
  }
  return { kind: 'content', ...tally };
}

/** The blobs of a job, by their positions in it; those of a batch are good until the next. */
function* batches(context: WorkerContext, job: ContentJob): Generator<readonly CheckedBlob<number>[]> {
  const { source, blobs } = job;
  if (source.kind === 'plain') {
    yield Array.from(blobs, (_, label) => ({ label, plain: source.blobs[label] ?? new Uint8Array(0) }));
    return;
  }
  const { batch } = context;
  for (let at = 0; at < blobs.length && !context.stopped(); at++) {
    let blob: SealedBlob;
    try {
      blob = sealedBlob(context, job, at);
    } catch (error) {
      batch.addFailed(at, error);
      continue;
    }
    if (!batch.hasRoomFor(blob)) yield batch.take();
    batch.add(at, blob);
  }
  yield batch.take();
}

function sealedBlob(context: WorkerContext, { source, blobs }: ContentJob, at: number): SealedBlob {
  const record = blobs[at] ?? 0;
  const location = context.index.location(record);
  if (location === undefined) throw new CairnError('BLOB_MISSING', 'the blob is not stored');
  const sealed =
    source.kind === 'sealed'
      ? source.bytes.subarray(location.offset - source.offset, location.offset - source.offset + location.length)
      : context.localBlobs?.read(location, (position) => {
          const next = blobs[at + 1 + position];
          return next === undefined ? undefined : context.index.location(next);
        });
  if (sealed === undefined) throw new CairnError('STORAGE_IO', 'the packs are not files of this machine');
  return { sealed, id: context.index.idBytes(record), uncompressedLength: location.uncompressedLength };
}

function targetWriter(
  context: WorkerContext,
  { targets, records }: ContentJob,
  tally: Tally,
): (target: number, plain: Uint8Array) => void {
  const record = new RecordReader(records.bytes);
  const pathOf = directoryPaths(records.directories);
  let content: Uint8Array = new Uint8Array(0);
  const fill = (fd: number): void => {
    // A hole at the end is made by the size alone.
    if (!writeWithHoles(fd, content, 0, context.sparse)) fs.ftruncateSync(fd, content.length);
  };
  return (target, plain) => {
    const at = target * TARGET_FIELDS;
    const place = targets[at + 1] ?? 0;
    const position = targets[at + 2] ?? 0;
    const note = (message: string): void => {
      tally.notes.push({ at: target, code: 'RESTORE_PARTIAL', message });
    };
    try {
      switch (targets[at]) {
        case TargetKind.wholeFile:
          content = plain;
          record.at(place);
          context.creator.createFile(record, pathOf(record.directory), fill, note);
          tally.files++;
          break;
        case TargetKind.newFile:
          writeWithHoles(place, plain, position, context.sparse);
          break;
        default:
          writeFully(place, plain, position);
      }
      tally.bytes += plain.length;
    } catch (error) {
      const fatal = fatalTargetError(error);
      if (fatal !== undefined) throw fatal;
      tally.failedTargets.push({ at: target, code: 'RESTORE_FAILED', message: messageOf(error) });
    }
  };
}
