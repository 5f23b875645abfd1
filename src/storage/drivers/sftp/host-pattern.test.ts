import { describe, expect, it } from 'vitest';
import { matchesHostPatterns } from './host-pattern.ts';

describe('matchesHostPatterns', () => {
  it.each([
    ['nas', ['nas'], true],
    ['NAS.example.com', ['nas.*'], true],
    ['nas1', ['nas?'], true],
    ['nas', ['nas?'], false],
    ['nasXexample', ['nas.example'], false],
    ['[nas]:2222', ['[nas]:2222'], true],
    ['nas', ['*', '!nas'], false],
    ['web', ['*', '!nas'], true],
    ['web', ['!nas'], false],
    ['nas', [], false],
  ])('%s against %j: %s', (name, patterns, expected) => {
    expect(matchesHostPatterns(name, patterns)).toBe(expected);
  });
});
