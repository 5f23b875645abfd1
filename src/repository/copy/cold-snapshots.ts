import { type BlobId, idFromBytes, idToBytes } from '../../base/ids.ts';
import type { ReferenceVisitor } from '../check/tree-references.ts';
import { BLOB_DATA, BLOB_TREE } from '../index/blob-index.ts';
import { RecordSet } from '../index/record-set.ts';
import type { SnapshotRecord } from '../snapshots.ts';
import { saysLost } from './copy-damage.ts';
import { NO_TREE, type PlannedCopy } from './plan-copy.ts';
import type { CopySide, SourceTrees } from './source-trees.ts';

/**
 * The planned snapshots that need nothing of these packs of the source, by their numbers. What a snapshot needs is not only
 * what was planned for it: another one before it may bring the rest. Reads trees again, of those that have nothing of
 * their own in the packs.
 */
export async function snapshotsWithout(
  packs: ReadonlySet<number>,
  planned: readonly PlannedCopy[],
  sides: { readonly source: CopySide; readonly target: CopySide; readonly trees: SourceTrees },
  signal: AbortSignal | undefined,
): Promise<SnapshotRecord[]> {
  const { index } = sides.source;
  const isIn = (record: number): boolean => packs.has(index.location(record)?.packNumber ?? -1);
  const walk = new PackWalk(isIn, sides, signal);
  const without: SnapshotRecord[] = [];
  for (const { record, needed } of planned) {
    const { tree } = record.snapshot;
    if (needed.data.some(isIn) || (!NO_TREE.test(tree) && (await walk.needs(tree)))) continue;
    without.push(record);
  }
  return without;
}

/** Finds out which trees need something of some packs; a bit of memory for each blob and answer. */
class PackWalk {
  readonly #isIn: (record: number) => boolean;
  readonly #source: CopySide;
  readonly #target: CopySide;
  readonly #trees: SourceTrees;
  readonly #signal: AbortSignal | undefined;
  readonly #needing: RecordSet;
  readonly #others: RecordSet;

  constructor(
    isIn: (record: number) => boolean,
    { source, target, trees }: { readonly source: CopySide; readonly target: CopySide; readonly trees: SourceTrees },
    signal: AbortSignal | undefined,
  ) {
    this.#isIn = isIn;
    this.#source = source;
    this.#target = target;
    this.#trees = trees;
    this.#signal = signal;
    this.#needing = new RecordSet(source.index);
    this.#others = new RecordSet(source.index);
  }

  async needs(tree: BlobId): Promise<boolean> {
    const record = this.#source.index.find(BLOB_TREE, idToBytes(tree));
    if (record >= 0 && this.#needing.has(record)) return true;
    if (record >= 0 && this.#others.has(record)) return false;
    this.#signal?.throwIfAborted();
    const found = await this.#visit(tree);
    if (record >= 0) (found ? this.#needing : this.#others).add(record);
    return found;
  }

  async #visit(tree: BlobId): Promise<boolean> {
    let found = false;
    const subtrees: BlobId[] = [];
    const visitor: ReferenceVisitor = {
      data: (id) => void (found ||= this.#isNeeded(id)),
      tree: (id) => void subtrees.push(idFromBytes<BlobId>(id)),
    };
    try {
      await this.#trees.visit(tree, visitor, this.#signal);
    } catch (error) {
      // What is lost is for the copy to tell.
      if (this.#signal?.aborted === true || !saysLost(error)) throw error;
    }
    for (const subtree of subtrees) {
      if (found) return true;
      found = await this.needs(subtree);
    }
    return found;
  }

  #isNeeded(id: Uint8Array): boolean {
    const record = this.#source.index.find(BLOB_DATA, id);
    return record >= 0 && this.#isIn(record) && !this.#target.index.has(BLOB_DATA, id);
  }
}
