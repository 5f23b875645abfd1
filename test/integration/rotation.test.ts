// Retention by name over a real repository: what is planned goes, by exact names, whatever the storage does.
import { describe, expect, it } from 'vitest';
import { CairnError } from '../../src/base/errors.ts';
import type { SnapshotId } from '../../src/base/ids.ts';
import { formatGoTime, parseGoTime } from '../../src/formats/go-time.ts';
import type { KeepRules } from '../../src/retention/keep-policy.ts';
import { listSnapshots, saveSnapshot } from '../../src/repository/snapshots.ts';
import { StorageLayer } from '../../src/storage/layers/storage-layer.ts';
import { deleteOlderThan, planDeleteOlderThan } from '../../src/vault/care/delete-older-than.ts';
import { type ForgetPlan, planDelete, planForget } from '../../src/vault/care/plan-forget.ts';
import { planRotation, rotateBackups } from '../../src/vault/care/rotate-backups.ts';
import { tagBackups } from '../../src/vault/care/tag-backups.ts';
import { askRestic } from '../support/forget-cases.ts';
import { newTrial, sweepFaults, type Sweep, type Trial } from '../support/fault-sweep.ts';
import { requirePeer } from '../support/peers.ts';
import { aSnapshot, makeSampleRepository, withOrigin } from '../support/repository-fixture.ts';

interface Made {
  readonly time: string;
  readonly name?: string;
  readonly host?: string;
  readonly tags?: readonly string[];
}

const NOW = '2024-03-14T12:00:00Z';

/** A vault with these backups, besides the one that the sample has, which is named otherwise. */
async function vaultOf(backups: readonly Made[]): Promise<Sweep['base']> {
  const made = await makeSampleRepository();
  for (const { time, name = 'main', host = 'desk', tags = [] } of backups) {
    const parts = { time: parseGoTime(time), hostname: host, tags: [...tags, `name:${name}`] };
    await saveSnapshot(made.repository, aSnapshot(made.tree, parts));
  }
  return made;
}

const march = (...days: readonly number[]): Made[] =>
  days.map((day) => ({ time: `2024-03-${String(day).padStart(2, '0')}T03:00:00Z` }));

/** Day, name and host of what is left. */
async function left({ repository }: Trial): Promise<string[]> {
  const records = (await listSnapshots(repository)).filter(({ snapshot }) => snapshot.tags.length > 0);
  return records.map(({ snapshot }) => {
    const name = snapshot.tags.find((tag) => tag.startsWith('name:'))?.slice(5);
    return `${formatGoTime(snapshot.time).slice(8, 10)} ${name}`;
  });
}

const forgotten = ({ groups }: ForgetPlan): string[] =>
  groups.flatMap(({ forget }) => forget.map(({ time, name }) => `${time.toISOString().slice(8, 10)} ${name}`));

