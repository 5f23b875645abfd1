import { type UnlockOptions, unlockRepository, type UnlockResult } from '../../repository/lock/unlock.ts';
import type { Repository } from '../../repository/repository.ts';
import type { VaultSettings } from '../vault-session.ts';
import { isLocal, removeLeftovers } from './exclusive-session.ts';

/** Removes stale locks, or all of them, and in a local vault what interrupted writes left long ago. */
export async function unlockVault(
  repository: Repository,
  settings: VaultSettings,
  options: Pick<UnlockOptions, 'all' | 'signal'>,
): Promise<UnlockResult> {
  const result = await unlockRepository(repository, options);
  if (isLocal(repository)) await removeLeftovers(repository, settings, options);
  return result;
}
