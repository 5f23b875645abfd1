// Content in a cold storage class, for what looks into one backup: as a restore, it asks for what it needs before it reads.
import { idToBytes } from '../../base/ids.ts';
import type { Progress } from '../../base/job.ts';
import type { Node } from '../../formats/tree/node.ts';
import { BLOB_DATA, type BlobIndex } from '../../repository/index/blob-index.ts';
import { objectName } from '../../repository/layout.ts';
import type { ObjectName } from '../../storage/storage.ts';
import type { RetrievalOptions } from '../actions/retrieve-packs.ts';
import type { LookContext } from './look-inside.ts';

export interface RetrieveContentOptions {
  /** How what lies in cold storage is retrieved. Without it, that something is cold is the error `OBJECT_COLD`. */
  readonly retrieval?: RetrievalOptions | undefined;
  /** Told how far that is. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/**
 * Returns when these objects can be read; where nothing can be cold they are not even looked up. Throws `RETRIEVAL_PENDING` where some
 * are on their way, and `OBJECT_COLD` where some are cold and nobody said how to retrieve them.
 */
export async function retrieveContent(
  context: LookContext,
  objects: () => readonly ObjectName[] | Promise<readonly ObjectName[]>,
  { retrieval, onProgress }: RetrieveContentOptions,
): Promise<void> {
  const { repository, settings } = context;
  if (repository.origin.cold === undefined) return;
  const signal = context.signal ?? new AbortController().signal;
  const report = onProgress ?? ((): void => {});
  const { retrieveObjects } = await import('../actions/retrieve-packs.ts');
  await retrieveObjects({ repository, settings, signal, report, dryRun: false }, await objects(), retrieval);
}

/** The packs with the content of these files, each once. */
export async function packsOf(
  index: BlobIndex,
  nodes: Iterable<Node> | AsyncIterable<Node>,
): Promise<readonly ObjectName[]> {
  const packs = new Set<number>();
  for await (const node of nodes) {
    if (node.type !== 'file') continue;
    for (const id of node.content) {
      const record = index.find(BLOB_DATA, idToBytes(id));
      // What no index lists, reading tells.
      const location = record < 0 ? undefined : index.location(record);
      if (location !== undefined) packs.add(location.packNumber);
    }
  }
  return [...packs].map((number) => objectName('pack', index.packId(number)));
}
