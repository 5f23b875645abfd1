import { closeSync, constants, openSync, readSync } from 'node:fs';
import { asBuffer, concatBytes } from '../../base/bytes.ts';
import { isCairnError, messageOf, systemCode } from '../../base/errors.ts';
import type { BlobSaver } from './blob-saver.ts';
import { ChunkBatch } from './chunk-batch.ts';
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
  const saved = new SavedChunks(saver);
  let stopped = -1;
  let stopAt = 0;
  const { next, atEnd } = window.chunks(
    (target, position) => readSync(fd, target, 0, target.length, position),
    task.start,
    {
      visit: (chunk, offset) => {
        if (offset >= task.end) return false;
        while (stopAt < task.stops.length && (task.stops[stopAt] ?? 0) < offset) stopAt++;
        if (task.stops[stopAt] === offset) {
          stopped = stopAt;
          return false;
        }
        if (offset >= storeFrom) saved.add(chunk, offset);
        else saver.throwIfAborted();
        return true;
      },
      settle: () => saved.settle(),
    },
  );
  return saved.result({ next, stopped, atEnd });
}

/** Saves a stream from its beginning to its end. */
export function saveStream(task: StreamTask, window: FileWindow, saver: BlobSaver): SegmentResult {
  const reader = new StreamRingReader(task.ring, () => saver.throwIfAborted());
  const saved = new SavedChunks(saver);
  const { next } = window.chunks((target) => reader.read(target), 0, {
    visit: (chunk, offset) => {
      saved.add(chunk, offset);
      return true;
    },
    settle: () => saved.settle(),
  });
  return saved.result({ next, stopped: -1, atEnd: true });
}

/** The chunks that a task has saved, in order. */
class SavedChunks {
  readonly #batch: ChunkBatch;
  readonly #starts: number[] = [];
  readonly #ids: Uint8Array[] = [];

  constructor(saver: BlobSaver) {
    this.#batch = new ChunkBatch(saver, (ids) => this.#ids.push(ids.slice()));
  }

  add(chunk: Uint8Array, offset: number): void {
    this.#starts.push(offset);
    this.#batch.add(chunk);
  }

  settle(): void {
    this.#batch.settle();
  }

  result(end: Pick<SegmentResult, 'next' | 'stopped' | 'atEnd'>): SegmentResult {
    return {
      kind: 'segment',
      starts: Float64Array.from([...this.#starts, end.next]),
      ids: concatBytes(this.#ids),
      ...end,
    };
  }
}
