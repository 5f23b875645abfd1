import { describe, expect, it } from 'vitest';
import { self, setUp } from '../../../test/support/lock-fixture.ts';
import { unlockRepository } from './unlock.ts';

describe('unlockRepository', () => {
  it('removes stale locks only', async () => {
    const { repository, clock, foreign } = await setUp();
    const kept = await foreign();
    const stale = await foreign({ hostname: 'here', pid: 999 });
    const unlocked = await unlockRepository(repository, { clock, self });
    expect(unlocked).toEqual({ removed: [stale], kept: [kept], unreadable: [], unreached: [] });
  });

  it('removes everything when told so, also what it cannot read', async () => {
    const { repository, storage, clock, foreign, lockFiles } = await setUp();
    await foreign();
    await storage.write(`locks/${'a'.repeat(64)}`, new Uint8Array(3));
    await unlockRepository(repository, { all: true, clock, self });
    expect(await lockFiles()).toEqual([]);
  });
});
