// Stores finished packs and then lists them in the index: packs → index, always in that order, so that
// an index never names a blob whose pack is not durable (restic's format, "Indexing").
import { Semaphore } from '../base/concurrency.ts';
import { idFromBytes, type IndexId, type PackId } from '../base/ids.ts';
import { holdsTrees } from '../formats/pack/pack-header.ts';
import { IndexWriter, type IndexWriterOptions } from './index-writer.ts';
import type { ExpectedPack } from './index/lost-packs.ts';
import { objectName } from './layout.ts';
import type { FinishedPack } from './pack-builder.ts';
import type { Repository } from './repository.ts';

/** How long a run that was told to end may take to list what it has stored. */
const PROGRESS_MS = 10_000;

export interface PackWriterOptions extends IndexWriterOptions {
  /** Nothing is stored: sizes are computed, nothing more. */
  readonly dryRun?: boolean;
  /** Nothing is written before this resolves; when it rejects, nothing is. */
  readonly writeGate?: Promise<unknown> | undefined;
}

export class PackWriter {
  readonly #repository: Repository;
  readonly #index: IndexWriter;
  readonly #places: Semaphore;
  readonly #options: PackWriterOptions;
  readonly #running = new Set<Promise<void>>();
  readonly #stored: ExpectedPack[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(repository: Repository, options: PackWriterOptions = {}) {
    this.#repository = repository;
    this.#index = new IndexWriter(repository, options);
    this.#places = new Semaphore(repository.storage.features.connections);
    this.#options = options;
  }

  /**
   * Stores a pack; resolves once it is durable and its bytes may be overwritten. Never rejects: a
   * failure stops all later writes and is thrown by `flush`.
   */
  async store(pack: FinishedPack, bytes: Uint8Array): Promise<void> {
    const run = this.#store(pack, bytes).catch((error: unknown) => {
      this.#failure ??= { error };
    });
    this.#running.add(run);
    await run;
    this.#running.delete(run);
  }

  /** The packs stored so far. */
  get stored(): readonly ExpectedPack[] {
    return this.#stored;
  }

  /** Ids of the index files saved so far. */
  get indexIds(): readonly IndexId[] {
    return this.#index.saved;
  }

  /** The first failure, if there was one. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Lists what is stored so far. */
  async saveIndex(): Promise<void> {
    if (this.#options.dryRun !== true) await this.#index.flush();
  }

  /**
   * The same at the end of a run that was stopped or has failed, so that the next goes on from there. It was told to end, so it
   * does not take long; that this fails too matters less than why it ended.
   */
  async saveProgress(): Promise<void> {
    if (this.#options.dryRun !== true) await this.#index.flush(AbortSignal.timeout(PROGRESS_MS)).catch(() => {});
  }

  /** Waits for all packs, then stores the rest of the index. Throws the first failure. */
  async flush(): Promise<void> {
    await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#options.dryRun !== true) await this.#index.flush();
  }

  async #store(pack: FinishedPack, bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined || this.#options.dryRun === true) return;
    await this.#options.writeGate;
    const id = idFromBytes<PackId>(pack.id);
    const name = objectName('pack', id);
    const hasTrees = holdsTrees(pack.header);
    // Kept on this machine as it goes out: the next command that looks at trees need not fetch it.
    if (hasTrees) this.#repository.cache?.cachePack(name);
    {
      using _place = await this.#places.acquire(this.#options.signal);
      await this.#repository.storage.write(name, bytes.subarray(0, pack.sizeBytes), {
        sha256: id,
        signal: this.#options.signal,
        // Trees are read by every restore and comparison, data by few.
        cold: !hasTrees,
        coldClass: this.#repository.coldClass,
      });
    }
    this.#stored.push({ id, leastBytes: pack.sizeBytes });
    await this.#index.add(pack);
  }
}
