import { CairnError, messageOf } from '../base/errors.ts';
import type { KeyId } from '../base/ids.ts';
import { openBytes, sealBytes } from '../formats/crypto/sealed.ts';
import type { RepositoryConfig } from '../formats/snapshot/config.ts';
import { decodeUnpacked, encodeUnpacked, type UnpackedMemory } from '../formats/unpacked.ts';
import type { Codec, SealKey } from '../kernels/codec.ts';
import type { CachedStorage } from '../storage/layers/cache.ts';
import type { Storage } from '../storage/storage.ts';
import { type FileIds, type FileKind, folderOf, idOfName, objectName } from './layout.ts';
import { damagedFile, readStoredFile, storageId } from './stored-file.ts';

/** The kinds of file that hold one sealed JSON document. */
export type UnpackedKind = 'snapshot' | 'index' | 'lock';

export interface RepositoryParts {
  /** The vault's own storage, without a cache. */
  readonly origin: Storage;
  /** The cache in front of it. */
  readonly cache?: CachedStorage | undefined;
  readonly config: RepositoryConfig;
  readonly key: SealKey;
  readonly keyId: KeyId;
  readonly openedFrom?: OpenedFrom | undefined;
  readonly codec: Codec;
  /** For this run, instead of the one in `config`. */
  readonly coldClass?: string | undefined;
}

/** What was seen of the keys when the repository was opened. */
export interface OpenedFrom {
  readonly keyIds: readonly KeyId[];
  /** By `performance.now()`. */
  readonly atMs: number;
}

export interface FileInfo<K extends FileKind> {
  readonly id: FileIds[K];
  readonly sizeBytes: number;
}

interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * An open repository: its configuration, its master key, and its files. It does not own the storage it
 * was opened on: who opened that closes it, after this.
 */
export class Repository implements AsyncDisposable {
  /** Where to read and write: the cache if there is one, else `origin`. */
  readonly storage: Storage;
  readonly origin: Storage;
  readonly cache: CachedStorage | undefined;
  readonly config: RepositoryConfig;
  readonly key: SealKey;
  /** The key file that the password opened. */
  readonly keyId: KeyId;
  readonly openedFrom: OpenedFrom | undefined;
  readonly codec: Codec;
  /** Storage class for new packs of data; the storage's own choice where undefined. */
  readonly coldClass: string | undefined;
  #closed = false;

  constructor(parts: RepositoryParts) {
    this.storage = parts.cache ?? parts.origin;
    this.origin = parts.origin;
    this.cache = parts.cache;
    this.config = parts.config;
    this.key = parts.key;
    this.keyId = parts.keyId;
    this.openedFrom = parts.openedFrom;
    this.codec = parts.codec;
    this.coldClass = parts.coldClass ?? parts.config.coldClass;
  }

  /**
   * The JSON of one snapshot, index or lock file. Throws `OBJECT_MISSING`, or `SNAPSHOT_CORRUPT`,
   * `INDEX_CORRUPT`, `LOCK_CORRUPT` when name, seal or compression do not hold. Safe to call concurrently.
   */
  async loadUnpacked<K extends UnpackedKind>(kind: K, id: FileIds[K], options: CallOptions = {}): Promise<Uint8Array> {
    this.#assertOpen();
    return this.#decode(kind, id, await readStoredFile(this, kind, id, options), undefined);
  }

  /**
   * The same for those who load many: `use` is given the JSON in `memory`, where the next call puts its own, and must
   * not keep it. Throws what `use` throws, too. Safe to call concurrently, also with one memory.
   */
  async useUnpacked<K extends UnpackedKind>(
    kind: K,
    id: FileIds[K],
    use: (json: Uint8Array) => void,
    { memory, signal }: CallOptions & { readonly memory: UnpackedMemory },
  ): Promise<void> {
    this.#assertOpen();
    const stored = await readStoredFile(this, kind, id, { signal });
    // From here on nothing is awaited: no other call comes between.
    use(this.#decode(kind, id, stored, memory));
  }

  /** Compresses (version 2), seals and stores a JSON document; returns its id once it is durable. */
  async saveUnpacked<K extends UnpackedKind>(
    kind: K,
    json: Uint8Array,
    options: CallOptions = {},
  ): Promise<FileIds[K]> {
    this.#assertOpen();
    const sealed = sealBytes(this.codec, this.key, encodeUnpacked(this.codec, json, this.config.version));
    const id = storageId<FileIds[K]>(this.codec, sealed);
    await this.storage.write(objectName(kind, id), sealed, { signal: options.signal });
    return id;
  }

  /** Every file of a kind, in no particular order. Names that are no ids (temporary files) are skipped. */
  async *listIds<K extends FileKind>(kind: K, options: CallOptions = {}): AsyncIterable<FileInfo<K>> {
    this.#assertOpen();
    for await (const { name, sizeBytes } of this.storage.list(folderOf(kind), options)) {
      const id = idOfName(kind, name);
      if (id !== undefined) yield { id, sizeBytes };
    }
  }

  /** Removes a file. That it is not there is no error. */
  async removeFile<K extends FileKind>(kind: K, id: FileIds[K], options: CallOptions = {}): Promise<void> {
    this.#assertOpen();
    await this.storage.remove(objectName(kind, id), options);
  }

  /** The same repository as another storage holds it, without a cache. */
  at(origin: Storage): Repository {
    const { config, key, keyId, codec } = this;
    return new Repository({ origin, config, key, keyId, codec });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
  }

  #decode<K extends UnpackedKind>(
    kind: K,
    id: FileIds[K],
    stored: Uint8Array,
    memory: UnpackedMemory | undefined,
  ): Uint8Array {
    try {
      const opened = openBytes(this.codec, this.key, stored, memory && ((sizeBytes) => memory.opened(sizeBytes)));
      return decodeUnpacked(this.codec, opened, memory);
    } catch (error) {
      throw damagedFile(kind, id, messageOf(error), error);
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw new CairnError('ARGUMENT_INVALID', 'this repository was closed');
  }
}
