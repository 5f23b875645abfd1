import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { BlobId, PackId } from '../../base/ids.ts';
import { type BlobRunReader, createBlobRunReader } from '../../formats/index-file/blob-runs.ts';
import { decodeIndexFile, encodeIndexFile } from '../../formats/index-file/index-file.ts';
import type { PackEntry } from '../../formats/pack/pack-header.ts';
import type { BlobIndex } from './blob-index.ts';
import { IndexMerger } from './index-merger.ts';

interface Pack {
  readonly id: PackId;
  readonly blobs: readonly PackEntry[];
}

const hex = (text: string): string => createHash('sha256').update(text).digest('hex');

function makePack(name: string, blobs: number): Pack {
  return {
    id: hex(name) as PackId,
    blobs: Array.from({ length: blobs }, (_, i) => ({
      type: i % 5 === 0 ? 'tree' : 'data',
      id: hex(`${name} ${i}`) as BlobId,
      offset: i * 100,
      length: 4_000_000_000 + i,
      uncompressedLength: i % 2 === 0 ? 0 : 300,
    })),
  };
}

const NO_ROOM = { blobs: 0, packs: 0 };

function merge(files: readonly (readonly Pack[])[], reader: BlobRunReader | undefined, room = NO_ROOM): IndexMerger {
  const merger = new IndexMerger(NO_ROOM, room);
  for (const packs of files) decodeIndexFile(encodeIndexFile(packs), merger, reader);
  return merger;
}

/** All that an index says of its blobs, record by record, each found by its id. */
function entriesOf(index: BlobIndex): unknown[] {
  return Array.from({ length: index.size }, (_, record) => {
    const type = index.blobType(record);
    expect(index.locations(type, index.idBytes(record))).toContainEqual(index.location(record));
    const { packNumber = 0, ...place } = index.location(record) ?? {};
    return [type, index.blobId(record), index.packId(packNumber), place];
  });
}

const entry = (pack: Pack, { type, id, offset, length, uncompressedLength }: PackEntry): unknown => [
  type === 'tree' ? 1 : 0,
  id,
  pack.id,
  { offset, length, uncompressedLength },
];

describe.each([
  ['in runs', createBlobRunReader()],
  ['blob by blob', undefined],
])('IndexMerger, told %s', (_how, reader) => {
  const a = makePack('a', 40);
  const b = makePack('b', 3);
  const c = makePack('c', 1);

  it('has every blob in its pack, in the order they came', () => {
    const index = merge([[a, b], [c]], reader).finish();
    expect(entriesOf(index)).toEqual([a, b, c].flatMap((pack) => pack.blobs.map((blob) => entry(pack, blob))));
  });

  it('grows as needed from no room at all', () => {
    const packs = Array.from({ length: 1500 }, (_, n) => makePack(`pack ${n}`, 3));
    const index = merge([packs], reader).finish();
    expect([index.size, index.packCount]).toEqual([4500, 1500]);
    expect(index.packId(1499)).toBe(packs.at(-1)?.id);
  });

  it('keeps the room it was asked for beside what it holds', () => {
    const index = merge([[a], [b, c]], reader, { blobs: 1000, packs: 0 }).finish();
    expect(index.capacity - index.size).toBeGreaterThanOrEqual(1000);
  });

  it.each([
    [
      'in another file',
      [
        [a, b],
        [c, a],
      ],
    ],
    ['in the same file', [[a, b, a, c]]],
    ['just before', [[c, a, a, b]]],
  ])('takes a pack that came before, %s, once', (_where, files) => {
    const merger = merge(files, reader);
    expect(merger.repeatedPacks).toBe(1);
    const index = merger.finish();
    expect([index.size, index.packCount]).toEqual([44, 3]);
  });

  it('adds what a pack that comes again has beyond what it had', () => {
    const index = merge([[{ ...b, blobs: b.blobs.slice(0, 1) }], [c, b]], reader).finish();
    const rest = b.blobs.slice(1).map((blob) => entry(b, blob));
    expect(entriesOf(index)).toEqual([entry(b, b.blobs[0] as PackEntry), entry(c, c.blobs[0] as PackEntry), ...rest]);
  });

  it('keeps two copies of a blob in two packs', () => {
    const copy = { ...makePack('copy', 0), blobs: a.blobs };
    const index = merge([[a, copy]], reader).finish();
    expect(index.size).toBe(80);
  });

  it('tells the numbers of the packs that a file lists', () => {
    const merger = new IndexMerger(NO_ROOM, NO_ROOM);
    decodeIndexFile(encodeIndexFile([a, b]), merger, reader);
    const told: number[] = [];
    merger.onPack = (pack) => told.push(pack);
    decodeIndexFile(encodeIndexFile([c, a]), merger, reader);
    expect(told).toEqual([2, 0]);
  });
});
