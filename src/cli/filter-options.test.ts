import { expect, it } from 'vitest';
import { filtersOf, singleFilter } from './filter-options.ts';

it.each(['', ',', ' '])(
  'a --tag of nothing (%j), as of a variable that is not set, is refused: it would mean every backup',
  (tag) => {
    expect(() => filtersOf({ name: 'main', tag: [tag] })).toThrow(expect.objectContaining({ code: 'USAGE' }));
    expect(() => filtersOf({ tag: ['nightly', tag] })).toThrow(expect.objectContaining({ code: 'USAGE' }));
    expect(() => singleFilter({ tag: [tag] })).toThrow(expect.objectContaining({ code: 'USAGE' }));
  },
);

it('tags of one --tag are all meant, and those of several are alternatives', () => {
  expect(filtersOf({ tag: ['a,b', 'c'] }).map(({ tags }) => tags)).toEqual([{ all: ['a', 'b'] }, { all: ['c'] }]);
});
