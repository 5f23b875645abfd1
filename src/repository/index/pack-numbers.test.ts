import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BlobIndex } from './blob-index.ts';
import { PackNumbers } from './pack-numbers.ts';

const idOf = (n: number): Uint8Array => new Uint8Array(createHash('sha256').update(String(n)).digest());
const wordsOf = (id: Uint8Array): Int32Array => new Int32Array(id.slice().buffer);

function makeIndex(packs: number): BlobIndex {
  const index = BlobIndex.create({ blobs: 1, packs });
  for (let n = 0; n < packs; n++) index.addPack(idOf(n));
  return index;
}

describe('PackNumbers', () => {
  it('finds every pack that the index had', () => {
    const numbers = new PackNumbers(makeIndex(3000));
    const found = Array.from({ length: 3000 }, (_, n) => numbers.find(wordsOf(idOf(n)), 0));
    expect(found).toEqual(Array.from({ length: 3000 }, (_, n) => n));
  });

  it('finds no other', () => {
    const numbers = new PackNumbers(makeIndex(500));
    const found = Array.from({ length: 500 }, (_, n) => numbers.find(wordsOf(idOf(1000 + n)), 0));
    expect(new Set(found)).toEqual(new Set([-1]));
  });

  it('tells packs apart whose ids differ in the last byte only', () => {
    const index = BlobIndex.create({ blobs: 1, packs: 2 });
    const ids = [1, 2].map((last) => Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? last : 7)));
    const numbers = new PackNumbers(index);
    for (const id of ids) numbers.add(index.addPack(id));
    expect(ids.map((id) => numbers.find(wordsOf(id), 0))).toEqual([0, 1]);
  });

  it('finds an id inside a longer array', () => {
    const numbers = new PackNumbers(makeIndex(2));
    const both = Int32Array.from([...wordsOf(idOf(1)), ...wordsOf(idOf(0))]);
    expect([numbers.find(both, 0), numbers.find(both, 8)]).toEqual([1, 0]);
  });
});
