import { readAfresh } from '../../repository/repository-cache.ts';
import type { ActionContext } from '../actions/backup-action.ts';

/** A repair goes by what the vault holds: with the good copy of this machine it would find nothing to repair. */
export async function pastCache<T>(context: ActionContext, repair: (fresh: ActionContext) => Promise<T>): Promise<T> {
  await using fresh = await readAfresh(context.repository);
  return await repair({ ...context, repository: fresh.repository });
}
