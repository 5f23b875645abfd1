import type { SnapshotId } from '../../base/ids.ts';
import type { Snapshot } from '../../formats/snapshot/snapshot.ts';
import type { SnapshotRecord } from '../snapshots.ts';

/**
 * Tells which snapshots a repository has already, by restic's rule, so that both programs agree: a snapshot is known by
 * the id of its first version (`original`), and is the same where all but `parent` and `original` is. One that was
 * tagged since then on either side counts as another one.
 */
export class CopiedSnapshots {
  readonly #byOriginal = new Map<SnapshotId, SnapshotRecord[]>();

  constructor(present: readonly SnapshotRecord[]) {
    for (const record of present) {
      const { id, snapshot } = record;
      for (const key of new Set([id, snapshot.original ?? id])) {
        const known = this.#byOriginal.get(key);
        if (known === undefined) this.#byOriginal.set(key, [record]);
        else known.push(record);
      }
    }
  }

  /** The copy of a snapshot of another repository, if there is one. */
  find({ id, snapshot }: SnapshotRecord): SnapshotRecord | undefined {
    const known = this.#byOriginal.get(snapshot.original ?? id) ?? [];
    return known.find((record) => isSame(record.snapshot, snapshot));
  }
}

function isSame(a: Snapshot, b: Snapshot): boolean {
  return (
    a.time.ns === b.time.ns &&
    a.tree === b.tree &&
    a.hostname === b.hostname &&
    a.username === b.username &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    hasAll(a.paths, b.paths) &&
    hasAll(a.tags, b.tags) &&
    a.excludes.length === b.excludes.length &&
    a.excludes.every((pattern, at) => pattern === b.excludes[at])
  );
}

/** In any order. */
function hasAll(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && b.every((text) => a.includes(text));
}
