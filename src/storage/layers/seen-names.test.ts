import { describe, expect, it } from 'vitest';
import { SeenNames } from './seen-names.ts';

const nameOf = (number: number): string => `data/ab/${number}`;

describe('names seen', () => {
  it('are those that were added, and no others, however many there are', () => {
    const seen = new SeenNames();
    for (let number = 0; number < 20_000; number++) seen.add(nameOf(number));
    const has = (number: number): boolean => seen.has(nameOf(number));
    expect(Array.from({ length: 20_000 }, (_, number) => number).filter((number) => !has(number))).toEqual([]);
    expect(Array.from({ length: 20_000 }, (_, number) => number + 20_000).filter(has)).toEqual([]);
  });

  it('count once', () => {
    const seen = new SeenNames();
    for (const name of ['a', 'b', 'a']) seen.add(name);
    expect(seen.size).toBe(2);
  });
});
