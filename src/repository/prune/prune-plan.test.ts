import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BLOB_DATA, BLOB_TREE, BlobIndex, type BlobTypeBit } from '../index/blob-index.ts';
import { RecordSet } from '../index/record-set.ts';
import { PackUsage } from './pack-usage.ts';
import { decidePrune, PackAction, type PrunePlan } from './prune-plan.ts';
import { completeRules, type PruneRules } from './prune-rules.ts';
import { repackParts } from './repack-parts.ts';

const MIB = 1024 * 1024;
const idOf = (name: string): Uint8Array => createHash('sha256').update(name).digest();

/** Blobs of a pack as `name:sizeInMiB`, a capital first letter for a tree; `!` for one that is not compressed. */
type Packs = Readonly<Record<string, string>>;

interface Given {
  readonly packs: Packs;
  /** Names of the blobs that are needed. */
  readonly needed: string;
  /** Sizes of files that are not what the index says; -1 for one that is missing. */
  readonly files?: Readonly<Record<string, number>>;
  readonly rules?: PruneRules;
  readonly version?: 1 | 2;
}

interface Decided {
  readonly usage: PackUsage;
  readonly plan: PrunePlan;
  /** Names of packs by what happens to them. */
  readonly keep: string;
  readonly remove: string;
  readonly repack: string;
  readonly forget: string;
  readonly actions: Uint8Array;
}

function decide({ packs, needed, files = {}, rules = {}, version = 2 }: Given): Decided {
  const index = BlobIndex.create({ blobs: 100, packs: 100 });
  const names = Object.keys(packs);
  const sizes = new Float64Array(names.length);
  for (const [at, name] of names.entries()) {
    const pack = index.addPack(idOf(name));
    let offset = 0;
    let size = 36;
    for (const blob of words(packs[name])) {
      const [, id = '', mib = '1', raw] = /^(\w+)(?::([\d.]+))?(!)?$/u.exec(blob) ?? [];
      const length = Math.round(Number(mib) * MIB);
      index.add(typeOf(id), idOf(id), pack, offset, length, raw === undefined ? length + 1 : 0);
      offset += length;
      size += length + (raw === undefined ? 41 : 37);
    }
    sizes[at] = files[name] ?? size;
  }
  const set = new RecordSet(index);
  for (const id of words(needed)) set.add(index.find(typeOf(id), idOf(id)));
  const usage = new PackUsage(index, set, sizes);
  const { plan, actions } = decidePrune(usage, [], completeRules(rules, version), version);
  const named = (action: number): string => names.filter((_, at) => actions[at] === action).join(' ');
  return {
    usage,
    plan,
    actions,
    keep: named(PackAction.keep),
    remove: named(PackAction.remove),
    repack: named(PackAction.repack),
    forget: named(PackAction.forget),
  };
}

const words = (text = ''): string[] => text.split(' ').filter((word) => word !== '');
const typeOf = (id: string): BlobTypeBit => (/^[A-Z]/u.test(id) ? BLOB_TREE : BLOB_DATA);
const all = { maxUnused: { bytes: 0 } } as const;

function small(count: number): Given {
  const names = Array.from({ length: count }, (_, at) => `b${at}`);
  return { packs: Object.fromEntries(names.map((name) => [`p${name}`, `${name}:1`])), needed: names.join(' ') };
}

