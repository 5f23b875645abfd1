import { partsOf, sizeOf } from '../object-range.ts';
import { removeInBatches } from '../remove-each.ts';
import { runOnce } from '../run-once.ts';
import type {
  ColdObjectInfo,
  ColdStorage,
  ObjectInfo,
  ObjectName,
  ReadOptions,
  RetrievalTier,
  RetrieveOptions,
  Storage,
  StorageOptions,
  WriteOptions,
  WriteStreamOptions,
  WrittenStream,
} from '../storage.ts';
import { StorageLayer } from './storage-layer.ts';

/** One call of a storage. */
export interface StorageCall {
  readonly kind: 'create' | 'list' | 'stat' | 'read' | 'write' | 'remove' | 'state' | 'retrieve';
  /** The object, the prefix of a listing, or the first of several objects; empty for `create`. */
  readonly name: string;
  /** Objects it is about. */
  readonly objects: number;
  /** Bytes handed over by a write. */
  readonly sentBytes: number;
}

/**
 * A layer that treats all operations alike: `around` is called with each of them; of a stream, which may take hours and
 * whose source may use the same storage, with each request that its storage tells of.
 */
export abstract class AroundLayer extends StorageLayer {
  readonly #cold: ColdStorage | undefined;

  constructor(inner: Storage) {
    super(inner);
    this.#cold = inner.cold === undefined ? undefined : coldAround(inner.cold, (...call) => this.around(...call));
  }

  override get cold(): ColdStorage | undefined {
    return this.#cold;
  }

  /** `run` does it. For a listing it fetches one entry, and is called once for each. */
  protected abstract around<T>(call: StorageCall, options: StorageOptions, run: () => Promise<T>): Promise<T>;

  override create(options: StorageOptions = {}): Promise<void> {
    return this.around(callOf('create', ''), options, () => this.inner.create(options));
  }

  override async *list(prefix: string, options: StorageOptions = {}): AsyncGenerator<ObjectInfo> {
    const iterator = this.inner.list(prefix, options)[Symbol.asyncIterator]();
    let ended = false;
    try {
      for (;;) {
        const step = await this.around(callOf('list', prefix), options, () => iterator.next());
        ended = step.done === true;
        if (step.done === true) return;
        yield step.value;
      }
    } finally {
      if (!ended) await iterator.return?.();
    }
  }

  override stat(name: ObjectName, options: StorageOptions = {}): Promise<ObjectInfo | undefined> {
    return this.around(callOf('stat', name), options, () => this.inner.stat(name, options));
  }

  override read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    return this.around(callOf('read', name), options, () => this.inner.read(name, options));
  }

  override write(
    name: ObjectName,
    data: Uint8Array | readonly Uint8Array[],
    options: WriteOptions = {},
  ): Promise<void> {
    const call = callOf('write', name, 1, sizeOf(partsOf(data)));
    return this.around(call, options, () => this.inner.write(name, data, options));
  }

  override writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options: WriteStreamOptions = {},
  ): Promise<WrittenStream> {
    const { perRequest = runOnce, ...rest } = options;
    return this.inner.writeStream(name, chunks, {
      ...rest,
      perRequest: (request, run) => perRequest(request, () => this.around(callOf('write', name), request, run)),
    });
  }

  override remove(name: ObjectName, options: StorageOptions = {}): Promise<void> {
    return this.around(callOf('remove', name), options, () => this.inner.remove(name, options));
  }

  override removeMany(names: readonly ObjectName[], options: StorageOptions = {}): Promise<void> {
    return removeInBatches(this, names, options, (batch) =>
      this.around(callOf('remove', batch[0] ?? '', batch.length), options, () => this.inner.removeMany(batch, options)),
    );
  }
}

type Around = <T>(call: StorageCall, options: StorageOptions, run: () => Promise<T>) => Promise<T>;

/** `inner` with `around` for each of its requests. */
export function coldAround(inner: ColdStorage, around: Around): ColdStorage {
  return {
    state: (name: ObjectName, options: StorageOptions = {}): Promise<ColdObjectInfo | undefined> =>
      around(callOf('state', name), options, () => inner.state(name, options)),
    ...(inner.readable === undefined ? {} : { readable: readableAround(inner.readable.bind(inner), around) }),
    retrieve: (name: ObjectName, options: RetrieveOptions): Promise<void> =>
      around(callOf('retrieve', name), options, () => inner.retrieve(name, options)),
    publishedMs: (storageClass: string, tier: RetrievalTier) => inner.publishedMs(storageClass, tier),
  };
}

function readableAround(
  readable: NonNullable<ColdStorage['readable']>,
  around: Around,
): NonNullable<ColdStorage['readable']> {
  return (names, options = {}) => around(callOf('list', ''), options, () => readable(names, options));
}

function callOf(kind: StorageCall['kind'], name: string, objects = 1, sentBytes = 0): StorageCall {
  return { kind, name, objects, sentBytes };
}
