// The keep rules, asked of restic and of us at once.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatGoTime } from '../../src/formats/go-time.ts';
import { type CountedRule, countedRules, type KeepRules, spanRules } from '../../src/retention/keep-policy.ts';
import { askOurs, askRestic, type ForgetCase, type ForgetSnapshot, offsetOf } from '../support/forget-cases.ts';
import { requirePeer } from '../support/peers.ts';

const RUNS = Number(process.env['CAIRN_FORGET_RUNS'] ?? 40);

const zones = ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Pacific/Apia'] as const;

const tagLists = [[], ['a'], ['a', 'b'], ['b'], ['c']] as const;

const HOUR = 3600;

/** Dense around a change of the clock, thin over the years; equal times have equal tags, because restic orders them by chance. */
function someSnapshots(zone: string): fc.Arbitrary<ForgetSnapshot[]> {
  const localOffset = offsetOf(zone);
  const seconds = fc.oneof(
    fc.integer({ min: 0, max: 200 }).map((steps) => 1_711_756_800 + steps * (HOUR / 2)),
    fc.integer({ min: 0, max: 200 }).map((steps) => 1_729_900_800 + steps * (HOUR / 2)),
    fc.integer({ min: 1_330_000_000, max: 1_760_000_000 }),
    fc.integer({ min: 7_300_000_000, max: 7_300_400_000 }),
  );
  const offset = fc.oneof(
    { weight: 4, arbitrary: fc.constant('local' as const) },
    { weight: 1, arbitrary: fc.constantFrom(0, 330, -480) },
  );
  const one = fc.tuple(seconds, offset).map(([at, zoneOf]): ForgetSnapshot => ({
    time: formatGoTime({
      ns: BigInt(at) * 1_000_000_000n,
      offsetMinutes: zoneOf === 'local' ? localOffset(at) : zoneOf,
    }),
    tags: tagLists[at % tagLists.length] ?? [],
  }));
  return fc.uniqueArray(one, { minLength: 1, maxLength: 25, selector: ({ time }) => Date.parse(time) });
}

const someSpan = fc
  .tuple(fc.nat(3), fc.nat(14), fc.nat(40), fc.nat(50))
  .map(([y, m, d, h]) => `${y}y${m}m${d}d${h}h`)
  .filter((text) => text !== '0y0m0d0h');

const someRules: fc.Arbitrary<KeepRules> = fc
  .tuple(
    fc.uniqueArray(fc.constantFrom(...countedRules), { maxLength: 3 }),
    fc.array(fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constant('unlimited' as const)), {
      minLength: 3,
      maxLength: 3,
    }),
    fc.uniqueArray(fc.constantFrom(...spanRules), { maxLength: 2 }),
    fc.array(someSpan, { minLength: 2, maxLength: 2 }),
    fc.option(fc.constantFrom([['a']], [['a', 'b'], ['c']], [['']]), { nil: undefined }),
  )
  .map(([counted, counts, spans, texts, tags]) => ({
    ...Object.fromEntries(counted.map((rule: CountedRule, i) => [rule, counts[i]])),
    ...Object.fromEntries(spans.map((rule, i) => [rule, texts[i]])),
    ...(tags === undefined ? {} : { tags }),
  }))
  .filter((rules) => Object.keys(rules).length > 0);

const someCase: fc.Arbitrary<ForgetCase> = fc
  .constantFrom(...zones)
  .chain((zone) => fc.tuple(fc.constant(zone), someSnapshots(zone), someRules, fc.constantFrom('', 'tags')))
  .map(([zone, snapshots, rules, groupBy]) => ({ name: 'random', zone, rules, groupBy, snapshots }));

describe('the keep rules', () => {
  it('keep what restic keeps, for its reasons, whatever the times and the zone', async () => {
    const restic = requirePeer('restic-newest');
    await fc.assert(
      fc.asyncProperty(someCase, async (one) => {
        const ours = askOurs(one, BigInt(Date.now()) * 1_000_000n);
        expect(ours ?? 'refused').toEqual((await askRestic(restic.path, one)) ?? 'refused');
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  });
});
