// A big file is cut by several workers at once. Whether a chunk ends at some byte depends only on the
// 64 bytes before it and on where the chunk started, so two cuttings of the same bytes that start apart
// meet at some boundary and are equal from there on. Each segment is cut on the guess that a chunk starts
// where the segment does; a *bridge* then cuts on from the true start until it meets the guess. The result
// is what one worker would have made alone.
import { CairnError } from '../base/errors.ts';
import { abortedError } from '../base/job.ts';
import { concatBytes } from '../base/bytes.ts';
import { ID_SIZE } from '../base/ids.ts';
import type { SegmentResult, SegmentTask, TaskDone } from './worker/messages.ts';
import type { TaskRunner } from './worker-pool.ts';

const SEGMENT_BYTES = 64 * 1024 * 1024;
/** Chunks this near to a guessed start are left to the bridge: by then the cuttings have nearly always met. */
const SKIP_BYTES = 8 * 1024 * 1024;
const NO_STOPS = new Float64Array(0);

export interface SavedFile {
  /** Blob ids, 32 bytes each. */
  readonly content: Uint8Array;
  readonly sizeBytes: number;
}

export class BigFileSaver {
  readonly #pool: TaskRunner;
  readonly #onTask: (task: TaskDone, bytes: number) => void;

  constructor(pool: TaskRunner, onTask: (task: TaskDone, bytes: number) => void) {
    this.#pool = pool;
    this.#onTask = onTask;
  }

  /**
   * Saves the file's content up to its present end, which may differ from the size it had. Bridges are cut
   * while later segments are still being handed out, so that they find their bytes in the system's cache.
   */
  async save(path: Uint8Array, sizeBytes: number, stop: AbortSignal | undefined): Promise<SavedFile> {
    const segments = planSegments(path, sizeBytes);
    const handingOut = this.#handOut(segments, stop);
    handingOut.catch(() => {}); // every segment's own promise tells
    const content: Uint8Array[] = [];
    let next = 0;
    let atEnd = false;
    for (const { task, result } of segments) {
      const guess = await result.promise;
      if (atEnd) continue; // the file became shorter; later segments only have to end
      // A right guess needs its bridge too: the chunks it skipped are stored by nobody else.
      const isWhole = next === task.start && task.skipBytes === 0;
      const joined = isWhole ? { from: 0 } : await this.#bridge(task, guess, next, content);
      if ('from' in joined) {
        content.push(guess.ids.subarray(joined.from * ID_SIZE));
        ({ next, atEnd } = guess);
      } else {
        ({ next, atEnd } = joined);
      }
    }
    return { content: concatBytes(content), sizeBytes: next };
  }

  async #handOut(segments: readonly Segment[], stop: AbortSignal | undefined): Promise<void> {
    for (const { task, bytes, result } of segments) {
      try {
        await this.#pool.ready();
        if (stop?.aborted === true) throw abortedError(stop.reason);
        this.#run(task, false, bytes).then(result.resolve, result.reject);
      } catch (error) {
        result.reject(error);
      }
    }
  }

  /** Cuts from the true start until a chunk of the guess is met; where none is, the guess is dropped. */
  async #bridge(
    segment: SegmentTask,
    guess: SegmentResult,
    start: number,
    content: Uint8Array[],
  ): Promise<{ from: number } | { next: number; atEnd: boolean }> {
    const stops = guess.starts.slice(0, -1);
    const result = await this.#run({ ...segment, start, skipBytes: 0, stops }, true, 0);
    content.push(result.ids);
    return result.stopped >= 0 ? { from: result.stopped } : { next: result.next, atEnd: result.atEnd };
  }

  async #run(task: SegmentTask, urgent: boolean, bytes: number): Promise<SegmentResult> {
    const done = await this.#pool.run(task, { urgent });
    if (done.result.kind === 'unreadable') throw new Error(done.result.message);
    if (done.result.kind !== 'segment') throw new CairnError('INTERNAL', 'a worker answered another question');
    this.#onTask(done, bytes);
    return done.result;
  }
}

interface Segment {
  readonly task: SegmentTask;
  /** Bytes it is about, for progress. */
  readonly bytes: number;
  readonly result: PromiseWithResolvers<SegmentResult>;
}

function planSegments(path: Uint8Array, sizeBytes: number): Segment[] {
  const segments: Segment[] = [];
  for (let start = 0; start < sizeBytes; start += SEGMENT_BYTES) {
    const isLast = start + SEGMENT_BYTES >= sizeBytes;
    // The last segment goes on to wherever the file ends by then.
    const end = isLast ? Number.MAX_SAFE_INTEGER : start + SEGMENT_BYTES;
    const skipBytes = start === 0 ? 0 : SKIP_BYTES;
    const result = Promise.withResolvers<SegmentResult>();
    result.promise.catch(() => {}); // thrown where it is awaited
    segments.push({
      task: { kind: 'segment', path, start, end, skipBytes, stops: NO_STOPS },
      bytes: Math.min(SEGMENT_BYTES, sizeBytes - start),
      result,
    });
  }
  return segments;
}
