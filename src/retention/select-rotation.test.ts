import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RotationRules, rotationUnits } from './rotation-policy.ts';
import { type RotationItem, selectRotation } from './select-rotation.ts';
import { weekdays } from './weekday.ts';

const DAY_MS = 86_400_000;

function at(time: string, parts: Partial<RotationItem> = {}): RotationItem {
  return { id: time, time: new Date(time), ...parts };
}

/** One each day, at the time of day of `first`. */
function daily(first: string, last: string): RotationItem[] {
  const items: RotationItem[] = [];
  for (let ms = Date.parse(first); ms <= Date.parse(last); ms += DAY_MS) items.push(at(new Date(ms).toISOString()));
  return items;
}

/** The days of what stays, oldest first. */
function keptDays(items: readonly RotationItem[], rules: RotationRules, now: string, zone?: string): string[] {
  const { kept } = selectRotation(items, rules, new Date(now), zone);
  return kept.map(({ item }) => item.time.toISOString().slice(0, 10)).toReversed();
}

function keptIds(items: readonly RotationItem[], rules: RotationRules, now: string): string[] {
  return selectRotation(items, rules, new Date(now)).kept.map(({ item }) => item.id);
}

const daysFrom = (first: string, count: number): string[] =>
  daily(`${first}T00:00:00Z`, new Date(Date.parse(first) + (count - 1) * DAY_MS).toISOString()).map(({ id }) =>
    id.slice(0, 10),
  );

describe('B40: rotation', () => {
  it('GFS 1: keeps days, weeks and months of a year of daily backups', () => {
    const items = daily('1999-01-01T00:00:00Z', '1999-12-31T00:00:00Z');
    const rules = { days: 7, weeks: 4, months: 3, firstWeekday: 'saturday' } as const;
    expect(keptDays(items, rules, '1999-12-31T23:59:59Z')).toEqual([
      '1999-10-01',
      '1999-11-01',
      '1999-12-01',
      '1999-12-04',
      '1999-12-11',
      '1999-12-18',
      ...daysFrom('1999-12-25', 7),
    ]);
  });

  it('GFS 2: the same over a leap year, at three in the morning', () => {
    const items = daily('2023-01-01T03:00:00Z', '2024-03-14T03:00:00Z');
    const rules = { days: 7, weeks: 6, months: 6, firstWeekday: 'saturday' } as const;
    expect(keptDays(items, rules, '2024-03-14T12:00:00Z')).toEqual([
      ...'2023-10-01 2023-11-01 2023-12-01 2024-01-01 2024-02-01 2024-02-03 2024-02-10'.split(' '),
      ...'2024-02-17 2024-02-24 2024-03-01 2024-03-02'.split(' '),
      ...daysFrom('2024-03-08', 7),
    ]);
  });

  it('keeps what is dated in the future (GFS 4)', () => {
    const items = [at('2024-03-14T03:00:00Z'), at('2031-01-01T00:00:00Z'), at('2020-01-01T00:00:00Z')];
    expect(selectRotation(items, { days: 1 }, new Date('2024-03-14T12:00:00Z')).kept).toEqual([
      { item: items[1], reasons: ['in the future'] },
      { item: items[0], reasons: ['newest', 'first of day 2024-03-14'] },
    ]);
  });

  it('keeps the oldest of each hour, minute, second and year', () => {
    const items = ['10:00:00.1', '10:00:00.2', '10:00:01.0', '10:00:59.0', '10:59:00.0', '11:00:00.0'].map((clock) =>
      at(`2024-03-14T${clock}Z`),
    );
    const now = '2024-03-14T11:00:00Z';
    const clocks = (rules: RotationRules): string[] => keptIds(items, rules, now).map((id) => id.slice(11, 21));
    expect(clocks({ hours: 2 })).toEqual(['11:00:00.0', '10:00:00.1']);
    expect(clocks({ minutes: 61 })).toEqual(['11:00:00.0', '10:59:00.0', '10:00:00.1']);
    expect(clocks({ seconds: 3600 })).toEqual(['11:00:00.0', '10:59:00.0', '10:00:59.0', '10:00:01.0']);
    expect(keptIds([at('2022-05-01T00:00:00Z'), ...items], { years: 3 }, now)).toHaveLength(3);
  });

  it('counts units of the calendar, not lengths: a month ago is another month', () => {
    expect(
      keptDays(daily('2024-02-28T12:00:00Z', '2024-03-01T12:00:00Z'), { months: 2 }, '2024-03-01T13:00:00Z'),
    ).toEqual(['2024-02-28', '2024-03-01']);
  });

  it('counts on the clock of the zone that is asked for', () => {
    const items = [at('2024-03-13T20:00:00Z'), at('2024-03-13T23:30:00Z'), at('2024-03-14T08:00:00Z')];
    const now = '2024-03-14T12:00:00Z';
    expect(keptDays(items, { days: 1 }, now, 'UTC')).toEqual(['2024-03-14']);
    expect(selectRotation(items, { days: 1 }, new Date(now), 'Europe/Berlin').kept.at(-1)).toEqual({
      item: items[1],
      reasons: ['first of day 2024-03-14'],
    });
  });

  it('knows the hour that a clock goes through twice as two', () => {
    const items = [at('2024-10-27T00:10:00Z'), at('2024-10-27T01:10:00Z'), at('2024-10-27T02:10:00Z')];
    const { removed } = selectRotation(items, { hours: 3 }, new Date('2024-10-27T02:30:00Z'), 'Europe/Berlin');
    expect(removed).toEqual([]);
  });

  it('counts on the clock of this machine, where that is asked for', () => {
    const items = daily('2024-01-01T23:30:00Z', '2024-03-14T23:30:00Z');
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const select = (zone: string): object =>
      selectRotation(items, { weeks: 3 }, new Date('2024-03-14T23:59:00Z'), zone);
    expect(select('local')).toEqual(select(here));
  });

  it('refuses a zone that there is not', () => {
    expect(() => selectRotation([], { days: 1 }, new Date(), 'Atlantis/Capital')).toThrow(TypeError);
  });
});

