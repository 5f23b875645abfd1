import { closeSync, constants, openSync, readSync } from 'node:fs';
import { asBuffer, concatBytes } from '../../base/bytes.ts';
import { isCairnError, messageOf, systemCode } from '../../base/errors.ts';
import type { BlobSaver } from './blob-saver.ts';
import type { FileWindow } from './file-window.ts';
import type { SegmentResult, SegmentTask, SegmentUnreadable, StreamTask } from './messages.ts';
import { StreamRingReader } from './stream-ring.ts';

/** Saves the chunks of one part of a big file; see `SegmentTask` for the rules. */
export function saveSegment(
  task: SegmentTask,
  window: FileWindow,
  saver: BlobSaver,
): SegmentResult | SegmentUnreadable {
  let fd: number | undefined;
  try {
    fd = openSync(asBuffer(task.path), constants.O_RDONLY | constants.O_NOFOLLOW);
    return saveChunks(fd, task, window, saver);
  } catch (error) {
    if (isCairnError(error) || systemCode(error) === undefined) throw error;
    return { kind: 'unreadable', message: messageOf(error) };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function saveChunks(fd: number, task: SegmentTask, window: FileWindow, saver: BlobSaver): SegmentResult {
  const storeFrom = task.start + task.skipBytes;
  const starts: number[] = [];
  const ids: Uint8Array[] = [];
  let stopped = -1;
  let stopAt = 0;
  const { next, atEnd } = window.chunks(
    (target, position) => readSync(fd, target, 0, target.length, position),
    task.start,
    (chunk, offset) => {
      if (offset >= task.end) return false;
      while (stopAt < task.stops.length && (task.stops[stopAt] ?? 0) < offset) stopAt++;
      if (task.stops[stopAt] === offset) {
        stopped = stopAt;
        return false;
      }
      if (offset >= storeFrom) {
        starts.push(offset);
        ids.push(saver.save(chunk).slice());
      } else {
        saver.throwIfAborted();
      }
      return true;
    },
  );
  return {
    kind: 'segment',
    starts: Float64Array.from([...starts, next]),
    ids: concatBytes(ids),
    next,
    stopped,
    atEnd,
  };
}

/** Saves a stream from its beginning to its end. */
export function saveStream(task: StreamTask, window: FileWindow, saver: BlobSaver): SegmentResult {
  const reader = new StreamRingReader(task.ring, () => saver.throwIfAborted());
  const starts: number[] = [];
  const ids: Uint8Array[] = [];
  const { next } = window.chunks(
    (target) => reader.read(target),
    0,
    (chunk, offset) => {
      starts.push(offset);
      ids.push(saver.save(chunk).slice());
      return true;
    },
  );
  return {
    kind: 'segment',
    starts: Float64Array.from([...starts, next]),
    ids: concatBytes(ids),
    next,
    stopped: -1,
    atEnd: true,
  };
}
