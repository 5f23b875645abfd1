import { type Clock, systemClock } from '../../base/clock.ts';
import { concatBytes } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import { checkObjectName } from '../object-name.ts';
import { partsOf, sizeOf } from '../object-range.ts';
import { runOnce } from '../run-once.ts';
import type {
  ObjectInfo,
  ObjectName,
  PerRequest,
  ReadOptions,
  Storage,
  StorageOptions,
  StreamRequest,
  WriteOptions,
  WriteStreamOptions,
  WrittenStream,
} from '../storage.ts';
import { StorageLayer } from './storage-layer.ts';

/** A stream is a `write`, and a `chunk` for each that comes along: a fault there ends it in the middle. */
export type OperationKind = 'create' | 'list' | 'stat' | 'read' | 'write' | 'chunk' | 'remove';

/** One call of the storage, or one step of a stream. */
export interface Operation {
  /** Counts from 1, over all calls. */
  readonly number: number;
  readonly kind: OperationKind;
  /** Name, or prefix for a listing; empty for `create`. */
  readonly name: string;
}

/** What goes wrong. */
export type FaultEffect =
  /** Throws `error` and does nothing; by default `STORAGE_IO`, worth a retry. */
  | { readonly how: 'fail'; readonly error?: Error }
  /** Does it, then throws: the answer was lost. */
  | { readonly how: 'fail-after'; readonly error?: Error }
  /** A write stores its first `keepBytes` (half by default; of a stream, all that comes) under the name, then throws. */
  | { readonly how: 'torn-write'; readonly keepBytes?: number; readonly error?: Error }
  /** A write says it is done and stores nothing. */
  | { readonly how: 'lost-write' }
  /** A read gives its first `keepBytes` (half by default) only. */
  | { readonly how: 'truncate-read'; readonly keepBytes?: number }
  /** A read gives one bit wrong; by default in the middle. */
  | { readonly how: 'flip-bit'; readonly bit?: number }
  | { readonly how: 'delay'; readonly delayMs: number }
  /** A listing misses the objects for which `entry` is true. */
  | { readonly how: 'lose-from-listing'; readonly entry: (name: ObjectName) => boolean };

/** An effect and when it happens: always, unless one of the conditions says less. */
export type Fault = FaultEffect & {
  /** At this operation number only. */
  readonly at?: number;
  /** From this operation number on: the storage has died. */
  readonly from?: number;
  readonly when?: (operation: Operation) => boolean;
  /** How many times at most; 1 makes it fail once. */
  readonly times?: number;
};

export interface FaultyStorage extends Storage {
  /** All calls so far, in order. */
  readonly operations: readonly Operation[];
  /** Adds a fault. */
  inject(fault: Fault): void;
  /** Removes all faults; the count goes on. */
  heal(): void;
}

/**
 * `inner` with programmed faults, for tests. Run a job once without faults to learn how many operations
 * it has, then once for each `n` with a fault `{ at: n, … }` or `{ from: n, … }`.
 */
export function faulty(
  inner: Storage,
  faults: Fault | readonly Fault[] = [],
  { clock = systemClock }: { readonly clock?: Clock } = {},
): FaultyStorage {
  return new FaultyLayer(inner, 'how' in faults ? [faults] : faults, clock);
}

class FaultyLayer extends StorageLayer implements FaultyStorage {
  readonly operations: Operation[] = [];
  readonly #clock: Clock;
  #faults: { readonly fault: Fault; left: number }[] = [];

  constructor(inner: Storage, faults: readonly Fault[], clock: Clock) {
    super(inner);
    this.#clock = clock;
    for (const fault of faults) this.inject(fault);
  }

  inject(fault: Fault): void {
    this.#faults.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY });
  }

  heal(): void {
    this.#faults = [];
  }

  override create(options?: StorageOptions): Promise<void> {
    return this.#run('create', '', options, () => this.inner.create(options));
  }

  override async *list(prefix: string, options?: StorageOptions): AsyncGenerator<ObjectInfo> {
    const operation = this.#count('list', prefix);
    const effects = await this.#start(operation, options);
    for await (const info of this.inner.list(prefix, options)) {
      const lost = effects.some((effect) => effect.how === 'lose-from-listing' && effect.entry(info.name));
      if (!lost) yield info;
    }
    finish(effects, operation);
  }

  override stat(name: ObjectName, options?: StorageOptions): Promise<ObjectInfo | undefined> {
    return this.#run('stat', name, options, () => this.inner.stat(name, options));
  }