describe('decidePrune', () => {
  it.each<[string, Given, Partial<Decided>]>([
    ['keeps a pack in full use', { packs: { p: 'a:10 b:10' }, needed: 'a b' }, { keep: 'p', remove: '', repack: '' }],
    ['removes a pack that nothing needs', { packs: { p: 'a:10', q: 'b:10' }, needed: 'a' }, { keep: 'p', remove: 'q' }],
    ['leaves a twentieth unused', { packs: { p: 'a:39 b:1' }, needed: 'a' }, { keep: 'p', repack: '' }],
    ['repacks where more is unused', { packs: { p: 'a:30 b:10' }, needed: 'a' }, { keep: '', repack: 'p' }],
    [
      'repacks the least used pack first',
      {
        packs: { p: 'a:9 b:1', q: 'c:5 d:5', r: 'e:9 f:1' },
        needed: 'a c e',
        rules: { maxUnused: { bytes: 3 * MIB } },
      },
      { repack: 'q', keep: 'p r' },
    ],
    [
      'repacks all where nothing unused may stay',
      { packs: { p: 'a:9 b:1', q: 'c:5 d:5' }, needed: 'a c', rules: all },
      { repack: 'p q' },
    ],
    [
      'repacks nothing of full size where all unused may stay',
      { packs: { p: 'a:9 b:9' }, needed: 'a', rules: { maxUnused: 'unlimited' } },
      { keep: 'p' },
    ],
    [
      'stops at the limit for repacking',
      { packs: { p: 'a:9 b:9', q: 'c:9 d:8' }, needed: 'a c', rules: { ...all, maxRepackBytes: 20 * MIB } },
      { repack: 'p', keep: 'q' },
    ],
    [
      'repacks nothing where the limit is 0, and still removes',
      { packs: { p: 'a:9 b:9', q: 'c:9' }, needed: 'a', rules: { ...all, maxRepackBytes: 0 } },
      { keep: 'p', remove: 'q' },
    ],
    ['rewrites a pack of data and trees', { packs: { p: 'a:9 T:9' }, needed: 'a T' }, { repack: 'p' }],
    ['compresses trees', { packs: { p: 'T:9!' }, needed: 'T' }, { repack: 'p' }],
    ['compresses no trees in version 1', { packs: { p: 'T:9!' }, needed: 'T', version: 1 }, { keep: 'p' }],
    ['compresses data only when asked to', { packs: { p: 'a:9!' }, needed: 'a' }, { keep: 'p' }],
    [
      'compresses data when asked to',
      { packs: { p: 'a:9!' }, needed: 'a', rules: { repackUncompressed: true } },
      { repack: 'p' },
    ],
    [
      'leaves packs of data alone where only cacheable ones are wanted',
      { packs: { p: 'a:9 b:9', q: 'T:5 U:5' }, needed: 'a T', rules: { ...all, repackCacheableOnly: true } },
      { keep: 'p', repack: 'q' },
    ],
    [
      'forgets a missing pack that nothing needs',
      { packs: { p: 'a:9', q: 'b:9' }, needed: 'a', files: { q: -1 } },
      { keep: 'p', forget: 'q' },
    ],
    [
      'removes a pack of the wrong size that nothing needs',
      { packs: { p: 'a:9', q: 'b:9' }, needed: 'a', files: { q: 5 } },
      { keep: 'p', remove: 'q' },
    ],
    [
      'keeps the copy in a pack with other needed blobs',
      { packs: { p: 'a:9 x:1', q: 'b:9 c:9 x:1' }, needed: 'b c x', rules: all },
      { remove: 'p', keep: 'q' },
    ],
    [
      'keeps the pack that a stopped prune made',
      { packs: { p: 'a:5 x:5', q: 'b:5 y:5', r: 'x:5 y:5' }, needed: 'x y', rules: all },
      { remove: 'p q', keep: 'r' },
    ],
    [
      'takes the copy in the pack that is there',
      { packs: { p: 'x:9', q: 'x:9' }, needed: 'x', files: { p: -1 } },
      { forget: 'p', keep: 'q' },
    ],
  ])('%s', (_, given, expected) => {
    expect(decide(given)).toMatchObject(expected);
  });

  it('leaves nine small packs alone and joins ten', () => {
    expect(decide(small(9)).plan.repack.packs).toBe(0);
    expect(decide(small(10)).plan.repack.packs).toBe(10);
  });

  it('adds up: what stays and what goes is all there is', () => {
    const { plan } = decide({ packs: { p: 'a:9 b:1', q: 'c:5 d:5', r: 'e:3', s: 'a:9' }, needed: 'a c', rules: all });
    expect(plan.remaining.bytes + plan.freed.bytes).toBe(plan.total.bytes);
    expect(plan.remaining.blobs + plan.freed.blobs).toBe(plan.total.blobs);
    expect(plan.remaining.blobs).toBe(plan.used.blobs);
    expect(plan.duplicates.blobs).toBe(1);
  });

  it('names blobs of which no copy is to be had', () => {
    const { usage } = decide({ packs: { p: 'a:9', q: 'b:9' }, needed: 'a b', files: { p: -1, q: 4 } });
    expect(usage.lost.map((record) => usage.index.blobId(record))).toEqual(
      ['a', 'b'].map((name) => Buffer.from(idOf(name)).toString('hex')),
    );
  });
});

describe('completeRules', () => {
  it.each<[string, PruneRules]>([
    ['a negative part', { maxUnused: { percent: -1 } }],
    ['no number', { maxUnused: { bytes: NaN } }],
    ['a negative limit', { maxRepackBytes: -1 }],
    ['packs that are too small', { packSizeBytes: MIB }],
    ['packs that are too large', { packSizeBytes: 129 * MIB }],
  ])('refuses %s', (_, rules) => {
    expect(() => completeRules(rules, 2)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
  });

  it('refuses to compress in version 1', () => {
    expect(() => completeRules({ repackUncompressed: true }, 1)).toThrow(/version 1/u);
  });
});

describe('repackParts', () => {
  const limits = { bytes: 8 * MIB, gap: MIB };

  it('reads near blobs at once and leaves out what lies between far ones', () => {
    const { usage, actions } = decide({ packs: { p: 'a:1 x:0.5 b:1 y:3 c:1' }, needed: 'a b c', rules: all });
    const parts = [...repackParts(usage.index, usage.kept, actions, limits)];
    expect(parts.map(({ start, end, records }) => [start / MIB, end / MIB, records.length])).toEqual([
      [0, 2.5, 2],
      [5.5, 6.5, 1],
    ]);
  });

  it('never asks for more than the limit, but for a single blob', () => {
    const { usage, actions } = decide({ packs: { p: 'a:5 b:5 c:9 x:1' }, needed: 'a b c', rules: all });
    const parts = [...repackParts(usage.index, usage.kept, actions, limits)];
    expect(parts.map(({ start, end }) => (end - start) / MIB)).toEqual([5, 5, 9]);
  });

  it('takes trees first, and apart from data', () => {
    const { usage, actions } = decide({ packs: { p: 'a:1 T:1 b:1' }, needed: 'a b T', rules: all });
    const parts = [...repackParts(usage.index, usage.kept, actions, limits)];
    expect(parts.map(({ type, records }) => [type, records.length])).toEqual([
      [BLOB_TREE, 1],
      [BLOB_DATA, 2],
    ]);
  });
});