describe('B41: weeks', () => {
  const items = daily('2023-01-01T03:00:00Z', '2024-03-14T03:00:00Z');
  const now = '2024-03-14T12:00:00Z';

  it.each([
    ['saturday', ['2024-02-17', '2024-02-24', '2024-03-02', '2024-03-09']],
    ['sunday', ['2024-02-18', '2024-02-25', '2024-03-03', '2024-03-10']],
    ['monday', ['2024-02-19', '2024-02-26', '2024-03-04', '2024-03-11']],
  ] as const)('GFS 3: that start on %s are counted from that day', (firstWeekday, firsts) => {
    expect(keptDays(items, { weeks: 4, firstWeekday }, now)).toEqual([...firsts, '2024-03-14']);
  });

  it('start on Saturday where nothing is said, as in bakthat', () => {
    expect(keptDays(items, { weeks: 4 }, now)).toEqual(keptDays(items, { weeks: 4, firstWeekday: 'saturday' }, now));
  });

  it.each(weekdays)('that start on %s are told by that day', (firstWeekday) => {
    const { kept } = selectRotation(items, { weeks: 3, firstWeekday }, new Date(now));
    for (const { item, reasons } of kept) {
      const day = item.time.toISOString().slice(0, 10);
      const named = item.time.toLocaleDateString('en', { weekday: 'long', timeZone: 'UTC' }).toLowerCase();
      expect(reasons.includes(`first of week of ${day}`)).toBe(named === firstWeekday);
    }
  });
});

