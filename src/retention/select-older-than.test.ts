import { describe, expect, it } from 'vitest';
import { parseInterval } from './interval.ts';
import { selectOlderThan } from './select-older-than.ts';

const now = new Date('2026-11-30T12:00:00Z');
const item = (id: string, time: string, isPartial = false): { id: string; time: Date; isPartial: boolean } => ({
  id,
  time: new Date(time),
  isPartial,
});
const items = [
  item('young', '2026-11-29T12:00:00Z'),
  item('edge', '2026-10-31T12:00:00Z'),
  item('old', '2026-10-31T11:59:59.999Z'),
  item('older', '2020-01-01T00:00:00Z'),
];
const removed = (interval: string, keepAtLeast = 1, of = items): string[] =>
  selectOlderThan(of, parseInterval(interval), { now, keepAtLeast }).removed.map(({ id }) => id);

describe('B37: what is older than an interval', () => {
  it('goes: strictly before now less the interval', () => {
    expect(removed('30D')).toEqual(['old', 'older']);
  });

  it('stays where it is among the newest that shall stay', () => {
    expect(removed('1s', 3)).toEqual(['older']);
    expect(removed('1s', 9)).toEqual([]);
  });

  it('and is the newest of all, stays', () => {
    expect(selectOlderThan(items, parseInterval('1h'), { now, keepAtLeast: 1 }).kept).toEqual([
      { item: items[0], reasons: ['newest'] },
    ]);
  });

  it('goes altogether only where that is asked for', () => {
    expect(removed('1s', 0)).toHaveLength(4);
  });

  it('is not replaced by what a stopped run left', () => {
    expect(
      removed('1h', 1, [item('whole', '2026-11-01T00:00:00Z'), item('cut', '2026-11-02T00:00:00Z', true)]),
    ).toEqual([]);
  });

  it('keeps the newest of those that are made, also where a wrong clock dated one in the future', () => {
    const future = item('future', '2036-01-01T00:00:00Z');
    const { kept, removed: gone } = selectOlderThan([future, ...items.slice(2)], parseInterval('30D'), {
      now,
      keepAtLeast: 1,
    });
    expect(gone.map(({ id }) => id)).toEqual(['older']);
    expect(kept.map(({ item: { id }, reasons }) => [id, reasons])).toEqual([
      ['future', ['in the future']],
      ['old', ['newest']],
    ]);
  });

  it.each([-1, 0.5, Number.NaN])('cannot be all but %d', (keepAtLeast) => {
    expect(() => removed('1D', keepAtLeast)).toThrow(TypeError);
  });
});
