import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8 } from '../../base/bytes.ts';
import { hasCode } from '../../base/errors.ts';
import { isId, type RepositoryId } from '../../base/ids.ts';
import { orAbort } from '../../base/or-abort.ts';
import { openLocalStorage } from '../drivers/local.ts';
import { resolveRange } from '../object-range.ts';
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
import { StorageLayer } from './storage-layer.ts';

// The layout is restic's: <folder>/<repository id>/{version,index,snapshots,data}, each of the three
// folders split by the first two digits of the id. Entries are the stored files as they are, so
// encrypted; their names are the hashes of their content, so they never go out of date.

const CACHE_VERSION = '1';
// Fixed by the cache directory tagging specification, so that backup programs leave caches out.
const CACHEDIR_TAG =
  'Signature: 8a477f597d28d172789f06886806bc55\n# Cairn keeps copies of remote objects here. It may be removed at any time.\n';

export interface CacheLayerOptions {
  /** Directory of all caches; made if needed. */
  readonly folder: string;
  readonly repository: RepositoryId;
  /** Whether an object in `data/` holds trees and so belongs in the cache; see also `cachePack`. */
  readonly isTreePack?: (name: ObjectName) => boolean;
  /** Told of the first failure to keep something in the cache. The work itself goes on without. */
  readonly onProblem?: (error: unknown) => void;
}

export interface CachedStorage extends Storage {
  /** Where it keeps what is cached of this repository. */
  readonly folder: string;
  /** Tells that this object in `data/` holds trees: it is kept in the cache from now on. */
  cachePack(name: ObjectName): void;
  /**
   * The content read under `name` proved wrong. True when the cache held it and this is the first time:
   * read again, and it comes from the storage. False: the storage itself holds it so.
   */
  forget(name: ObjectName): Promise<boolean>;
}

/**
 * Keeps index files, snapshots and tree packs of `inner` in a directory of this machine. Reading a part
 * of such an object fetches all of it once. What a listing does not show any more, or shows with another
 * size, leaves the cache. Entries are not verified: the reader checks hashes anyway and calls `forget`.
 * Throws like a local storage if the directory cannot be made.
 */
export async function cached(inner: Storage, options: CacheLayerOptions): Promise<CachedStorage> {
  const path = join(options.folder, options.repository);
  const entries = openLocalStorage(path, { durable: false });
  await entries.create();
  const top = openLocalStorage(options.folder, { durable: false });
  await writeIfAbsent(top, 'CACHEDIR.TAG', CACHEDIR_TAG);
  await writeIfAbsent(entries, 'version', CACHE_VERSION);
  // The directory's time says when the cache was last used; old ones can be removed.
  const now = new Date();
  await utimes(path, now, now).catch(() => {});
  return new CacheLayer(inner, entries, path, options);
}

async function writeIfAbsent(storage: Storage, name: string, text: string): Promise<void> {
  try {
    await storage.write(name, utf8(text), { ifAbsent: true });
  } catch (error) {
    if (!hasCode(error, 'OBJECT_EXISTS')) throw error;
  }
}

class CacheLayer extends StorageLayer implements CachedStorage {
  readonly folder: string;
  readonly #entries: Storage;
  readonly #isTreePack: (name: ObjectName) => boolean;
  readonly #treePacks = new Set<ObjectName>();
  readonly #forgotten = new Set<ObjectName>();
  readonly #fetching = new Map<ObjectName, Promise<unknown>>();
  #onProblem: ((error: unknown) => void) | undefined;

  constructor(inner: Storage, entries: Storage, folder: string, options: CacheLayerOptions) {
    super(inner);
    this.folder = folder;
    this.#entries = entries;
    this.#isTreePack = options.isTreePack ?? (() => false);
    this.#onProblem = options.onProblem;
  }

  cachePack(name: ObjectName): void {
    this.#treePacks.add(name);
  }

