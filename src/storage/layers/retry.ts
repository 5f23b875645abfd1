import { equalBytes } from '../../base/bytes.ts';
import { type Clock, msToNs, systemClock } from '../../base/clock.ts';
import { CairnError, hasCode, isCairnError, type KnownError } from '../../base/errors.ts';
import { partsOf, sizeOf } from '../object-range.ts';
import { removeInBatches } from '../remove-each.ts';
import { runOnce } from '../run-once.ts';
import type {
  ColdStorage,
  ObjectInfo,
  ObjectName,
  ReadOptions,
  Storage,
  StorageOptions,
  WriteOptions,
  WriteStreamOptions,
  WrittenStream,
  WrittenAt,
} from '../storage.ts';
import { coldAround } from './around-layer.ts';
import { SeenNames } from './seen-names.ts';
import { StorageLayer } from './storage-layer.ts';

/** Told before each pause. */
export interface RetryNotice {
  /** What failed, such as `write data/ab/…`. */
  readonly operation: string;
  readonly error: KnownError;
  /** How often it has been tried so far. */
  readonly attempts: number;
  readonly delayMs: number;
}

export interface RetryOptions {
  /** Pause after the first failure, doubled after each further one; each is varied by half either way. */
  readonly firstDelayMs?: number;
  readonly longestDelayMs?: number;
  /** No new try once this time has passed since the first one failed. */
  readonly giveUpAfterMs?: number | undefined;
  readonly onRetry?: ((notice: RetryNotice) => void) | undefined;
  readonly clock?: Clock;
  /** In [0, 1), for the jitter. */
  readonly random?: () => number;
}

/**
 * Tries again what failed with `retry: 'later'`, with growing, jittered pauses; by default from one
 * second (the values restic uses) for up to 15 minutes. An error that says so in `facts.retryAfterMs` is not
 * tried again before; so an operation waits for the circuit breaker below. One with `facts.asked` false was not sent
 * and counts as no try. The last error keeps its code and says how often it was tried. Other errors pass at once.
 */
export function retrying(inner: Storage, options: RetryOptions = {}): Storage {
  return new RetryLayer(inner, options);
}

const verbs: Readonly<Record<string, string>> = { state: 'look at' };

class RetryLayer extends StorageLayer {
  readonly #options: RetryOptions;
  readonly #clock: Clock;
  readonly #cold: ColdStorage | undefined;

  constructor(inner: Storage, options: RetryOptions) {
    super(inner);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#cold =
      inner.cold === undefined
        ? undefined
        : coldAround(inner.cold, ({ kind, name }, call, run) =>
            this.#retry(`${verbs[kind] ?? kind} ${name}`, call, run),
          );
  }

  override get cold(): ColdStorage | undefined {
    return this.#cold;
  }

  override get writtenAt(): WrittenAt | undefined {
    const writtenAt = this.inner.writtenAt?.bind(this.inner);
    if (writtenAt === undefined) return undefined;
    return (name, options = {}) => this.#retry(`look at ${name}`, options, () => writtenAt(name, options));
  }

  override create(options: StorageOptions = {}): Promise<void> {
    return this.#retry('create the storage', options, () => this.inner.create(options));
  }

  override async *list(prefix: string, options: StorageOptions = {}): AsyncGenerator<ObjectInfo> {
    const seen = new SeenNames();
    const pauses = this.#pauses(`list ${prefix}`, options);
    for (let isFirst = true; ; isFirst = false) {
      try {
        for await (const info of this.inner.list(prefix, options)) {
          if (!isFirst && seen.has(info.name)) continue;
          seen.add(info.name);
          yield info;
        }
        return;
      } catch (error) {
        await pauses.before(error);
      }
    }
  }

  override stat(name: ObjectName, options: StorageOptions = {}): Promise<ObjectInfo | undefined> {
    return this.#retry(`look at ${name}`, options, () => this.inner.stat(name, options));
  }

