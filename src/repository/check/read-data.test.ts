import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { PackId } from '../../base/ids.ts';
import { choosePacks, type ReadData } from './read-data.ts';

const ids = Array.from({ length: 100 }, (_, i) => createHash('sha256').update(String(i)).digest('hex') as PackId);
const packs = ids.map((_, packNumber) => ({ packNumber, sizeBytes: 1000 }));
const idOf = ({ packNumber }: { readonly packNumber: number }): PackId => ids[packNumber] as PackId;

const choose = (readData: ReadData, verified: readonly PackId[] = []): PackId[] =>
  choosePacks(readData, { packs, idOf, isVerified: (id) => verified.includes(id), random: Math.random }).map(idOf);

describe('which packs are read', () => {
  it.each([
    ['none', 0],
    ['all', 100],
    [{ percent: 5 }, 5],
    [{ percent: 0.1 }, 1],
    [{ bytes: 2500 }, 3],
    [{ bytes: 1 }, 1],
  ] as const)('%j: %i of a hundred', (readData, count) => {
    expect(new Set(choose(readData))).toHaveLength(count);
  });

  it('the parts of all packs are all packs, each in one part', () => {
    const parts = [1, 2, 3, 4, 5, 6, 7].flatMap((part) => choose({ part, of: 7 }));
    expect(parts.toSorted()).toEqual(ids.toSorted());
  });

  it('a part is the same each time: those whose first byte leaves that rest', () => {
    const first = choose({ part: 1, of: 16 });
    expect(first).toEqual(ids.filter((id) => id[1] === '0'));
  });

  it('none that were read before, and a percentage is still one of all', () => {
    const verified = ids.slice(0, 95);
    expect(choose('all', verified).toSorted()).toEqual(ids.slice(95).toSorted());
    expect(choose({ percent: 3 }, verified)).toHaveLength(3);
    expect(choose({ percent: 50 }, verified)).toHaveLength(5);
  });
});
