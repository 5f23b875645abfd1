import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesKey, utf8 } from '../base/bytes.ts';
import { leafRuns, type LeafNames } from './leaf-runs.ts';
import type { SourceDirectory, SourceEntry } from './source.ts';

const leaf = (name: string): SourceEntry => ({ kind: 'leaf', key: bytesKey(utf8(name)), isFile: true });
const folder = (name: string): SourceEntry => ({
  kind: 'directory',
  key: bytesKey(utf8(name)),
  directory: {} as SourceDirectory, // nobody looks into it
});

const namesOf = ({ names }: LeafNames): string[] => Buffer.from(names).toString().split('\0').slice(0, -1);

/** The names of each group. */
function groupsOf(runs: readonly LeafNames[]): string[] {
  return runs.flatMap((run) => {
    const names = namesOf(run);
    return [...run.groups].map((count) => names.splice(0, count).join(' '));
  });
}

const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `file-${String(i).padStart(5, '0')}.txt`);

describe('leafRuns', () => {
  it('has every leaf once, in order, with the position of the first of each run', () => {
    const entries = fc.array(fc.tuple(fc.stringMatching(/^[a-zé]{1,4}$/), fc.boolean()), { maxLength: 200 });
    fc.assert(
      fc.property(entries, (list) => {
        const listed = list.map(([name, isLeaf]) => (isLeaf ? leaf(name) : folder(name)));
        const runs = leafRuns(listed);
        for (const run of runs) {
          expect(namesOf(run)).toEqual(list.slice(run.from, run.from + run.count).map(([name]) => name));
          expect([...run.groups].reduce((sum, count) => sum + count, 0)).toBe(run.count);
        }
        const leaves = list.filter(([, isLeaf]) => isLeaf).map(([name]) => name);
        expect(runs.flatMap(namesOf)).toEqual(leaves);
      }),
    );
  });

  it('has groups of one to 32 names, about 16 of them', () => {
    const groups = groupsOf(leafRuns(numbered(10_000).map(leaf)));
    const sizes = groups.map((group) => group.split(' ').length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(32);
    expect(groups.length).toBeGreaterThan(10_000 / 24);
    expect(groups.length).toBeLessThan(10_000 / 8);
  });

  it('keeps all groups but those beside a name that is new', () => {
    const names = numbered(1000);
    const before = new Set(groupsOf(leafRuns(names.map(leaf))));
    const now = groupsOf(leafRuns([...names.slice(0, 500), 'file-00499b.txt', ...names.slice(500)].map(leaf)));
    expect(now.filter((group) => !before.has(group)).length).toBeLessThanOrEqual(3);
  });

  it('says of a run whether the listing called all its leaves regular files', () => {
    const odd: SourceEntry = { kind: 'leaf', key: 'b', isFile: false };
    expect(leafRuns([leaf('a'), odd, folder('c'), leaf('d')]).map(({ onlyFiles }) => onlyFiles)).toEqual([false, true]);
  });
});
