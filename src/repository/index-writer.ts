import type { IndexId } from '../base/ids.ts';
import { IndexEncoder } from '../formats/index-file/index-encoder.ts';
import type { FinishedPack } from './pack-builder.ts';
import type { Repository } from './repository.ts';

/** An index file is closed at this many blobs, or at this age: restic's rule. */
const FULL_BLOBS = 50_000;
const FULL_AGE_MS = 10 * 60_000;

export interface IndexWriterOptions {
  readonly signal?: AbortSignal | undefined;
  /** Rejects where the lock is lost: an index file must not name packs that somebody else may be removing. */
  readonly assertHeld?: (() => Promise<void>) | undefined;
}

/** Collects what stored packs hold and saves it as index files. */
export class IndexWriter {
  readonly #repository: Repository;
  readonly #options: IndexWriterOptions;
  /** Ids of the files saved so far. */
  readonly saved: IndexId[] = [];
  #open: IndexEncoder | undefined;
  #blobCount = 0;
  #openedAt = performance.now();
  #saving: Promise<void> = Promise.resolve();

  constructor(repository: Repository, options: IndexWriterOptions = {}) {
    this.#repository = repository;
    this.#options = options;
  }

  /** Adds a pack that is durably stored. Saves the open index file when it is full or old. */
  async add(pack: FinishedPack): Promise<void> {
    if (this.#open === undefined) this.#openedAt = performance.now();
    this.#open ??= new IndexEncoder();
    this.#open.add(pack);
    this.#blobCount += pack.blobCount;
    if (this.#blobCount >= FULL_BLOBS || performance.now() - this.#openedAt >= FULL_AGE_MS) await this.flush();
  }

  /** Saves what is left; `signal` in the place of that of the whole. */
  async flush(signal: AbortSignal | undefined = this.#options.signal): Promise<void> {
    const file = this.#open;
    this.#open = undefined;
    this.#blobCount = 0;
    if (file !== undefined) this.#saving = this.#saving.then(() => this.#save(file, signal));
    await this.#saving;
  }

  async #save(file: IndexEncoder, signal: AbortSignal | undefined): Promise<void> {
    await this.#options.assertHeld?.();
    const id = await this.#repository.saveUnpacked('index', file.finish(), { signal });
    this.saved.push(id);
  }
}
