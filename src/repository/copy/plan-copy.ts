import type { SnapshotRecord } from '../snapshots.ts';
import type { CopyDamage } from './copy-damage.ts';
import { type NeededBlobs, NeededBlobsWalk } from './needed-blobs.ts';
import type { CopySide, SourceTrees } from './source-trees.ts';

/** A snapshot to copy, with the blobs that no snapshot before it brings. */
export interface PlannedCopy {
  readonly record: SnapshotRecord;
  readonly needed: NeededBlobs;
}

/** Snapshots of old versions of restic could have no tree at all; restic accepts them. */
export const NO_TREE: RegExp = /^0{64}$/;

export interface PlanCopyOptions {
  readonly trees: SourceTrees;
  readonly damage: CopyDamage;
  readonly signal?: AbortSignal | undefined;
  /** Called after each tree with the number of trees read. */
  readonly onTree?: ((trees: number) => void) | undefined;
}

/** Finds out what has to be copied for these snapshots, in their order. Reads trees, and changes nothing. */
export async function planCopy(
  source: CopySide,
  target: CopySide,
  snapshots: readonly SnapshotRecord[],
  { trees, damage, signal, onTree }: PlanCopyOptions,
): Promise<PlannedCopy[]> {
  const walk = new NeededBlobsWalk(source, target, { trees, damage, onTree });
  const copies: PlannedCopy[] = [];
  for (const record of snapshots) {
    const { tree } = record.snapshot;
    const needed = NO_TREE.test(tree) ? NOTHING : await walk.collect(tree, signal);
    copies.push({ record, needed });
  }
  return copies;
}

const NOTHING: NeededBlobs = { data: new Uint32Array(0), trees: new Uint32Array(0), bytes: 0 };
