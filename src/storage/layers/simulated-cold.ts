import { type Clock, msToNs, systemClock } from '../../base/clock.ts';
import { CairnError } from '../../base/errors.ts';
import { type ColdHeaders, objectState, publishedRetrievalMs } from '../drivers/s3/restore-status.ts';
import { missing } from '../object-range.ts';
import type {
  ColdObjectInfo,
  ColdStorage,
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

const DAY_MS = 86_400_000;

export interface SimulatedColdOptions {
  readonly clock?: Clock;
  /** How long a retrieval takes; as long as AWS publishes by default. */
  readonly retrievalMs?: Readonly<Record<RetrievalTier, number>>;
  /** The class of cold objects whose writer names none. */
  readonly coldClass?: string;
}

/** A request for a copy, as it was made. */
export interface SimulatedRetrieval {
  readonly name: ObjectName;
  readonly tier: RetrievalTier;
  readonly days: number;
}

export interface SimulatedColdStorage extends Storage {
  readonly cold: ColdStorage;
  /** All requests for copies so far, in order. */
  readonly retrievals: readonly SimulatedRetrieval[];
  /** The headers that S3 would send with the object. */
  headers(name: ObjectName): ColdHeaders;
  /** Puts an object into a class, as a lifecycle rule does. */
  move(name: ObjectName, storageClass: string): void;
}

/**
 * `inner` with the cold classes of S3, for tests: what is written cold cannot be read until it was retrieved, which
 * takes its time by the clock, and the copy goes away again. It answers as S3 does, with S3's headers.
 */
export function simulatedCold(inner: Storage, options: SimulatedColdOptions = {}): SimulatedColdStorage {
  return new SimulatedColdLayer(inner, options);
}

interface ColdCopy {
  readonly readyAtMs: number;
  readonly expiresAtMs: number;
}

class SimulatedColdLayer extends StorageLayer implements SimulatedColdStorage {
  readonly retrievals: SimulatedRetrieval[] = [];
  readonly #options: SimulatedColdOptions;
  readonly #clock: Clock;
  readonly #classes = new Map<ObjectName, string>();
  readonly #copies = new Map<ObjectName, ColdCopy>();

  constructor(inner: Storage, options: SimulatedColdOptions) {
    super(inner);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  override get cold(): ColdStorage {
    return {
      state: (name, options) => this.#state(name, options),
      retrieve: (name, options) => this.#retrieve(name, options),
      publishedMs: publishedRetrievalMs,
    };
  }

  headers(name: ObjectName): ColdHeaders {
    const storageClass = this.#classes.get(name);
    if (storageClass === undefined) return {};
    const copy = this.#copies.get(name);
    const now = this.#nowMs();
    if (copy === undefined || now >= copy.expiresAtMs) return { 'x-amz-storage-class': storageClass };
    const expiry = new Date(copy.expiresAtMs).toUTCString();
    const restore =
      now < copy.readyAtMs ? 'ongoing-request="true"' : `ongoing-request="false", expiry-date="${expiry}"`;
    return { 'x-amz-storage-class': storageClass, 'x-amz-restore': restore };
  }

  move(name: ObjectName, storageClass: string): void {
    this.#classes.set(name, storageClass);
    this.#copies.delete(name);
  }

  override async read(name: ObjectName, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
    const { kind } = objectState(this.headers(name));
    if (kind === 'hot' || kind === 'retrieved') return this.inner.read(name, options);
    options?.signal?.throwIfAborted();
    throw new CairnError('OBJECT_COLD', `cannot read ${name}: InvalidObjectState`, { facts: { name } });
  }

  override async write(
    name: ObjectName,
    data: Uint8Array | readonly Uint8Array[],
    options: WriteOptions = {},
  ): Promise<void> {
    await this.inner.write(name, data, options);
    this.#place(name, options);
  }

  override async writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options: WriteStreamOptions = {},
  ): Promise<WrittenStream> {
    const written = await this.inner.writeStream(name, chunks, options);
    this.#place(name, options);
    return written;
  }

  /** A new object is in the class that its writer chose, without a copy. */
  #place(name: ObjectName, { cold, coldClass = this.#options.coldClass }: WriteOptions): void {
    this.#copies.delete(name);
    if (cold === true && coldClass !== undefined) this.#classes.set(name, coldClass);
    else this.#classes.delete(name);
  }

  async #state(name: ObjectName, options?: StorageOptions): Promise<ColdObjectInfo | undefined> {
    const info = await this.inner.stat(name, options);
    return info === undefined ? undefined : { ...info, state: objectState(this.headers(name)) };
  }

  async #retrieve(name: ObjectName, { tier, days, signal }: RetrieveOptions): Promise<void> {
    if ((await this.inner.stat(name, { signal })) === undefined) throw missing(name);
    const { kind } = objectState(this.headers(name));
    this.retrievals.push({ name, tier, days });
    const storageClass = this.#classes.get(name) ?? '';
    const published = publishedRetrievalMs(storageClass, tier);
    if (published === undefined) {
      throw new CairnError('NOT_SUPPORTED', `cannot retrieve ${name}: ${storageClass} has no tier ${tier}`);
    }
    if (kind === 'retrieving') return;
    const now = this.#nowMs();
    const readyAtMs = kind === 'retrieved' ? now : now + (this.#options.retrievalMs?.[tier] ?? published);
    // S3 keeps a copy until the midnight (UTC) after the last of its days.
    const expiresAtMs = Math.ceil((readyAtMs + days * DAY_MS) / DAY_MS) * DAY_MS;
    this.#copies.set(name, { readyAtMs, expiresAtMs });
  }

  #nowMs(): number {
    return Number(this.#clock.nowNs() / msToNs(1));
  }
}