describe('rotate', () => {
  it('B39: removes what its plan says, on a storage that fails at any step, and nothing else', async () => {
    const trials = await sweepFaults({
      base: await vaultOf(march(10, 11, 12, 13, 14)),
      run: ({ context }) => rotateBackups(context, [{ name: 'main' }, { days: 2 }, { now: NOW }]),
      done: async (trial) => expect(await left(trial)).toEqual(['13 main', '14 main']),
    });
    expect(trials).toBeGreaterThan(20);
  });

  it('B39: reports what cannot be removed, and goes on with the rest', async () => {
    const trial = await newTrial(await vaultOf(march(11, 12, 13, 14)));
    const plan = await planRotation(trial.context, { name: 'main' }, { days: 1 }, { now: NOW });
    const stuck = plan.groups[0]!.forget[1]!;
    const repository = withOrigin(trial.repository, new KeepsOne(trial.storage, stuck.id));
    const result = await rotateBackups({ ...trial.context, repository }, [plan]);
    expect(result).toMatchObject({ status: 'partial', failed: [{ backup: stuck, message: 'it stays' }] });
    expect(result.removed).toHaveLength(2);
    expect(await left(trial)).toEqual(['12 main', '14 main']);
  });

  it('B42: refuses rules without a count before it reads anything', async () => {
    const trial = await newTrial(await vaultOf([]));
    const before = trial.storage.operations.length;
    await expect(planRotation(trial.context, {}, { days: 0 }, {})).rejects.toMatchObject({ code: 'RETENTION_EMPTY' });
    expect(trial.storage.operations).toHaveLength(before);
  });

  it('takes names as a whole: B37 and B39 of bakthat took every name that holds the text', async () => {
    const trial = await newTrial(
      await vaultOf([...march(12, 13, 14), ...march(12, 13).map((made) => ({ ...made, name: 'main-old' }))]),
    );
    expect(forgotten(await planRotation(trial.context, { name: 'main' }, { days: 1 }, { now: NOW }))).toEqual([
      '13 main',
      '12 main',
    ]);
    await expect(planRotation(trial.context, { name: 'mai' }, { days: 1 }, {})).rejects.toMatchObject({
      code: 'REF_UNKNOWN',
    });
  });

  it('rotates each name and each host by itself', async () => {
    const trial = await newTrial(
      await vaultOf([
        ...march(13, 14),
        ...march(12, 13).map((made) => ({ ...made, name: 'other' })),
        ...march(13).map((made) => ({ ...made, host: 'lab' })),
      ]),
    );
    const rules = { days: 1 };
    expect(forgotten(await planRotation(trial.context, {}, rules, { now: NOW }))).toEqual(['13 main', '12 other']);
    const together = await planRotation(trial.context, { name: 'main' }, rules, { now: NOW, groupBy: [] });
    expect(forgotten(together)).toEqual(['13 main', '13 main']);
  });

  it('removes nothing where a backup that its plan keeps is gone', async () => {
    const trial = await newTrial(await vaultOf(march(12, 13, 14)));
    const plan = await planRotation(trial.context, {}, { days: 1 }, { now: NOW });
    const kept = plan.groups.find(({ key }) => key.name === 'main')!.keep[0]!.backup;
    await trial.repository.removeFile('snapshot', kept.id as SnapshotId);
    await expect(rotateBackups(trial.context, [plan])).rejects.toMatchObject({ code: 'PLAN_OUTDATED' });
    expect(await left(trial)).toEqual(['12 main', '13 main']);
  });
});

describe('delete-older-than', () => {
  it('B37: removes what is older, of one name, and keeps the newest', async () => {
    const trial = await newTrial(
      await vaultOf([...march(1, 2, 13), ...march(3, 4).map((made) => ({ ...made, name: 'other' }))]),
    );
    const result = await deleteOlderThan(trial.context, ['7D', {}, { now: NOW }]);
    expect(result.status).toBe('complete');
    expect(await left(trial)).toEqual(['04 other', '13 main']);
  });

  it('is refused where nothing may stay and nothing would', async () => {
    const trial = await newTrial(await vaultOf(march(1, 2)));
    await expect(
      planDeleteOlderThan(trial.context, '7D', { name: 'main' }, { now: NOW, keepAtLeast: 0 }),
    ).rejects.toMatchObject({ code: 'FORGET_REFUSED', message: expect.stringContaining('main') as string });
  });

  it.each(['', '1z', '0D'])('B38: %j is refused before anything is read', async (interval) => {
    const trial = await newTrial(await vaultOf([]));
    const before = trial.storage.operations.length;
    await expect(planDeleteOlderThan(trial.context, interval, {}, {})).rejects.toThrow(TypeError);
    expect(trial.storage.operations).toHaveLength(before);
  });
});

describe('a backup that is held', () => {
  const held = [...march(1, 2, 13, 14), { time: '2024-03-01T09:00:00Z', tags: ['hold:before-migration'] }];
  const keptHeld = { backup: { tags: ['hold:before-migration'] }, reasons: ['held: before-migration'] };

  it('stays in a rotation, and takes the place of no other', async () => {
    const trial = await newTrial(await vaultOf(held));
    const { groups } = await planRotation(trial.context, { name: 'main' }, { months: 1 }, { now: NOW });
    expect(groups).toMatchObject([{ keep: [{}, keptHeld, { reasons: ['first of month 2024-03'] }] }]);
    expect(groups[0]!.forget).toHaveLength(2);
  });

  it('stays when it is older', async () => {
    const trial = await newTrial(await vaultOf(held));
    await deleteOlderThan(trial.context, ['7D', { name: 'main' }, { now: NOW }]);
    expect(await left(trial)).toEqual(['01 main', '13 main', '14 main']);
  });

  it('stays whatever rules restic has, and counts for none', async () => {
    const trial = await newTrial(await vaultOf(held));
    const { groups } = await planForget(trial.context, { last: 2 }, { filter: { name: 'main' } });
    expect(groups).toMatchObject([{ keep: [{}, {}, keptHeld] }]);
    expect(groups[0]!.forget).toHaveLength(2);
  });
});

