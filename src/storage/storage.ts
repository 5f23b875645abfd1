// The storage contract: names and bytes. Drivers implement it, layers wrap it, and nothing below
// knows what a pack or a snapshot is. The conformance cases in `storage/conformance.ts` are the
// executable form of what is said here.
//
// Every method throws `OBJECT_NAME_INVALID` for a name or prefix that breaks the rules below, and the
// reason of an aborted `signal`, unchanged. All may be called concurrently.

/**
 * Slash-separated relative name such as `data/ab/abcd…`. Printable ASCII without backslash, at most
 * 1024 characters, 240 per component; no empty, `.` or `..` component; not ending in `-tmp-<number>`,
 * the mark of an unfinished write. A name never equals the folder of another one.
 */
export type ObjectName = string;

export interface ObjectInfo {
  readonly name: ObjectName;
  readonly sizeBytes: number;
}

export interface StorageFeatures {
  /** A write shows the whole object or nothing, even after a crash. Without it, a failed write removes what it left. */
  readonly atomicWrite: boolean;
  /** Bytes come over a network: cache index, snapshots and tree packs locally. */
  readonly remote: boolean;
  /** Operations that may usefully run at once. */
  readonly connections: number;
  /** A directory of this machine that holds the objects as plain files, if there is one. */
  readonly localPath: string | undefined;
  /** Objects that one request of `removeMany` takes away; 1, the default, where each needs its own. */
  readonly removeBatch?: number;
  /**
   * Takes the names of a repository only: `config`, and a type and the SHA-256 of the content. Writing another name
   * throws `NOT_SUPPORTED`; nothing else ever finds one.
   */
  readonly resticNamesOnly?: boolean;
  /** `ifAbsent` looks first and writes then: of two writers at the same instant, both may think they won. */
  readonly looseIfAbsent?: boolean;
  /** Storages that hold each object, for `copy` of a read; 1 by default. */
  readonly copies?: number;
  /** Calls `pace` of reads and writes piece by piece; without it, objects move at full speed. */
  readonly paced?: boolean;
  /** Calls `onBytes` of reads. */
  readonly handsOver?: boolean;
}

export interface StorageOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Resolves when these bytes, of an object on its way, may be moved. At most 256 KiB at once. */
export type Pace = (bytes: number) => Promise<void>;

/**
 * Takes bytes of an object as they come; `position` is their place in it. They are the caller's until the promise, if there is
 * one, resolves; no more come before. After a failure on the way, a range that is read again comes from its start again.
 */
export type OnBytes = (bytes: Uint8Array, position: number) => Promise<void> | undefined;

export interface ReadOptions extends StorageOptions {
  /** First byte wanted; 0 by default. */
  readonly offset?: number;
  /** Number of bytes wanted; to the end by default. */
  readonly length?: number;
  /** How often what was read of it proved damaged: of several storages then each is taken in turn (`readAttempts`). */
  readonly copy?: number;
  /** Called before the next bytes are taken from the line, where the storage is `paced`. */
  readonly pace?: Pace | undefined;
  /**
   * Takes the bytes of a range with a `length`, where the storage `handsOver`: then the result is empty. Who gives it
   * must be ready for either, since some servers leave no choice.
   */
  readonly onBytes?: OnBytes | undefined;
}

export interface WriteOptions extends StorageOptions {
  /** Fail with `OBJECT_EXISTS` instead of replacing an object of that name. */
  readonly ifAbsent?: boolean;
  /** Whoever reads it can wait: a storage with cold classes may put it where reading takes hours. */
  readonly cold?: boolean;
  /** SHA-256 of the data in hexadecimal, where it is known already: a storage that has to send it need not hash again. */
  readonly sha256?: string;
  /** The class for such an object, such as `GLACIER`, instead of the one the storage was opened with. */
  readonly coldClass?: string | undefined;
  /** Called before the next bytes are sent, where the storage is `paced`. */
  readonly pace?: Pace | undefined;
}

/** One request of a stream. */
export interface StreamRequest extends StorageOptions {
  /** What it does, such as `write part 3 of archives/…`: for messages. */
  readonly what: string;
}

