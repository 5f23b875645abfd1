// Backups that are marked as not whole, under restic's keep rules: those rules do not know the mark.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { askOurs, type ForgetOutcome, type ForgetSnapshot } from '../../test/support/forget-cases.ts';
import { countedRules, type KeepRules } from './keep-policy.ts';

const NOW = BigInt(Date.parse('2026-03-20T00:00:00Z')) * 1_000_000n;

const at = (time: string, ...tags: readonly string[]): ForgetSnapshot => ({ time: `2026-03-${time}:00:00Z`, tags });
const partial = (time: string, ...tags: readonly string[]): ForgetSnapshot => at(time, ...tags, 'partial');

function outcome(snapshots: readonly ForgetSnapshot[], rules: KeepRules, groupBy = ''): ForgetOutcome | undefined {
  return askOurs({ name: '', zone: 'UTC', rules, groupBy, snapshots }, NOW);
}

/** Days and hours of what stays, oldest first. */
function kept(snapshots: readonly ForgetSnapshot[], rules: KeepRules): string[] {
  const lines = outcome(snapshots, rules)?.groups.flatMap(({ keep }) => keep) ?? [];
  return lines.map((line) => line.slice(8, 13));
}

describe('a partial backup', () => {
  it('goes where there is a whole one of its day', () => {
    const backups = [at('10T03'), partial('10T15'), at('11T03')];
    expect(kept(backups, { daily: 7 })).toEqual(['10T03', '11T03']);
  });

  it('stays, being the newest of all, beside the whole one of its day', () => {
    expect(kept([at('10T03'), partial('10T15')], { daily: 7 })).toEqual(['10T03', '10T15']);
  });

  it('stays for a day that has no whole one', () => {
    expect(kept([at('10T03'), partial('11T03'), at('12T03')], { daily: 3 })).toEqual(['10T03', '11T03', '12T03']);
  });

  it('pushes no whole one out, however many there are', () => {
    const failing = ['12T03', '13T03', '14T03'].map((time) => partial(time));
    expect(kept([at('10T03'), at('11T03'), ...failing], { daily: 2 })).toEqual(['10T03', '11T03', '13T03', '14T03']);
    expect(kept([at('11T03'), ...failing], { last: 1 })).toEqual(['11T03', '14T03']);
  });

  it('never stays alone: where a rule keeps no whole one, the newest whole one does', () => {
    const backups = [at('10T03'), at('11T03'), partial('12T03', 'release')];
    expect(outcome(backups, { tags: [['release']] })?.groups).toEqual([
      {
        keep: ['2026-03-11T03:00:00Z: newest whole snapshot', '2026-03-12T03:00:00Z: has tags [release]'],
        forget: ['2026-03-10T03:00:00Z'],
      },
    ]);
  });

  it('belongs to the backups that have its other tags', () => {
    const groups = outcome([at('10T03', 'web'), partial('11T03', 'web')], { last: 1 }, 'tags')?.groups;
    expect(groups).toHaveLength(1);
  });

  it('is kept by the rules for whole ones where no backup is whole', () => {
    const backups = ['10T03', '10T15', '11T03', '12T03'].map((time) => partial(time));
    expect(kept(backups, { daily: 2 })).toEqual(['11T03', '12T03']);
    expect(kept(backups, { daily: 3 })).toEqual(['10T15', '11T03', '12T03']);
  });
});

const isWhole = ({ tags = [] }: ForgetSnapshot): boolean => tags.length === 0;
const timesOf = (snapshots: readonly ForgetSnapshot[]): string[] => snapshots.map(({ time }) => time.slice(8, 13));

describe('whatever the backups and the rules', () => {
  const backups = fc.uniqueArray(fc.record({ hour: fc.integer({ min: 0, max: 400 }), isPartial: fc.boolean() }), {
    selector: ({ hour }) => hour,
    minLength: 1,
    maxLength: 30,
  });
  const some = backups.map((all) =>
    all.map(({ hour, isPartial }): ForgetSnapshot => ({
      time: new Date(Date.parse('2026-03-01T00:00:00Z') + hour * 3_600_000).toISOString().replace('.000', ''),
      tags: isPartial ? ['partial'] : [],
    })),
  );
  const rules = fc
    .record(Object.fromEntries(countedRules.map((rule) => [rule, fc.integer({ min: 1, max: 5 })])), {
      requiredKeys: [],
    })
    .filter((chosen) => Object.keys(chosen).length > 0) as fc.Arbitrary<KeepRules>;

  it('the whole ones stay that would stay without the others', () => {
    fc.assert(
      fc.property(some, rules, (snapshots, chosen) => {
        const whole = snapshots.filter(isWhole);
        const times = timesOf(whole);
        if (whole.length === 0) return;
        expect(kept(snapshots, chosen).filter((time) => times.includes(time))).toEqual(kept(whole, chosen));
      }),
    );
  });

  it('the newest stays, and no fewer when a rule is added', () => {
    fc.assert(
      fc.property(some, rules, fc.constantFrom(...countedRules), (snapshots, chosen, added) => {
        const before = kept(snapshots, chosen);
        expect(before).toContain(timesOf(snapshots).sort().at(-1));
        if (chosen[added] === undefined) {
          expect(kept(snapshots, { ...chosen, [added]: 2 })).toEqual(expect.arrayContaining(before));
        }
      }),
    );
  });
});
