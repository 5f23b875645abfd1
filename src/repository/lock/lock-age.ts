import type { LockId } from '../../base/ids.ts';
import { objectName } from '../layout.ts';
import type { Repository } from '../repository.ts';

/**
 * How long before our lock the storage got that one, by its own clock: those of two machines may be hours apart. `undefined`
 * where the storage tells no times, or that lock is gone.
 */
export async function ageByStorage(
  { origin }: Repository,
  theirs: LockId,
  ours: LockId,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const theirsMs = await origin.writtenAt?.(objectName('lock', theirs), { signal });
  const oursMs = await origin.writtenAt?.(objectName('lock', ours), { signal });
  return theirsMs === undefined || oursMs === undefined ? undefined : oursMs - theirsMs;
}
