import { type Clock, systemClock } from '../../base/clock.ts';
import { isCairnError } from '../../base/errors.ts';
import type {
  ObjectInfo,
  ObjectName,
  ReadOptions,
  Storage,
  StorageOptions,
  WriteStreamOptions,
  WrittenStream,
} from '../storage.ts';
import { AroundLayer, type StorageCall } from './around-layer.ts';
import { countingHandedOver } from './handed-over.ts';

/** One finished operation of a storage. Names of objects are ids and fixed words: there is no secret in it. */
export interface StorageLogEntry {
  readonly operation: StorageCall['kind'];
  /** The object, the prefix of a listing, or the first of several objects; empty for `create`. */
  readonly name: string;
  /** Objects it was about; for a listing, those it gave. */
  readonly objects: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** For a listing without the time its reader took between two entries; for a stream with that of its source. */
  readonly durationMs: number;
  /** `ok`, `aborted`, or the code of the error; `unknown` for one that is not ours. */
  readonly outcome: string;
}

export interface LogOptions {
  readonly clock?: Clock;
}

/** Tells `onEntry` of every operation once it has ended, well or not. */
export function logged(inner: Storage, onEntry: (entry: StorageLogEntry) => void, options: LogOptions = {}): Storage {
  return new LogLayer(inner, onEntry, options.clock ?? systemClock);
}

class LogLayer extends AroundLayer {
  readonly #onEntry: (entry: StorageLogEntry) => void;
  readonly #clock: Clock;

  constructor(inner: Storage, onEntry: (entry: StorageLogEntry) => void, clock: Clock) {
    super(inner);
    this.#onEntry = onEntry;
    this.#clock = clock;
  }

  /** One entry for the whole listing, also where its reader stops early. */
  override async *list(prefix: string, options: StorageOptions = {}): AsyncGenerator<ObjectInfo> {
    let objects = 0;
    let durationNs = 0n;
    let outcome = 'ok';
    const iterator = this.inner.list(prefix, options)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const started = this.#clock.nowNs();
        const step = await iterator.next().finally(() => {
          durationNs += this.#clock.nowNs() - started;
        });
        if (step.done === true) return;
        objects++;
        yield step.value;
      }
    } catch (error) {
      outcome = outcomeOf(error, options);
      throw error;
    } finally {
      await iterator.return?.();
      this.#tell({ kind: 'list', name: prefix, objects, sentBytes: 0 }, 0, durationNs, outcome);
    }
  }

  override read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const counting = countingHandedOver(options);
    const received = (bytes: Uint8Array): number => bytes.length + counting.bytes();
    const call = { kind: 'read', name, objects: 1, sentBytes: 0 } as const;
    return this.#timed(call, options, received, () => this.inner.read(name, counting.options));
  }

  /** One entry for the whole stream. */
  override async writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options: WriteStreamOptions = {},
  ): Promise<WrittenStream> {
    const started = this.#clock.nowNs();
    let outcome = 'ok';
    let sentBytes = 0;
    try {
      const written = await this.inner.writeStream(name, chunks, options);
      sentBytes = written.sizeBytes;
      return written;
    } catch (error) {
      outcome = outcomeOf(error, options);
      throw error;
    } finally {
      this.#tell({ kind: 'write', name, objects: 1, sentBytes }, 0, this.#clock.nowNs() - started, outcome);
    }
  }

  protected override around<T>(call: StorageCall, options: StorageOptions, run: () => Promise<T>): Promise<T> {
    return this.#timed(call, options, () => 0, run);
  }

  async #timed<T>(
    call: StorageCall,
    options: StorageOptions,
    received: (result: T) => number,
    run: () => Promise<T>,
  ): Promise<T> {
    const started = this.#clock.nowNs();
    let outcome = 'ok';
    let receivedBytes = 0;
    try {
      const result = await run();
      receivedBytes = received(result);
      return result;
    } catch (error) {
      outcome = outcomeOf(error, options);
      throw error;
    } finally {
      this.#tell(call, receivedBytes, this.#clock.nowNs() - started, outcome);
    }
  }

  #tell(call: StorageCall, receivedBytes: number, durationNs: bigint, outcome: string): void {
    this.#onEntry({
      operation: call.kind,
      name: call.name,
      objects: call.objects,
      sentBytes: call.sentBytes,
      receivedBytes,
      durationMs: Number(durationNs) / 1e6,
      outcome,
    });
  }
}

function outcomeOf(error: unknown, { signal }: StorageOptions): string {
  if (signal?.aborted === true && error === signal.reason) return 'aborted';
  return isCairnError(error) ? error.code : 'unknown';
}
