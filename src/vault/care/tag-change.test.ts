import { describe, expect, it } from 'vitest';
import { holdTag } from '../../retention/hold.ts';
import { changedTags, checkTagChange, type TagChange } from './tag-change.ts';

describe('a change of tags', () => {
  it.each<[readonly string[], TagChange, readonly string[]]>([
    [['a'], { add: ['b'] }, ['a', 'b']],
    [['a', 'b'], { remove: ['a'] }, ['b']],
    [['a'], { add: ['b'], remove: ['a'] }, ['b']],
    [['name:x', holdTag('h'), 'a'], { set: ['b'] }, ['name:x', holdTag('h'), 'b']],
    [['a'], { set: [] }, []],
    [['a'], { hold: ['h'] }, ['a', holdTag('h')]],
    [[holdTag('h'), holdTag('i')], { release: 'all' }, []],
  ])('makes %j with %j to %j', (old, change, now) => {
    expect(changedTags(old, change)).toEqual(now);
  });

  it.each<[string, TagChange]>([
    ['what is there already', { add: ['a'] }],
    ['what is not there', { remove: ['c'] }],
    ['the same in another order', { set: ['b', 'a'] }],
    ['the same twice', { set: ['a', 'b', 'a'] }],
  ])('is none: %s', (_, change) => {
    expect(changedTags(['a', 'b'], change)).toBeUndefined();
  });

  it.each<[TagChange, RegExp]>([
    [{ add: ['x', 'y'], remove: ['y'] }, /the tag "y" is both added and removed/],
    [{ hold: ['x'], release: ['x'] }, /the hold "x" is both put and released/],
    [{ set: ['x'], add: ['y'] }, /exclude each other/],
    [{ set: ['x'], remove: ['y'] }, /exclude each other/],
    [{ add: ['a,b'] }, /no comma/],
    [{}, /nothing says/],
  ])('is refused where it is none or contradicts itself: %j', (change, message) => {
    expect(() => checkTagChange(change)).toThrow(message);
  });
});