describe('B42: the traps of bakthat:', () => {
  const now = '2024-03-14T12:00:00Z';

  it('the second backup of a day stays, being the newest', () => {
    expect(keptIds([at('2024-03-14T03:00:00Z'), at('2024-03-14T11:00:00Z')], { days: 7 }, now)).toEqual([
      '2024-03-14T11:00:00Z',
      '2024-03-14T03:00:00Z',
    ]);
  });

  it.each([{}, { days: 0 }, { days: 0, weeks: 0, last: 0, firstWeekday: 'monday' as const }])(
    '%j keeps nothing, and is refused',
    (rules) => {
      expect(() => selectRotation([at(now)], rules, new Date(now))).toThrow(
        expect.objectContaining({ code: 'RETENTION_EMPTY' }),
      );
    },
  );

  it.each([
    { days: -1 },
    { weeks: 1.5 },
    { months: '3' },
    { years: Number.NaN },
    { last: -1 },
    { fortnights: 2 },
    { days: 1, firstWeekday: 'someday' },
  ])('%j is no policy', (rules) => {
    expect(() => selectRotation([], rules as RotationRules, new Date(now))).toThrow(
      expect.objectContaining({ code: 'ARGUMENT_INVALID' }),
    );
  });

  it('of two backups in one second only one goes', () => {
    const items = ['a', 'b', 'c'].map((id) => at('2024-03-13T03:00:00Z', { id }));
    const { kept, removed } = selectRotation([at(now), ...items], { days: 2 }, new Date(now));
    expect([kept.length, removed.map(({ id }) => id)]).toEqual([2, ['c', 'b']]);
  });

  it('what is not whole does not take the place of a whole backup', () => {
    const items = [
      at('2024-03-13T03:00:00Z', { isPartial: true }),
      at('2024-03-13T09:00:00Z'),
      at('2024-03-14T03:00:00Z', { isPartial: true }),
    ];
    expect(selectRotation(items, { days: 2 }, new Date(now)).kept).toEqual([
      { item: items[2], reasons: ['newest', 'first of day 2024-03-14'] },
      { item: items[1], reasons: ['newest whole one', 'first of day 2024-03-13'] },
    ]);
  });
});

const NOW = new Date('2024-03-14T12:00:00Z');

const someItems = fc
  .uniqueArray(fc.integer({ min: -2_000_000, max: 100_000_000 }), { maxLength: 40 })
  .map((ages) =>
    ages.map((age) => at(new Date(NOW.getTime() - age * 1000).toISOString(), { isPartial: age % 7 === 0 })),
  );

const someRules: fc.Arbitrary<RotationRules> = fc.record(
  {
    ...Object.fromEntries(rotationUnits.map((unit) => [unit, fc.integer({ min: 0, max: 9 })])),
    last: fc.integer({ min: 1, max: 4 }),
    firstWeekday: fc.constantFrom(...weekdays),
  },
  { requiredKeys: ['last'] },
);

const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/St_Johns', 'Pacific/Apia');

function ids(items: readonly RotationItem[], rules: RotationRules, zone: string): string[] {
  return selectRotation(items, rules, NOW, zone).kept.map(({ item }) => item.id);
}

describe('whatever the backups and the rules, rotation', () => {
  it('keeps no less when a rule is added or a count grows', () => {
    const unit = fc.constantFrom(...rotationUnits);
    fc.assert(
      fc.property(someItems, someRules, unit, fc.nat(5), zones, (items, rules, added, more, zone) => {
        const wider = { ...rules, [added]: (rules[added] ?? 0) + more };
        expect(ids(items, wider, zone)).toEqual(expect.arrayContaining(ids(items, rules, zone)));
      }),
    );
  });

  it('keeps the newest, and all that is dated in the future', () => {
    fc.assert(
      fc.property(someItems, someRules, zones, (items, rules, zone) => {
        const sorted = items.toSorted((a, b) => b.time.getTime() - a.time.getTime());
        const future = sorted.filter(({ time }) => time > NOW);
        const newest = sorted.find(({ time }) => time <= NOW);
        const must = [...future, ...(newest === undefined ? [] : [newest])].map(({ id }) => id);
        expect(ids(items, rules, zone)).toEqual(expect.arrayContaining(must));
      }),
    );
  });

  it('does not depend on the order they come in', () => {
    const shuffled = someItems.chain((items) =>
      fc.tuple(fc.constant(items), fc.shuffledSubarray(items, { minLength: items.length })),
    );
    fc.assert(
      fc.property(shuffled, someRules, ([items, mixed], rules) => {
        expect(selectRotation(mixed, rules, NOW)).toEqual(selectRotation(items, rules, NOW));
      }),
    );
  });

  it('is done when it was done: what stays, stays', () => {
    fc.assert(
      fc.property(someItems, someRules, (items, rules) => {
        const first = selectRotation(items, rules, NOW);
        const again = selectRotation(
          first.kept.map(({ item }) => item),
          rules,
          NOW,
        );
        expect(again.removed).toEqual([]);
      }),
    );
  });
});