  override read(name: ObjectName, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
    return this.#run('read', name, options, async (effects) => {
      let bytes = await this.inner.read(name, options);
      for (const effect of effects) {
        if (effect.how === 'truncate-read') bytes = bytes.slice(0, effect.keepBytes ?? bytes.length >> 1);
        if (effect.how === 'flip-bit') flipBit(bytes, effect.bit ?? bytes.length * 4);
      }
      return bytes;
    });
  }

  override write(name: ObjectName, data: Uint8Array | readonly Uint8Array[], options?: WriteOptions): Promise<void> {
    return this.#run('write', name, options, async (effects, operation) => {
      const torn = effects.find((effect) => effect.how === 'torn-write');
      if (torn !== undefined) {
        const whole = concatBytes(partsOf(data));
        const { sha256: _ofAll, ...rest } = options ?? {};
        await this.inner.write(name, whole.subarray(0, torn.keepBytes ?? whole.length >> 1), rest);
        throw torn.error ?? injected(operation);
      }
      if (!effects.some((effect) => effect.how === 'lost-write')) await this.inner.write(name, data, options);
    });
  }

  override async writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options: WriteStreamOptions = {},
  ): Promise<WrittenStream> {
    const { perRequest = runOnce, signal } = options;
    const request: StreamRequest = { what: `write ${name}`, signal };
    const { operation, effects } = await perRequest(request, async () => {
      const begun = this.#count('write', name);
      return { operation: begun, effects: await this.#start(begun, options) };
    });
    const given = this.#withChunkFaults(name, chunks, request, perRequest);
    const torn = effects.find((effect) => effect.how === 'torn-write');
    if (torn !== undefined) {
      await this.inner.write(name, await take(given, torn.keepBytes), options);
      throw torn.error ?? injected(operation);
    }
    if (effects.some((effect) => effect.how === 'lost-write')) return { sizeBytes: sizeOf(await take(given)) };
    const written = await this.inner.writeStream(name, given, options);
    let answers = 0;
    // As a storage does that asks again whether it took the last request: it did.
    await perRequest(request, async () => {
      if (answers++ === 0) finish(effects, operation);
    });
    return written;
  }

  override remove(name: ObjectName, options?: StorageOptions): Promise<void> {
    return this.#run('remove', name, options, () => this.inner.remove(name, options));
  }

  /** One operation for each object, one after the other, so that a fault can leave any part of them. */
  override async removeMany(names: readonly ObjectName[], options?: StorageOptions): Promise<void> {
    for (const name of names) checkObjectName(name);
    options?.signal?.throwIfAborted();
    for (const name of names) await this.remove(name, options);
  }

  async *#withChunkFaults(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    request: StreamRequest,
    perRequest: PerRequest,
  ): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      await perRequest(request, async () => {
        const operation = this.#count('chunk', name);
        finish(await this.#start(operation, request), operation);
      });
      yield chunk;
    }
  }

  async #run<T>(
    kind: OperationKind,
    name: string,
    options: StorageOptions | undefined,
    run: (effects: readonly FaultEffect[], operation: Operation) => Promise<T>,
  ): Promise<T> {
    const operation = this.#count(kind, name);
    const effects = await this.#start(operation, options);
    const result = await run(effects, operation);
    finish(effects, operation);
    return result;
  }

  #count(kind: OperationKind, name: string): Operation {
    const operation = { number: this.operations.length + 1, kind, name };
    this.operations.push(operation);
    return operation;
  }

  /** The effects on this operation; delays and failures happen here. */
  async #start(operation: Operation, options: StorageOptions = {}): Promise<readonly FaultEffect[]> {
    const hit = this.#faults.filter(({ fault, left }) => left > 0 && applies(fault, operation));
    for (const entry of hit) entry.left--;
    const effects = hit.map(({ fault }) => fault);
    for (const effect of effects) {
      if (effect.how === 'delay') await this.#clock.sleep(effect.delayMs, options.signal);
      if (effect.how === 'fail') throw effect.error ?? injected(operation);
    }
    return effects;
  }
}

function applies(fault: Fault, operation: Operation): boolean {
  if (fault.at !== undefined && operation.number !== fault.at) return false;
  if (fault.from !== undefined && operation.number < fault.from) return false;
  return canAffect(fault, operation.kind) && (fault.when?.(operation) ?? true);
}

/** Whether the effect means anything for this kind of operation. */
function canAffect(fault: Fault, kind: OperationKind): boolean {
  switch (fault.how) {
    case 'fail':
    case 'fail-after':
    case 'delay':
      return true;
    case 'torn-write':
    case 'lost-write':
      return kind === 'write';
    case 'truncate-read':
    case 'flip-bit':
      return kind === 'read';
    case 'lose-from-listing':
      return kind === 'list';
    default:
      return fault satisfies never;
  }
}

function finish(effects: readonly FaultEffect[], operation: Operation): void {
  for (const effect of effects) {
    if (effect.how === 'fail-after') throw effect.error ?? injected(operation);
  }
}

function flipBit(bytes: Uint8Array, bit: number): void {
  const at = bit >> 3;
  const byte = bytes[at];
  if (byte !== undefined) bytes[at] = byte ^ (1 << (bit & 7));
}

/** Copies of the first `keepBytes` of a stream; of all of it by default. */
async function take(chunks: AsyncIterable<Uint8Array>, keepBytes = Infinity): Promise<Uint8Array[]> {
  const copies: Uint8Array[] = [];
  let left = keepBytes;
  for await (const chunk of chunks) {
    copies.push(chunk.slice(0, left));
    left -= Math.min(left, chunk.length);
    if (left === 0) break;
  }
  return copies;
}

function injected({ number, kind, name }: Operation): CairnError {
  return new CairnError('STORAGE_IO', `injected fault at operation ${number}: ${kind} ${name}`, { retry: 'later' });
}