  override read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    return this.#retry(`read ${name}`, options, () => this.inner.read(name, options));
  }

  override write(
    name: ObjectName,
    data: Uint8Array | readonly Uint8Array[],
    options: WriteOptions = {},
  ): Promise<void> {
    return this.#retry(`write ${name}`, options, async (attempt) => {
      try {
        await this.inner.write(name, data, options);
      } catch (error) {
        // The try before may have stored it and only its answer was lost: then it is there because of us.
        const ours =
          attempt > 1 && hasCode(error, 'OBJECT_EXISTS') && (await this.#holds(name, partsOf(data), options));
        if (!ours) throw error;
      }
    });
  }

  /** The stream cannot be read twice; its requests are tried again one by one, where the storage can. */
  override writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options: WriteStreamOptions = {},
  ): Promise<WrittenStream> {
    const { perRequest = runOnce, ...rest } = options;
    return this.inner.writeStream(name, chunks, {
      ...rest,
      perRequest: (request, run) => perRequest(request, () => this.#retry(request.what, request, run)),
    });
  }

  override remove(name: ObjectName, options: StorageOptions = {}): Promise<void> {
    return this.#retry(`remove ${name}`, options, () => this.inner.remove(name, options));
  }

  override removeMany(names: readonly ObjectName[], options: StorageOptions = {}): Promise<void> {
    return removeInBatches(this, names, options, (batch) =>
      // Those that are gone already are no error the next time.
      this.#retry(`remove ${batch.length} objects`, options, () => this.inner.removeMany(batch, options)),
    );
  }

  async #retry<T>(operation: string, options: StorageOptions, run: (attempt: number) => Promise<T>): Promise<T> {
    const pauses = this.#pauses(operation, options);
    for (;;) {
      try {
        return await run(pauses.attempt);
      } catch (error) {
        await pauses.before(error);
      }
    }
  }

  #pauses(operation: string, { signal }: StorageOptions): Pauses {
    return new Pauses(operation, this.#options, this.#clock, signal);
  }

  async #holds(name: ObjectName, parts: readonly Uint8Array[], { signal }: StorageOptions): Promise<boolean> {
    const info = await this.inner.stat(name, { signal });
    if (info?.sizeBytes !== sizeOf(parts)) return false;
    const stored = await this.inner.read(name, { signal });
    let offset = 0;
    for (const part of parts) {
      if (!equalBytes(part, stored.subarray(offset, offset + part.length))) return false;
      offset += part.length;
    }
    return true;
  }
}

/** The tries of one operation. */
class Pauses {
  attempt = 1;
  readonly #operation: string;
  readonly #options: RetryOptions;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  /** From the first failure on: a first try may have waited long for its place. */
  #deadlineNs: bigint | undefined;

  constructor(operation: string, options: RetryOptions, clock: Clock, signal: AbortSignal | undefined) {
    this.#operation = operation;
    this.#options = options;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Waits before the next try, or throws `error` where there is to be none. */
  async before(error: unknown): Promise<void> {
    this.#signal?.throwIfAborted();
    if (!isCairnError(error) || error.retry !== 'later') throw error;
    this.#deadlineNs ??= this.#clock.nowNs() + msToNs(this.#options.giveUpAfterMs ?? 15 * 60_000);
    // A server that says how long to wait is not asked again before.
    const wasAsked = error.facts['asked'] !== false;
    const delayMs = Math.max(wasAsked ? this.#delayMs() : 0, retryAfterMs(error));
    const tries = wasAsked ? this.attempt : this.attempt - 1;
    if (this.#clock.nowNs() + msToNs(delayMs) > this.#deadlineNs) throw exhausted(error, tries);
    this.#options.onRetry?.({ operation: this.#operation, error, attempts: tries, delayMs });
    await this.#clock.sleep(delayMs, this.#signal);
    this.attempt = tries + 1;
  }

  #delayMs(): number {
    const { firstDelayMs = 1000, longestDelayMs = 60_000, random = Math.random } = this.#options;
    const plain = Math.min(firstDelayMs * 2 ** (this.attempt - 1), longestDelayMs);
    return plain * (0.5 + random());
  }
}

function retryAfterMs({ facts }: KnownError): number {
  const asked = facts['retryAfterMs'];
  return typeof asked === 'number' ? asked : 0;
}

function exhausted(error: KnownError, attempts: number): KnownError {
  if (attempts <= 1) return error;
  return new CairnError(error.code, `${error.message} (tried ${attempts} times)`, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    retry: error.retry,
    cause: error,
    facts: { ...error.facts, attempts },
  });
}
