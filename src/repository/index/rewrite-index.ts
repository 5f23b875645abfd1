// Index files are never changed. New ones list what stays and what is new; then the old ones go: at every instant
// each stored blob is listed at least once (restic's format, "Indexing").
import { hasCode } from '../../base/errors.ts';
import { type BlobId, idFromBytes, type IndexId, type PackId } from '../../base/ids.ts';
import { decodeIndexFile, encodeIndexFile, type IndexSink } from '../../formats/index-file/index-file.ts';
import type { PackEntry } from '../../formats/pack/pack-header.ts';
import type { Repository } from '../repository.ts';

/** What an index file lists of one pack. */
export interface ListedPack {
  readonly id: PackId;
  readonly blobs: readonly PackEntry[];
}

export interface IndexChange {
  /** Packs whose entries go. */
  readonly drop: ReadonlySet<PackId>;
  /** Packs that are to be listed, in place of what is dropped. */
  readonly add: AsyncIterable<ListedPack> | Iterable<ListedPack>;
  /** Index files that cannot be read; they are removed, unless this says no once everything was added. */
  readonly damaged: ReadonlySet<IndexId>;
  readonly removesDamaged?: (() => boolean) | undefined;
}

export interface RewrittenIndex {
  readonly written: number;
  readonly removed: number;
}

/** restic closes an index file at so many blobs. */
const FULL_BLOBS = 50_000;

/** Applies a change. Index files that it does not touch stay as they are. The caller holds the exclusive lock. */
export async function rewriteIndex(
  repository: Repository,
  change: IndexChange,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<RewrittenIndex> {
  const { signal } = options;
  const old: IndexId[] = [];
  for await (const { id } of repository.listIds('index', { signal })) if (!change.damaged.has(id)) old.push(id);
  const writer = new IndexFileWriter(repository, signal);
  for await (const pack of change.add) await writer.add(pack);
  const obsolete: IndexId[] = change.removesDamaged?.() === false ? [] : [...change.damaged];
  const { touched, listed } = await findTouched(repository, old, change.drop, signal);
  for (const id of touched) {
    const packs = await readIndexFile(repository, id, signal);
    if (packs === undefined) continue;
    obsolete.push(id);
    for (const pack of packs) {
      if (change.drop.has(pack.id) || (listed.get(pack.id) ?? 0) >= pack.blobs.length) continue;
      await writer.add(pack);
      listed.set(pack.id, pack.blobs.length);
    }
  }
  await writer.flush();
  signal?.throwIfAborted();
  for (const id of obsolete) await repository.removeFile('index', id, { signal });
  return { written: writer.written, removed: obsolete.length };
}

interface TouchedFiles {
  readonly touched: readonly IndexId[];
  /** How many blobs the files that stay list of each pack: what a run that was stopped here wrote already. */
  readonly listed: Map<PackId, number>;
}

/** The files that list something that goes. They are read again when they are rewritten: all of them are too much for memory. */
async function findTouched(
  repository: Repository,
  files: readonly IndexId[],
  drop: ReadonlySet<PackId>,
  signal: AbortSignal | undefined,
): Promise<TouchedFiles> {
  const touched: IndexId[] = [];
  const listed = new Map<PackId, number>();
  for (const id of files) {
    signal?.throwIfAborted();
    const packs = (await readIndexFile(repository, id, signal)) ?? [];
    if (packs.some((pack) => drop.has(pack.id))) touched.push(id);
    else for (const pack of packs) listed.set(pack.id, Math.max(listed.get(pack.id) ?? 0, pack.blobs.length));
  }
  return { touched, listed };
}

/** Collects packs and stores them as index files. */
export class IndexFileWriter {
  readonly #repository: Repository;
  readonly #signal: AbortSignal | undefined;
  #packs: ListedPack[] = [];
  #blobs = 0;
  written = 0;

  constructor(repository: Repository, signal: AbortSignal | undefined) {
    this.#repository = repository;
    this.#signal = signal;
  }

  async add(pack: ListedPack): Promise<void> {
    this.#packs.push(pack);
    this.#blobs += pack.blobs.length;
    if (this.#blobs >= FULL_BLOBS) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#packs.length === 0) return;
    await this.#repository.saveUnpacked('index', encodeIndexFile(this.#packs), { signal: this.#signal });
    this.#packs = [];
    this.#blobs = 0;
    this.written++;
  }
}

/** What one index file lists; `undefined` if it is gone. Throws `INDEX_CORRUPT`. */
async function readIndexFile(
  repository: Repository,
  id: IndexId,
  signal: AbortSignal | undefined,
): Promise<readonly ListedPack[] | undefined> {
  let json: Uint8Array;
  try {
    json = await repository.loadUnpacked('index', id, { signal });
  } catch (error) {
    if (hasCode(error, 'OBJECT_MISSING')) return undefined;
    throw error;
  }
  const packs: { readonly id: PackId; readonly blobs: PackEntry[] }[] = [];
  const sink: IndexSink = {
    pack: (pack) => packs.push({ id: idFromBytes<PackId>(pack), blobs: [] }),
    blob: (type, blob, offset, length, uncompressedLength) => {
      const entry = { id: idFromBytes<BlobId>(blob), offset, length, uncompressedLength };
      packs.at(-1)?.blobs.push({ type: type === 1 ? 'tree' : 'data', ...entry });
    },
  };
  decodeIndexFile(json, sink);
  return packs;
}
