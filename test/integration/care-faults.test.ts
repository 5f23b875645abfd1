// Every storage operation of the care commands, gone wrong in every way: no backup that stays may suffer, and the
// next run ends what this one began.
import { describe, expect, it } from 'vitest';
import { parseGoTime } from '../../src/formats/go-time.ts';
import { listSnapshots, saveSnapshot } from '../../src/repository/snapshots.ts';
import { applyForget } from '../../src/vault/care/apply-forget.ts';
import { planForget } from '../../src/vault/care/plan-forget.ts';
import { tagBackups } from '../../src/vault/care/tag-backups.ts';
import { sweepFaults, type Sweep, type Trial } from '../support/fault-sweep.ts';
import { aSnapshot, makeSampleRepository } from '../support/repository-fixture.ts';

/** Three backups of one tree, a day apart. */
async function someBackups(): Promise<Sweep['base']> {
  const made = await makeSampleRepository();
  for (const day of [1, 2]) {
    await saveSnapshot(made.repository, aSnapshot(made.tree, { time: parseGoTime(`2024-01-0${day}T10:00:00Z`) }));
  }
  return made;
}

const tagsOf = async ({ repository }: Trial): Promise<readonly (readonly string[])[]> =>
  (await listSnapshots(repository)).map(({ snapshot }) => snapshot.tags);

describe('on a storage that fails', () => {
  it('forget removes what it planned and nothing else', async () => {
    const trials = await sweepFaults({
      base: await someBackups(),
      run: async ({ context }) => applyForget(context, await planForget(context, { last: 1 }, {})),
      done: async ({ repository }) => {
        const left = await listSnapshots(repository);
        expect(left.map(({ snapshot }) => snapshot.time)).toEqual([parseGoTime('2024-01-02T10:00:00Z')]);
      },
    });
    expect(trials).toBeGreaterThan(20);
  });

  it('tag leaves every backup once, with the new tags', async () => {
    await sweepFaults({
      base: await someBackups(),
      run: ({ context }) => tagBackups(context, { add: ['new'] }, {}),
      done: async (trial) => expect(await tagsOf(trial)).toEqual([['new'], ['new'], ['new']]),
    });
  });
});