  async forget(name: ObjectName): Promise<boolean> {
    const entry = entryName(name);
    if (entry === undefined || this.#forgotten.has(name)) return false;
    if ((await this.#entries.stat(entry)) === undefined) return false;
    this.#forgotten.add(name);
    await this.#entries.remove(entry);
    return true;
  }

  override async *list(prefix: string, options: StorageOptions = {}): AsyncGenerator<ObjectInfo> {
    // Taken before the listing begins, so that what is written meanwhile stays.
    const stale = await this.#entrySizes(prefix);
    for await (const info of this.inner.list(prefix, options)) {
      if (stale.get(info.name) === info.sizeBytes) stale.delete(info.name);
      yield info;
    }
    for (const name of stale.keys()) await this.#drop(name);
  }

  override async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const entry = this.#entryOf(name);
    if (entry === undefined) return this.inner.read(name, options);
    const kept = await this.#readEntry(name, entry, options);
    if (kept !== undefined) return kept;
    const fetching = this.#fetching.get(name);
    if (fetching === undefined) return this.#readThrough(name, entry, options);
    // Whoever fetches it now does so for all who want parts of it; if that fails, each is on its own.
    await orAbort(fetching, options.signal);
    return (await this.#readEntry(name, entry, options)) ?? (await this.inner.read(name, options));
  }

  override async write(
    name: ObjectName,
    data: Uint8Array | readonly Uint8Array[],
    options: WriteOptions = {},
  ): Promise<void> {
    await this.inner.write(name, data, options);
    const entry = this.#entryOf(name);
    if (entry !== undefined) await this.#keep(entry, data);
  }

  /** What is too large for one write is too large to keep. */
  override async writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options?: WriteStreamOptions,
  ): Promise<WrittenStream> {
    try {
      return await this.inner.writeStream(name, chunks, options);
    } finally {
      await this.#drop(name);
    }
  }

  override async remove(name: ObjectName, options: StorageOptions = {}): Promise<void> {
    await this.inner.remove(name, options);
    await this.#drop(name);
  }

  override async removeMany(names: readonly ObjectName[], options: StorageOptions = {}): Promise<void> {
    try {
      await this.inner.removeMany(names, options);
    } finally {
      // After a failure some are gone, and what is not can be fetched again.
      for (const name of names) await this.#drop(name);
    }
  }

  /** Name of the cache entry of an object that belongs in the cache. */
  #entryOf(name: ObjectName): string | undefined {
    const wanted = !name.startsWith('data/') || this.#treePacks.has(name) || this.#isTreePack(name);
    return wanted ? entryName(name) : undefined;
  }

  async #readEntry(
    name: ObjectName,
    entry: string,
    options: ReadOptions,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      return await this.#entries.read(entry, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (hasCode(error, 'OBJECT_MISSING')) return undefined;
      // Cut off in the cache, or a range that never was: the second time round it is the latter.
      if (hasCode(error, 'OBJECT_TRUNCATED')) {
        if (!(await this.forget(name))) throw error;
      } else this.#problem(error);
      return undefined;
    }
  }

  /** Fetches all of the object, keeps it, and gives the part wanted. */
  async #readThrough(name: ObjectName, entry: string, options: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
    const { promise: settled, resolve: settle } = Promise.withResolvers<void>();
    this.#fetching.set(name, settled);
    try {
      const whole = await this.#fetch(name, entry, options);
      const { offset, length } = resolveRange(name, whole.length, options);
      return length === whole.length ? whole : whole.slice(offset, offset + length);
    } finally {
      this.#fetching.delete(name);
      settle();
    }
  }

  async #fetch(name: ObjectName, entry: string, { signal }: StorageOptions): Promise<Uint8Array<ArrayBuffer>> {
    const whole = await this.inner.read(name, { signal });
    await this.#keep(entry, whole);
    return whole;
  }

  async #keep(entry: string, data: Uint8Array | readonly Uint8Array[]): Promise<void> {
    try {
      await this.#entries.write(entry, data);
    } catch (error) {
      this.#problem(error);
    }
  }

  async #drop(name: ObjectName): Promise<void> {
    const entry = entryName(name);
    if (entry === undefined) return;
    try {
      await this.#entries.remove(entry);
    } catch (error) {
      this.#problem(error);
    }
  }

  /** Objects below `prefix` that the cache holds, with their sizes there. */
  async #entrySizes(prefix: string): Promise<Map<ObjectName, number>> {
    const sizes = new Map<ObjectName, number>();
    try {
      for (const folder of entryFolders(prefix)) {
        for await (const { name, sizeBytes } of this.#entries.list(folder)) sizes.set(objectName(name), sizeBytes);
      }
    } catch (error) {
      this.#problem(error);
    }
    return sizes;
  }

  #problem(error: unknown): void {
    this.#onProblem?.(error);
    this.#onProblem = undefined;
  }
}

/** `index/<id>` → `index/<2 digits>/<id>`; packs are split already. Other objects have no entry. */
function entryName(name: ObjectName): string | undefined {
  const at = name.lastIndexOf('/') + 1;
  const id = name.slice(at);
  if (!isId(id)) return undefined;
  const folder = name.slice(0, at);
  const shard = `${id.slice(0, 2)}/`;
  if (folder === 'index/' || folder === 'snapshots/') return folder + shard + id;
  return folder === `data/${shard}` ? name : undefined;
}

/** The object of an entry. */
function objectName(entry: string): ObjectName {
  if (entry.startsWith('data/')) return entry;
  const [folder, , id] = entry.split('/');
  return `${folder}/${id}`;
}

/** Folders of the cache that hold what the storage has below `prefix`. */
function entryFolders(prefix: string): readonly string[] {
  if (prefix === '') return ['index/', 'snapshots/', 'data/'];
  return prefix === 'index/' || prefix === 'snapshots/' || prefix.startsWith('data/') ? [prefix] : [];
}
