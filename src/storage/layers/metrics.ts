import { partsOf, sizeOf } from '../object-range.ts';
import type {
  ObjectInfo,
  ObjectName,
  ReadOptions,
  Storage,
  StorageOptions,
  WriteOptions,
  WriteStreamOptions,
  WrittenStream,
} from '../storage.ts';
import { countingHandedOver } from './handed-over.ts';
import { StorageLayer } from './storage-layer.ts';

export type CountedOperation = 'create' | 'list' | 'stat' | 'read' | 'write' | 'writeStream' | 'remove' | 'removeMany';

export interface OperationCount {
  readonly calls: number;
  readonly failures: number;
  /** Written or read; of failures none. */
  readonly bytes: number;
  /** Objects listed, or removed by `removeMany`; else one for each call that succeeded. */
  readonly objects: number;
}

export interface MeteredStorage extends Storage {
  /** What has been done so far, by operation. Operations count when they end. */
  counts(): Readonly<Record<CountedOperation, OperationCount>>;
}

/** Counts operations of `inner`, their failures, objects and bytes. One operation may be several requests: drivers count those. */
export function metered(inner: Storage): MeteredStorage {
  return new MetricsLayer(inner);
}

interface Done {
  readonly bytes: number;
  readonly objects: number;
}

class MetricsLayer extends StorageLayer implements MeteredStorage {
  readonly #counts: Record<CountedOperation, OperationCount> = {
    create: none(),
    list: none(),
    stat: none(),
    read: none(),
    write: none(),
    writeStream: none(),
    remove: none(),
    removeMany: none(),
  };

  counts(): Readonly<Record<CountedOperation, OperationCount>> {
    return { ...this.#counts };
  }

  override create(options?: StorageOptions): Promise<void> {
    return this.#counted('create', one, () => this.inner.create(options));
  }

  override async *list(prefix: string, options?: StorageOptions): AsyncGenerator<ObjectInfo> {
    let objects = 0;
    let failed = false;
    try {
      for await (const info of this.inner.list(prefix, options)) {
        objects++;
        yield info;
      }
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      // Also when the reader has seen enough.
      this.#add('list', failed ? undefined : { bytes: 0, objects });
    }
  }

  override stat(name: ObjectName, options?: StorageOptions): Promise<ObjectInfo | undefined> {
    return this.#counted('stat', one, () => this.inner.stat(name, options));
  }

  override read(name: ObjectName, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
    const counting = countingHandedOver(options);
    const oneObject = (bytes: Uint8Array): Done => ({ bytes: bytes.length + counting.bytes(), objects: 1 });
    return this.#counted('read', oneObject, () => this.inner.read(name, counting.options));
  }

  override write(name: ObjectName, data: Uint8Array | readonly Uint8Array[], options?: WriteOptions): Promise<void> {
    const size = (): Done => ({ bytes: sizeOf(partsOf(data)), objects: 1 });
    return this.#counted('write', size, () => this.inner.write(name, data, options));
  }

  override writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options?: WriteStreamOptions,
  ): Promise<WrittenStream> {
    return this.#counted('writeStream', oneStream, () => this.inner.writeStream(name, chunks, options));
  }

  override remove(name: ObjectName, options?: StorageOptions): Promise<void> {
    return this.#counted('remove', one, () => this.inner.remove(name, options));
  }

  override removeMany(names: readonly ObjectName[], options?: StorageOptions): Promise<void> {
    const all = (): Done => ({ bytes: 0, objects: names.length });
    return this.#counted('removeMany', all, () => this.inner.removeMany(names, options));
  }

  async #counted<T>(operation: CountedOperation, measure: (result: T) => Done, run: () => Promise<T>): Promise<T> {
    try {
      const result = await run();
      this.#add(operation, measure(result));
      return result;
    } catch (error) {
      this.#add(operation, undefined);
      throw error;
    }
  }

  #add(operation: CountedOperation, done: Done | undefined): void {
    const { calls, failures, bytes, objects } = this.#counts[operation];
    this.#counts[operation] = {
      calls: calls + 1,
      failures: failures + (done === undefined ? 1 : 0),
      bytes: bytes + (done?.bytes ?? 0),
      objects: objects + (done?.objects ?? 0),
    };
  }
}

function none(): OperationCount {
  return { calls: 0, failures: 0, bytes: 0, objects: 0 };
}

function one(): Done {
  return { bytes: 0, objects: 1 };
}

function oneStream({ sizeBytes }: WrittenStream): Done {
  return { bytes: sizeBytes, objects: 1 };
}
