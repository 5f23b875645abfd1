import { describe, expect, it } from 'vitest';
import { BLOB_DATA, BlobIndex } from '../../repository/index/blob-index.ts';
import { ContentPlan, FileWay, type PackPart } from './content-plan.ts';

const limits = { bytes: 1000, writes: 100, gap: 100 };

/** An index with blobs of 100 sealed bytes, `perPack` in each of two packs. */
function makeIndex(perPack: number): BlobIndex {
  const index = BlobIndex.create({ blobs: 100, packs: 2 });
  for (let pack = 0; pack < 2; pack++) {
    const number = index.addPack(new Uint8Array(32).fill(pack));
    for (let blob = 0; blob < perPack; blob++) {
      const id = new Uint8Array(32).fill(pack * 100 + blob);
      index.add(BLOB_DATA, id, number, blob * 100, 100, 0);
    }
  }
  return index;
}

function planOf(index: BlobIndex, blobs: readonly number[]): ContentPlan {
  const plan = new ContentPlan(index);
  for (const blob of blobs) plan.addWrite(plan.addFile(0, FileWay.whole), blob, 0);
  return plan;
}

const shown = (plan: ContentPlan, parts: Iterable<PackPart>): number[][] =>
  Array.from(parts, ({ writes }) => Array.from(writes, (write) => plan.blob(write)));

describe('ContentPlan', () => {
  it('reads each pack from front to back, in the order the packs are first needed', () => {
    const plan = planOf(makeIndex(5), [7, 1, 9, 0, 5]);
    expect(shown(plan, plan.parts(limits))).toEqual([
      [5, 7, 9],
      [0, 1],
    ]);
  });

  it('keeps the writes of one blob together, so that it is decoded once', () => {
    const plan = planOf(makeIndex(5), [1, 0, 1, 1]);
    expect(shown(plan, plan.parts({ ...limits, writes: 2 }))).toEqual([[0, 1, 1, 1]]);
  });

  it('starts a new part where the range grows too long', () => {
    const plan = planOf(makeIndex(5), [0, 1, 2, 3, 4]);
    expect(shown(plan, plan.parts({ ...limits, bytes: 250 }))).toEqual([[0, 1], [2, 3], [4]]);
  });

  it('skips gaps that are too wide to read', () => {
    const plan = planOf(makeIndex(5), [0, 2, 4]);
    expect(Array.from(plan.parts({ ...limits, gap: 99 }), ({ start, end }) => [start, end])).toEqual([
      [0, 100],
      [200, 300],
      [400, 500],
    ]);
  });
});
