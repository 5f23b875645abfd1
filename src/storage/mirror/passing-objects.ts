import type { Storage, StorageOptions } from '../storage.ts';
import type { MirrorMember } from './mirror-member.ts';

/** Writes or removes what says nothing of a member. One that cannot be reached is tried once, so that nobody waits for it again. */
export async function passing(
  members: readonly MirrorMember[],
  { signal }: StorageOptions,
  run: (storage: Storage) => Promise<void>,
): Promise<void> {
  const tries = members.map(async (member) => {
    if (member.isDown) return;
    try {
      await run(member.once);
    } catch {
      member.isDown = signal?.aborted !== true;
    }
  });
  await Promise.all(tries);
}
