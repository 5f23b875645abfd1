import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryNode } from '../../../test/support/node-arbitrary.ts';
import { utf8 } from '../../base/bytes.ts';
import type { BlobId } from '../../base/ids.ts';
import type { Node } from '../../formats/tree/node.ts';
import { assembleTree, encodeNode } from '../../formats/tree/tree-encoder.ts';
import { decodeTree } from '../../formats/tree/tree-decoder.ts';
import { CairnError } from '../../base/errors.ts';
import { MISSING_BLOB, RecordReader } from '../records/entry-record.ts';
import { RecordWriter } from './record-writer.ts';
import { createTreeMemory, type TreeMemory } from './tree-memory.ts';
import { TreeScanner } from './tree-scan.ts';

// Finds every blob at a record made of its id, so that a wrong id shows.
const index = {
  find: (_type: number, id: Uint8Array, offset = 0): number =>
    new DataView(id.buffer, id.byteOffset + offset).getUint32(0) >>> 4,
};

const noKernels = (): never => {
  throw new CairnError('KERNEL_UNAVAILABLE', 'there are none here');
};
const noMemory = (): never => {
  throw new RangeError('no memory');
};
const ways = [
  { way: 'the kernel', memoryFor: (windowBytes: number) => createTreeMemory(windowBytes) },
  { way: 'its twin', memoryFor: (windowBytes: number) => createTreeMemory(windowBytes, noKernels) },
];

function scanIn(memory: TreeMemory | undefined, bytes: Uint8Array): Uint8Array | undefined {
  const writer = new RecordWriter(index);
  return new TreeScanner(index, writer, memory).scan(bytes) ? new Uint8Array(writer.take()) : undefined;
}

function decode(bytes: Uint8Array): Uint8Array {
  const writer = new RecordWriter(index);
  for (const node of decodeTree(bytes, { hostile: 'keep' })) writer.add(node);
  return new Uint8Array(writer.take());
}

function decodeIfPossible(bytes: Uint8Array): Uint8Array | undefined {
  try {
    return decode(bytes);
  } catch {
    return undefined;
  }
}

const time = { ns: -1_500_000_001n, offsetMinutes: 330 };
const plain: Node = {
  type: 'file',
  name: utf8('file.txt'),
  mode: 0o640,
  mtime: time,
  atime: { ns: 1_800_000_000_123_456_789n, offsetMinutes: -90 },
  ctime: time,
  uid: 1000,
  gid: 100,
  user: 'user',
  group: 'group',
  inode: 12_345_678_901n,
  deviceId: 64n,
  links: 2n,
  size: 123_456_789_012n,
  content: [],
  extendedAttributes: [],
};
const treeOf = (...nodes: readonly Node[]): Uint8Array => assembleTree(nodes.map(encodeNode));

const instant = fc.oneof(
  // In any time zone within the years 1678 to 2261.
  fc.bigInt(-9_214_473_600_000_000_000n, 9_214_559_999_999_999_999n),
  fc.bigInt(-2_000_000_000n, 2_000_000_000n).map((seconds) => seconds * 1_000_000_000n),
);
const usualTime = fc.record({ ns: instant, offsetMinutes: fc.integer({ min: -840, max: 840 }) });
const usualNumber = fc.bigInt(0n, 999_999_999_999_999n);
const usualName = fc.oneof(fc.stringMatching(/^[a-z]{1,8}$/), fc.stringMatching(/^[a-z !.]{3,255}$/)).map(utf8);

/** Nodes of every kind that the scanner takes, with arbitrary times, ids and sizes. */
const usualNode = fc
  .tuple(
    arbitraryNode().filter(({ type }) => type === 'file' || type === 'dir' || type === 'symlink'),
    fc.record({
      name: usualName,
      mtime: usualTime,
      atime: usualTime,
      ctime: usualTime,
      inode: usualNumber,
      deviceId: usualNumber,
      links: fc.oneof(fc.bigInt(0n, 2n), usualNumber),
      size: usualNumber,
    }),
  )
  .map(([node, { size, ...rest }]): Node => {
    const { genericAttributes: _attributes, error: _error, ...usual } = node;
    const fields = { ...usual, ...rest, user: 'u', group: '', extendedAttributes: [] };
    if (fields.type === 'file') return { ...fields, size };
    return fields.type === 'symlink' ? { ...fields, linkTarget: utf8('../to') } : fields;
  });

const usualNodes = fc
  .uniqueArray(usualNode, { selector: ({ name }) => Buffer.from(name).toString('latin1'), maxLength: 6 })
  .map((nodes) => nodes.toSorted((a, b) => Buffer.compare(a.name, b.name)));

