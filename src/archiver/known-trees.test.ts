import { bytesKey, concatBytes } from '../base/bytes.ts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { idFromBytes, type BlobId, type IndexId, type PackId } from '../base/ids.ts';
import { decodeKnownTrees, encodeKnownTrees, type KnownTree } from './known-trees.ts';

const id = fc.uint8Array({ minLength: 32, maxLength: 32 });
const groups = fc.array(fc.uint8Array({ minLength: 16, maxLength: 16 }), { maxLength: 4 }).map(concatBytes);
const treeOfDepth = (depth: number): fc.Arbitrary<KnownTree> =>
  fc.record({
    tree: id.map((bytes) => idFromBytes<BlobId>(bytes)),
    digest: fc.option(id, { nil: undefined }),
    groups,
    children: fc
      .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }).map(bytesKey), treeBelow(depth)), { maxLength: 3 })
      .map((children) => new Map(depth === 0 ? [] : children)),
  });
const treeBelow = (depth: number): fc.Arbitrary<KnownTree> =>
  depth === 0
    ? fc.constant({
        tree: idFromBytes<BlobId>(new Uint8Array(32)),
        digest: undefined,
        groups: new Uint8Array(0),
        children: new Map(),
      })
    : treeOfDepth(depth - 1);
const known = fc.record({
  rules: id,
  indexIds: fc.array(
    id.map((bytes) => idFromBytes<IndexId>(bytes)),
    { maxLength: 5 },
  ),
  packs: fc.array(fc.record({ id: id.map((bytes) => idFromBytes<PackId>(bytes)), leastBytes: fc.nat(0xffff_ffff) }), {
    maxLength: 5,
  }),
  root: treeOfDepth(3),
});

/** Buffers and arrays of the same bytes are the same. */
const plain = (value: unknown): unknown =>
  value instanceof Uint8Array
    ? Buffer.from(value).toString('hex')
    : value instanceof Map
      ? [...value].map(([key, child]) => [key, plain(child)])
      : Array.isArray(value)
        ? value.map(plain)
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(Object.entries(value).map(([key, child]) => [key, plain(child)]))
          : value;

it('reads back what was kept', () => {
  fc.assert(
    fc.property(known, (value) => {
      expect(plain(decodeKnownTrees(encodeKnownTrees(value)))).toEqual(plain(value));
    }),
  );
});

it('takes a file that was cut short or changed anywhere for none', () => {
  fc.assert(
    fc.property(known, fc.nat(), fc.boolean(), (value, position, cut) => {
      const bytes = encodeKnownTrees(value).slice();
      const at = position % bytes.length;
      if (cut) return decodeKnownTrees(bytes.subarray(0, at)) === undefined;
      bytes[at] = bytes[at]! ^ 1;
      return decodeKnownTrees(bytes) === undefined;
    }),
  );
});
