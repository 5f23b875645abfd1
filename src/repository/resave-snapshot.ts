// Snapshot files are never changed: a new one is stored, then the old one is removed, so that at every instant one
// of them is there (restic's format, "Snapshots": `original`).
import { equalBytes } from '../base/bytes.ts';
import type { SnapshotId } from '../base/ids.ts';
import { editSnapshot, type SnapshotEdits } from '../formats/snapshot/edit-snapshot.ts';
import { decodeSnapshot, type Snapshot } from '../formats/snapshot/snapshot.ts';
import type { Repository } from './repository.ts';
import type { SnapshotRecord } from './snapshots.ts';

export interface ResaveOptions {
  /** The old snapshot stays beside the new one. */
  readonly keepOld?: boolean;
  /** All snapshots there are: one that an interrupted run stored already is taken for the new one. */
  readonly known: readonly SnapshotRecord[];
  readonly signal?: AbortSignal | undefined;
}

/** Stores a changed version of a snapshot and returns its id. The caller holds a lock; an exclusive one if the old goes. */
export async function resaveSnapshot(
  repository: Repository,
  { id, snapshot }: SnapshotRecord,
  edits: SnapshotEdits,
  { keepOld = false, known, signal }: ResaveOptions,
): Promise<SnapshotId> {
  const old = await repository.loadUnpacked('snapshot', id, { signal });
  const json = editSnapshot(old, { ...edits, original: snapshot.original ?? id });
  const edited = decodeSnapshot(json);
  const others = known.filter((record) => record.id !== id && isSame(record.snapshot, edited));
  const newId =
    (await findStored(repository, others, json, signal)) ??
    (await repository.saveUnpacked('snapshot', json, { signal }));
  if (!keepOld) await repository.removeFile('snapshot', id, { signal });
  return newId;
}

/** The one that says the same in every field, also in those that only other programs know. */
async function findStored(
  repository: Repository,
  candidates: readonly SnapshotRecord[],
  json: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<SnapshotId | undefined> {
  for (const { id } of candidates) {
    if (equalBytes(await repository.loadUnpacked('snapshot', id, { signal }), json)) return id;
  }
  return undefined;
}

/** Whether it is worth reading the other one again. */
function isSame(a: Snapshot, b: Snapshot): boolean {
  return (
    a.original === b.original &&
    a.tree === b.tree &&
    a.time.ns === b.time.ns &&
    a.hostname === b.hostname &&
    a.tags.join('\0') === b.tags.join('\0') &&
    a.paths.join('\0') === b.paths.join('\0')
  );
}