describe.each(ways)('TreeScanner by $way', ({ memoryFor }) => {
  const memory = memoryFor(64 * 1024);
  const scan = (bytes: Uint8Array) => scanIn(memory, bytes);

  it('gives the same records as the general decoder', () => {
    const content = ['ab'.repeat(32), '0123456789abcdef'.repeat(4)].map((id) => id as BlobId);
    const link: Node = { ...plain, type: 'symlink', name: utf8('link'), linkTarget: utf8('../to') };
    const folder: Node = { ...plain, type: 'dir', name: utf8('sub'), subtree: content[0]!, mode: 2 ** 31 + 0o755 };
    const tree = treeOf({ ...plain, content }, link, folder);
    expect(scan(tree)).toEqual(decode(tree));
  });

  it('gives the same records as the general decoder for all usual nodes', () => {
    fc.assert(
      fc.property(usualNodes, (nodes) => {
        const tree = treeOf(...nodes);
        expect(scan(tree)).toEqual(decode(tree));
      }),
    );
  });

  it('gives the same records as the general decoder, or leaves the tree to it, whatever the nodes', () => {
    const nodes = fc.array(fc.oneof(arbitraryNode(), usualNode), { maxLength: 4 });
    fc.assert(
      fc.property(nodes, (unsorted) => {
        const tree = treeOf(...unsorted.toSorted((a, b) => Buffer.compare(a.name, b.name)));
        const scanned = scan(tree);
        if (scanned !== undefined) expect(scanned).toEqual(decode(tree));
      }),
    );
  });

  it('gives no records of a changed tree that are not those of the general decoder', () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0x20, max: 0x7e }));
    fc.assert(
      fc.property(usualNodes, fc.array(change, { maxLength: 3 }), (nodes, changes) => {
        const tree = Uint8Array.from(treeOf(...nodes));
        for (const [place, value] of changes) tree[place % tree.length] = value;
        const scanned = scan(tree);
        const decoded = scanned && decodeIfPossible(tree);
        if (decoded !== undefined) expect(scanned).toEqual(decoded);
      }),
      { numRuns: 300 },
    );
  });

  it('says of content that the index does not list that it is missing', () => {
    const tree = treeOf({ ...plain, content: ['ab'.repeat(32) as BlobId] });
    const writer = new RecordWriter(index);
    new TreeScanner({ find: () => -1 }, writer, memory).scan(tree);
    expect(new RecordReader(new Uint8Array(writer.take())).blob(0)).toBe(MISSING_BLOB);
  });

  it.each([
    ['names out of order', [plain, { ...plain, name: utf8('a') }]],
    ['a name twice', [plain, plain]],
    ['a hostile name', [{ ...plain, name: utf8('..') }]],
    ['a device', [{ ...plain, type: 'dev', device: 5n }]],
    ['extended attributes', [{ ...plain, extendedAttributes: [{ name: utf8('user.a'), value: null }] }]],
    ['a name with escapes', [{ ...plain, name: utf8('a\nb') }]],
    ['a name that is not ASCII', [{ ...plain, name: utf8('é') }]],
    ['a number of 16 digits', [{ ...plain, size: 1_000_000_000_000_000n }]],
  ])('leaves %s to the general decoder', (_what, nodes) => {
    expect(scan(treeOf(...(nodes as Node[])))).toBeUndefined();
  });

  it.each(['2026-02-30T00:00:00Z', '2026-01-01T24:00:00Z', '2026-01-01 00:00:00Z', '2026-01-01T00:00:00.Z'])(
    'leaves the time %s to the general decoder',
    (text) => {
      const tree = Buffer.from(treeOf(plain))
        .toString()
        .replace(/"mtime":"[^"]*"/, `"mtime":"${text}"`);
      expect(scan(utf8(tree))).toBeUndefined();
    },
  );

  it('takes no damaged tree', () => {
    const tree = treeOf(plain);
    for (let end = 0; end < tree.length; end++) expect(scan(tree.subarray(0, end))).toBeUndefined();
    expect(scan(Buffer.concat([tree, utf8('\n')]))).toBeUndefined();
  });

  describe('in windows', () => {
    const names = ['aa', 'ab', 'b', 'bcd', 'c'];
    const nodes = names.map((name, at): Node => {
      const content = Array.from({ length: at }, (_, blob) => `${at}${blob}`.repeat(32) as BlobId);
      return { ...plain, name: utf8(name), content };
    });
    const tree = treeOf(...nodes);
    const longest = treeOf(nodes.at(-1)!).length;

    it('gives the same records whatever their size', () => {
      const expected = decode(tree);
      for (let size = longest; size <= tree.length + 1; size++) {
        expect(scanIn(memoryFor(size), tree)).toEqual(expected);
      }
    });

    it('gives the same records wherever the tree lies in memory', () => {
      const place = new Uint8Array(tree.length + 8);
      for (let at = 0; at < 8; at++) {
        place.set(tree, at);
        expect(scanIn(memoryFor(longest), place.subarray(at, at + tree.length))).toEqual(decode(tree));
      }
    });

    it.each([
      ['names out of order', { ...plain, name: utf8('bcc') }],
      ['a name twice', { ...plain, name: utf8('c') }],
      ['something unusual', { ...plain, type: 'fifo', name: utf8('d') }],
    ])('leaves a tree with %s to the general decoder, and keeps what was there', (_what, last) => {
      const unusual = treeOf(...nodes, last as Node);
      for (let size = longest; size <= unusual.length; size++) {
        const writer = new RecordWriter(index);
        const scanner = new TreeScanner(index, writer, memoryFor(size));
        expect(scanner.scan(tree)).toBe(true);
        expect(scanner.scan(unusual)).toBe(false);
        expect(new Uint8Array(writer.take())).toEqual(decode(tree));
      }
    });

    it('leaves a tree with an entry that is longer than a window to the general decoder', () => {
      const huge = { ...plain, name: utf8('d'), content: Array.from({ length: 100 }, () => 'ab'.repeat(32) as BlobId) };
      expect(scanIn(memoryFor(5000), treeOf(...nodes, huge, { ...plain, name: utf8('e') }))).toBeUndefined();
    });
  });

  it('gives the records of a tree of many windows', () => {
    const many = Array.from({ length: 3000 }, (_, at): Node => ({ ...plain, name: utf8(`file ${10_000 + at}`) }));
    const tree = treeOf(...many);
    expect(tree.length).toBeGreaterThan(10 * 64 * 1024);
    expect(scan(tree)).toEqual(decode(tree));
  });
});

it('scans with memory of the thread unless it is given some', () => {
  const tree = treeOf(plain);
  expect(scanIn(undefined, tree)).toEqual(decode(tree));
});

it('passes on why memory for trees cannot be had', () => {
  expect(() => createTreeMemory(1000, noMemory)).toThrow('no memory');
});
