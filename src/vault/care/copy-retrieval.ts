// What a copy needs of cold storage. As a restore it asks for all of it at once; unlike a restore it goes on with what can be read.
import { CairnError, isCairnError } from '../../base/errors.ts';
import type { PlannedCopy } from '../../repository/copy/plan-copy.ts';
import type { CopySide } from '../../repository/copy/source-trees.ts';
import { objectName } from '../../repository/layout.ts';
import type { ObjectName } from '../../storage/storage.ts';
import {
  type RetrievalOptions,
  type RetrievalSummary,
  type RetrieveContext,
  retrieveObjects,
  unreadableNow,
} from '../actions/retrieve-packs.ts';

export interface CopyRetrieval {
  readonly retrieval: RetrievalSummary | undefined;
  /** What cannot be read in this run. */
  readonly missing: ReadonlySet<ObjectName>;
  /** Why: `RETRIEVAL_PENDING`, or that nobody agreed to ask for it. */
  readonly reason: unknown;
}

/** The packs of the source that have the data of these copies, by name, with their numbers. Those of trees are never in the cold. */
export function packsOfCopies({ index }: CopySide, planned: readonly PlannedCopy[]): ReadonlyMap<ObjectName, number> {
  const packs = new Set<number>();
  for (const { needed } of planned) {
    for (const record of needed.data) {
      const location = index.location(record);
      if (location !== undefined) packs.add(location.packNumber);
    }
  }
  return new Map([...packs].map((number) => [objectName('pack', index.packId(number)), number]));
}

/** Throws what has nothing to do with the cold. Without `options` nothing is asked for, and what is cold stays behind all the same. */
export async function retrieveForCopy(
  context: RetrieveContext,
  objects: readonly ObjectName[],
  options: RetrievalOptions | undefined,
): Promise<CopyRetrieval> {
  try {
    return { retrieval: await retrieveObjects(context, objects, options), missing: new Set(), reason: undefined };
  } catch (error) {
    context.signal.throwIfAborted();
    const missing = await unreadableNow(context, objects);
    if (missing.size === 0) throw error;
    return { retrieval: undefined, missing, reason: afterTheRest(error) };
  }
}

function afterTheRest(error: unknown): unknown {
  if (!isCairnError(error)) return error;
  const { code, message, hint, retry, facts } = error;
  const isOwnWay = code === 'RETRIEVAL_PENDING' || code === 'OBJECT_COLD';
  const way = isOwnWay ? hint : 'Give --yes to ask for what is cold, or leave those backups out.';
  return new CairnError(code, `${message}; what could be read is copied`, {
    cause: error,
    retry,
    facts,
    ...(way === undefined ? {} : { hint: way }),
  });
}