const tagsIn = async ({ repository }: Trial): Promise<readonly string[]> =>
  (await listSnapshots(repository)).findLast(({ snapshot }) => snapshot.tags.length > 0)!.snapshot.tags;
const oneHeld = async (): Promise<Trial> =>
  newTrial(await vaultOf([{ time: '2024-03-14T03:00:00Z', tags: ['hold:a', 'hold:b', 'nightly'] }]));

describe('delete', () => {
  it('B36: removes the newest of a name, what is at a time, or an id; and a part of a name means nothing', async () => {
    const trial = await newTrial(await vaultOf(march(12, 13, 14)));
    expect(forgotten(await planDelete(trial.context, ['main'], {}))).toEqual(['14 main']);
    expect(forgotten(await planDelete(trial.context, ['main@2024-03-12'], {}))).toEqual(['12 main']);
    await expect(planDelete(trial.context, ['mai'], {})).rejects.toMatchObject({ code: 'REF_UNKNOWN' });
  });
});

describe('a hold', () => {
  it('keeps a backup from being removed by name, with all others that are named', async () => {
    const trial = await newTrial(await vaultOf([...march(13), { ...march(14)[0]!, name: 'kept', tags: ['hold:a'] }]));
    await expect(planDelete(trial.context, ['main', 'kept'], {})).rejects.toMatchObject({
      code: 'BACKUP_HELD',
      facts: { labels: ['a'] },
    });
    expect(forgotten(await planDelete(trial.context, ['main', 'kept'], { includeHeld: true }))).toHaveLength(2);
  });

  it('is kept by restic only where it is told of the tag', async () => {
    const { path } = requirePeer('restic-newest');
    const snapshots = [{ time: '2024-03-13T03:00:00Z', tags: ['hold:a b'] }, { time: '2024-03-14T03:00:00Z' }];
    const ask = async (rules: KeepRules): Promise<number | undefined> =>
      (await askRestic(path, { name: 'hold', zone: 'UTC', groupBy: '', snapshots, rules }))?.groups[0]?.keep.length;
    expect([await ask({ last: 1 }), await ask({ last: 1, tags: [['hold:a b']] })]).toEqual([1, 2]);
  });

  it('that is put after a plan was made keeps the backup all the same', async () => {
    const trial = await newTrial(await vaultOf(march(12, 13, 14)));
    const plan = await planRotation(trial.context, { name: 'main' }, { days: 1 }, { now: NOW });
    await tagBackups(trial.context, { hold: ['late'] }, { references: ['main@2024-03-12'] });
    await rotateBackups(trial.context, [plan]);
    expect(await left(trial)).toEqual(['12 main', '14 main']);
  });

  it('is released by its label, or with all others', async () => {
    const trial = await oneHeld();
    await tagBackups(trial.context, { release: ['a'] }, { filter: { name: 'main' } });
    expect(await tagsIn(trial)).toEqual(['hold:b', 'nightly', 'name:main']);
    await tagBackups(trial.context, { release: 'all', hold: ['c'] }, { filter: { name: 'main' } });
    expect(await tagsIn(trial)).toEqual(['nightly', 'name:main', 'hold:c']);
  });

  it('outlives that tags are set', async () => {
    const trial = await oneHeld();
    await tagBackups(trial.context, { set: ['new'] }, { filter: { name: 'main' } });
    expect(await tagsIn(trial)).toEqual(['hold:a', 'hold:b', 'name:main', 'new']);
  });

  it.each([{ add: ['hold:a'] }, { remove: ['hold:a'] }, { set: ['hold:a'] }, { hold: [''] }, { release: ['a,b'] }])(
    '%j is refused',
    async (change) => {
      const trial = await oneHeld();
      await expect(tagBackups(trial.context, change, {})).rejects.toThrow(TypeError);
    },
  );
});

/** A storage that does not let go of one object. */
class KeepsOne extends StorageLayer {
  readonly #id: string;

  constructor(inner: ConstructorParameters<typeof StorageLayer>[0], id: string) {
    super(inner);
    this.#id = id;
  }

  override async remove(name: string, options?: { readonly signal?: AbortSignal }): Promise<void> {
    if (name.endsWith(this.#id)) throw new CairnError('STORAGE_IO', 'it stays');
    await super.remove(name, options);
  }

  override async removeMany(names: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<void> {
    for (const name of names) await this.remove(name, options);
  }
}