/** Runs a request of a stream, and again where that failed in a way that may pass. */
export type PerRequest = <T>(request: StreamRequest, run: () => Promise<T>) => Promise<T>;

export interface WriteStreamOptions extends Omit<WriteOptions, 'sha256'> {
  /**
   * Called for each request of the stream that can be made again by itself, such as one for a part of it: a stream
   * cannot be read twice, so what may fail on the way is tried again there and nowhere else. Layers set it.
   */
  readonly perRequest?: PerRequest | undefined;
}

export interface WrittenStream {
  readonly sizeBytes: number;
}

export interface PresignOptions extends StorageOptions {
  readonly method: 'GET' | 'HEAD';
  /** 1 to 604,800 (a week). */
  readonly expiresInSeconds: number;
  /** `Content-Type` of the answer. */
  readonly responseContentType?: string | undefined;
  /** `Content-Encoding` of the answer. */
  readonly responseContentEncoding?: string | undefined;
}

/**
 * A URL by which anybody can read the object until it expires: it is as good as a password, and must not be logged.
 * Asks no server whether the object is there. Throws `ARGUMENT_INVALID` for a time outside of the limits, and
 * `NOT_SUPPORTED` where the storage is read without a login or with a key that only requests can carry.
 */
export type Presign = (name: ObjectName, options: PresignOptions) => Promise<string>;

export interface StaleUploadOptions extends StorageOptions {
  /** Folders whose objects count; by default all, also what others keep in the same directory or bucket. */
  readonly folders?: readonly string[] | undefined;
  /** Objects that count too, where they are in none of these folders. */
  readonly objects?: readonly ObjectName[] | undefined;
  /** Only counts. */
  readonly dryRun?: boolean | undefined;
  /** Whether an object of that name may be one of the caller's, where a folder may hold others as well. */
  readonly isOurs?: ((name: ObjectName) => boolean) | undefined;
}

/**
 * Clears away what writes left that never ended and that nothing was sent to for so long: choose a day, since one that
 * waits for its source may be alive. Returns the number of such writes.
 */
export type AbortStaleUploads = (olderThanMs: number, options?: StaleUploadOptions) => Promise<number>;

/** Whether an object can be read. */
export type ObjectState =
  | { readonly kind: 'hot' }
  /** A read throws `OBJECT_COLD` until it has been retrieved. */
  | { readonly kind: 'cold'; readonly storageClass: string }
  /** Its retrieval was asked for and has not ended. */
  | { readonly kind: 'retrieving'; readonly storageClass: string }
  /** A copy can be read until then. */
  | { readonly kind: 'retrieved'; readonly storageClass: string; readonly until: Date };

/** How urgent a retrieval is: faster costs more. */
export type RetrievalTier = 'expedited' | 'standard' | 'bulk';

export interface RetrieveOptions extends StorageOptions {
  /** The class it is in, as its state says. */
  readonly storageClass: string;
  readonly tier: RetrievalTier;
  /** How long the copy is to be kept. */
  readonly days: number;
}

/** What a storage with classes whose objects cannot be read at once can do. */
export interface ColdStorage {
  /** The state of one object, and its size; `undefined` where there is none. */
  state(name: ObjectName, options?: StorageOptions): Promise<ColdObjectInfo | undefined>;

  /**
   * Those of `names` that a listing proves to be readable, where that takes fewer requests than asking for each. Of what is
   * not in the answer, `state` tells more.
   */
  readable?(names: ReadonlySet<ObjectName>, options?: StorageOptions): Promise<ReadonlyMap<ObjectName, ObjectInfo>>;

  /**
   * Asks for a readable copy of a cold object; the answer comes long before the copy. Asking again is no error:
   * a copy that is there is kept for `days` from now. Throws `OBJECT_MISSING`, and `NOT_SUPPORTED` where its class
   * has no such tier.
   */
  retrieve(name: ObjectName, options: RetrieveOptions): Promise<void>;

  /** How long a retrieval takes at most, as the provider publishes it; `undefined` where the class has no such tier. */
  publishedMs(storageClass: string, tier: RetrievalTier): number | undefined;
}

export interface ColdObjectInfo extends ObjectInfo {
  readonly state: ObjectState;
}

