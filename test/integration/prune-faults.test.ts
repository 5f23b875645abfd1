// Every storage operation of a prune, gone wrong in every way: no backup may suffer, and the next prune ends the work.
import { describe, expect, it } from 'vitest';
import { loadIndex } from '../../src/repository/index/load-index.ts';
import { planPrune } from '../../src/repository/prune/plan-prune.ts';
import { pruneVault } from '../../src/vault/care/prune-vault.ts';
import { expectSound, sweepFaults, type Trial } from '../support/fault-sweep.ts';
import { makePrunableVault, packIds } from '../support/prunable-vaults.ts';

const completely = { maxUnused: { bytes: 0 }, waitMs: 0 } as const;

/** Nothing is left to do, and index and packs agree. */
async function expectPruned({ repository }: Trial): Promise<void> {
  const { plan } = await planPrune(repository, completely);
  expect(plan).toMatchObject({
    unused: { blobs: 0 },
    duplicates: { blobs: 0 },
    unindexed: { packs: 0 },
    packs: { missing: 0 },
  });
  const index = await loadIndex(repository);
  const listed = Array.from({ length: index.packCount }, (_, pack) => index.packId(pack));
  expect(new Set(listed)).toEqual(await packIds(repository));
}

describe('a prune on a storage that fails', () => {
  it.each([1, 2] as const)(
    'harms no backup in a vault of version %i, and the next one ends its work',
    async (version) => {
      const trials = await sweepFaults({
        base: await makePrunableVault({ version }),
        run: ({ context }) => pruneVault(context, completely),
        after: expectSound,
        done: async (trial) => {
          await expectPruned(trial);
          await expectSound(trial);
        },
      });
      expect(trials).toBeGreaterThan(100);
    },
  );
});
