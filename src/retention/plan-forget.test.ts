import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { askOurs, type ForgetCase, type ForgetOutcome } from '../../test/support/forget-cases.ts';
import { formatCalendarSpan, parseCalendarSpan, subtractSpan } from './calendar-span.ts';
import { formatGoTime, parseGoTime } from '../formats/go-time.ts';
import { parseGroupBy } from './group-snapshots.ts';
import { countedRules, type KeepRules, parseKeepRules } from './keep-policy.ts';

interface VectorFile {
  readonly origin: string;
  readonly madeAt: string;
  readonly cases: readonly (ForgetCase & { readonly outcome: ForgetOutcome | 'refused' })[];
}

const folder = new URL('../../test/vectors/forget/', import.meta.url);
const files = readdirSync(folder).map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as VectorFile);

describe.each(files)('$origin is followed', ({ cases, madeAt }) => {
  const nowNs = BigInt(Date.parse(madeAt)) * 1_000_000n;

  it.each(cases)('$name in $zone, $rules', ({ outcome, ...one }) => {
    expect(askOurs(one, nowNs) ?? 'refused').toEqual(outcome);
  });
});

const NOW = 1_750_000_000_000_000_000n;

const someTimes = fc.array(
  fc
    .integer({ min: 1_500_000_000, max: 1_760_000_000 })
    .map((s) => ({ time: formatGoTime({ ns: BigInt(s) * 1_000_000_000n, offsetMinutes: 0 }) })),
  { minLength: 1, maxLength: 30 },
);
const someRules = fc.record(Object.fromEntries(countedRules.map((rule) => [rule, fc.integer({ min: 1, max: 5 })])), {
  requiredKeys: ['last'],
}) as fc.Arbitrary<KeepRules>;

function kept(rules: KeepRules, snapshots: ForgetCase['snapshots']): string[] {
  const outcome = askOurs({ name: '', zone: 'UTC', rules, groupBy: '', snapshots }, NOW);
  return (outcome?.groups ?? []).flatMap(({ keep }) => keep.map((line) => line.replace(/: .*/u, '')));
}

describe('a policy', () => {
  it('keeps no less when a rule is added', () => {
    fc.assert(
      fc.property(someTimes, someRules, fc.constantFrom(...countedRules), (snapshots, rules, added) => {
        if (rules[added] !== undefined) return;
        expect(kept({ ...rules, [added]: 2 }, snapshots)).toEqual(expect.arrayContaining(kept(rules, snapshots)));
      }),
    );
  });

  it('keeps no less when a count grows', () => {
    fc.assert(
      fc.property(someTimes, someRules, (snapshots, rules) => {
        const more = { ...rules, last: Number(rules.last) + 1 };
        expect(kept(more, snapshots)).toEqual(expect.arrayContaining(kept(rules, snapshots)));
      }),
    );
  });

  it('without rules is refused', () => {
    const none: ForgetCase = { name: '', zone: 'UTC', rules: { last: 0 }, groupBy: '', snapshots: [] };
    expect(() => askOurs(none, NOW)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
  });

  it.each([{ last: -1 }, { daily: 1.5 }, { within: '3w' }, { within: '' }, { within: '5' }, { within: '-1d' }])(
    '%j is refused',
    (rules) => {
      expect(() => parseKeepRules(rules)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
    },
  );
});

describe('a span', () => {
  it.each([
    ['1y5m7d2h', '1y5m7d2h'],
    ['2h7d', '7d2h'],
    ['1d 2h', undefined],
    ['3d5d', '5d'],
  ])('%s reads as %s', (text, wanted) => {
    if (wanted === undefined) expect(() => parseCalendarSpan(text)).toThrow(TypeError);
    else expect(formatCalendarSpan(parseCalendarSpan(text))).toBe(wanted);
  });

  it.each([
    ['2023-03-31T10:00:00Z', '1m', '2023-03-03T10:00:00Z'],
    ['2024-03-31T10:00:00Z', '1m', '2024-03-02T10:00:00Z'],
    ['2024-02-29T10:00:00Z', '1y', '2023-03-01T10:00:00Z'],
    ['2024-01-15T10:00:00Z', '14m', '2022-11-15T10:00:00Z'],
    ['2024-01-01T01:00:00Z', '2h', '2023-12-31T23:00:00Z'],
  ])('%s less %s is %s', (time, span, wanted) => {
    const ns = subtractSpan(parseGoTime(time), parseCalendarSpan(span), () => 0);
    expect(formatGoTime({ ns, offsetMinutes: 0 })).toBe(wanted);
  });
});

describe('groups', () => {
  it.each([
    ['host,paths', ['host', 'paths']],
    ['path', ['paths']],
    ['', []],
  ])('by %j', (text, wanted) => {
    expect(parseGroupBy(text)).toEqual(wanted);
  });

  it('by something else are refused', () => {
    expect(() => parseGroupBy('user')).toThrow(TypeError);
  });
});