/**
 * When an object was written, in milliseconds of the storage's own clock, which may agree with nobody's: for comparing
 * objects with each other. `undefined` where it is not there or the storage does not say.
 */
export type WrittenAt = (name: ObjectName, options?: StorageOptions) => Promise<number | undefined>;

/** One of several storages that hold the same, beside the one that is listed. */
export interface OtherCopy {
  /** It alone, and without retries. */
  readonly storage: Storage;
  /** It did not take what was last written to all of them in passing, such as a lock: not worth waiting for. */
  readonly isDown: boolean;
}

/** Disposing a layer disposes what it wraps. */
export interface Storage extends AsyncDisposable {
  /** Where this is, for people and logs; never contains a secret. */
  readonly url: string;
  readonly features: StorageFeatures;
  /** There where objects may be in a class that cannot be read at once. */
  readonly cold?: ColdStorage | undefined;
  /** There where the storage itself can let others read an object by a URL. */
  readonly presign?: Presign | undefined;
  /** There where a write that a crash ended leaves something behind, which no listing shows but which takes room. */
  readonly abortStaleUploads?: AbortStaleUploads | undefined;
  /** There where the storage keeps times. */
  readonly writtenAt?: WrittenAt | undefined;
  /**
   * There where several storages hold the same, for what lies in one of them only: each but the one that is listed. None
   * while nothing may be written.
   */
  readonly others?: readonly OtherCopy[] | undefined;

  /** Makes the place itself (directories, bucket prefix) where the driver needs that. Idempotent. Call it before the first write. */
  create(options?: StorageOptions): Promise<void>;

  /**
   * Every object below the folder `prefix` (which ends in `/`, or is empty for all), in no particular
   * order. A folder that does not exist is empty; a listing that fails throws, never ends early.
   * Objects written or removed meanwhile may or may not be seen; unfinished writes never are.
   */
  list(prefix: string, options?: StorageOptions): AsyncIterable<ObjectInfo>;

  /** Size of one object, or `undefined` where there is none. */
  stat(name: ObjectName, options?: StorageOptions): Promise<ObjectInfo | undefined>;

  /**
   * The bytes of an object or of a range of it. Throws `OBJECT_MISSING` where there is none and
   * `OBJECT_TRUNCATED` where the range does not lie inside it. The result is the caller's: it has an
   * `ArrayBuffer` of its own, which may be changed or transferred.
   */
  read(name: ObjectName, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>>;

  /**
   * Stores an object durably: it survives a power cut once the promise resolves. `data` may be in
   * several parts and may view shared memory; it must not change until then. An object of that name
   * is replaced, unless `ifAbsent`. After a failure the object is as it was before, or complete.
   */
  write(name: ObjectName, data: Uint8Array | readonly Uint8Array[], options?: WriteOptions): Promise<void>;

  /**
   * Stores an object whose size is not known yet, as durably as `write`, and tells its size once it is there. Chunks may
   * have any size. The next one is asked for when there is room for it, so that memory is bounded whatever the object's
   * size; a chunk belongs to its source again as soon as the next one is asked for. The object appears whole when the
   * stream has ended; after a failure it is as it was before. What `chunks` throws is thrown unchanged. Once chunks have
   * been asked for and no more are wanted, `return` of the iterator is called, and awaited unless an abort interrupted
   * the wait for a chunk. The stream is never stored again from its start: see `perRequest`. Throws `NOT_SUPPORTED` where
   * the storage takes `resticNamesOnly`.
   */
  writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options?: WriteStreamOptions,
  ): Promise<WrittenStream>;

  /**
   * Removes an object. That it is not there is no error. Other readers see it gone at once, but a
   * power cut soon after may bring it back.
   */
  remove(name: ObjectName, options?: StorageOptions): Promise<void>;

  /**
   * Removes all these objects, in no particular order and in as few requests as the storage allows. That some are
   * not there is no error. Nothing is removed where a name breaks the rules. After any other failure some may be
   * gone; the error names the first object that could not be removed, and the same call may be made again.
   */
  removeMany(names: readonly ObjectName[], options?: StorageOptions): Promise<void>;
}
