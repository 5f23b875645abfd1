import { mapConcurrent } from '../base/concurrency.ts';
import { type CairnError, hasCode, isCairnError, messageOf } from '../base/errors.ts';
import type { SnapshotId } from '../base/ids.ts';
import { decodeSnapshot, encodeSnapshot, type Snapshot } from '../formats/snapshot/snapshot.ts';
import type { Repository } from './repository.ts';
import { stillListed } from './still-listed.ts';
import { damagedFile } from './stored-file.ts';

export interface SnapshotRecord {
  readonly id: SnapshotId;
  readonly snapshot: Snapshot;
}

export interface ListSnapshotsOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told of each snapshot that cannot be read; the others are listed all the same. */
  readonly onWarning?: ((warning: CairnError) => void) | undefined;
  /** Told when the listing has ended; files may still be read. */
  readonly onListed?: (() => void) | undefined;
}

/** Every readable snapshot, oldest first; equal times by id. */
export async function listSnapshots(
  repository: Repository,
  options: ListSnapshotsOptions = {},
): Promise<SnapshotRecord[]> {
  const { signal, onWarning } = options;
  const records: SnapshotRecord[] = [];
  const gone = new Set<SnapshotId>();
  const limit = Math.max(2, repository.storage.features.connections);
  const ids = thenTelling(repository.listIds('snapshot', { signal }), options.onListed);
  await mapConcurrent(ids, { limit, signal }, async ({ id }) => {
    try {
      records.push(await loadSnapshot(repository, id, { signal }));
    } catch (error) {
      if (hasCode(error, 'SNAPSHOT_CORRUPT')) onWarning?.(damagedSnapshot(id, error));
      // Forgotten by somebody else since it was listed, if it is not listed any more.
      else if (hasCode(error, 'OBJECT_MISSING')) gone.add(id);
      else throw error;
    }
  });
  for (const id of await stillListed(repository, 'snapshot', gone, { signal })) onWarning?.(hiddenSnapshot(id));
  return records.sort(compareSnapshots);
}

async function* thenTelling<T>(items: AsyncIterable<T>, tell: (() => void) | undefined): AsyncGenerator<T> {
  yield* items;
  tell?.();
}

/** Reads one snapshot. Throws `SNAPSHOT_CORRUPT`, naming it, or `OBJECT_MISSING`. */
export async function loadSnapshot(
  repository: Repository,
  id: SnapshotId,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<SnapshotRecord> {
  const json = await repository.loadUnpacked('snapshot', id, options);
  try {
    return { id, snapshot: decodeSnapshot(json) };
  } catch (error) {
    throw damagedSnapshot(id, error);
  }
}

/**
 * Stores a snapshot durably. Everything it refers to must be stored and indexed before: a snapshot is
 * what makes a backup visible.
 */
export function saveSnapshot(
  repository: Repository,
  snapshot: Snapshot,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<SnapshotId> {
  return repository.saveUnpacked('snapshot', encodeSnapshot(snapshot), options);
}

const NAME_TAG = 'name:';

/**
 * The name of a snapshot: the tag `name:…` if it has one, else the last component of its only path, else
 * `undefined`. No field is added to the format for it, so that restic shows and keeps it too.
 */
export function snapshotName(snapshot: Pick<Snapshot, 'tags' | 'paths'>): string | undefined {
  const tag = snapshot.tags.find((text) => text.startsWith(NAME_TAG) && text.length > NAME_TAG.length);
  if (tag !== undefined) return tag.slice(NAME_TAG.length);
  const [path, ...others] = snapshot.paths;
  if (path === undefined || others.length > 0) return undefined;
  return path.split(/[/\\]/).findLast((part) => part !== '');
}

function compareSnapshots(a: SnapshotRecord, b: SnapshotRecord): number {
  const [x, y] = [a.snapshot.time.ns, b.snapshot.time.ns];
  if (x !== y) return x < y ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}

function hiddenSnapshot(id: SnapshotId): CairnError {
  return damagedFile('snapshot', id, 'the storage lists it and says that it is not there');
}

function damagedSnapshot(id: SnapshotId, error: unknown): CairnError {
  if (isCairnError(error) && 'object' in error.facts && error.code === 'SNAPSHOT_CORRUPT') return error;
  return damagedFile('snapshot', id, messageOf(error), error);
}
