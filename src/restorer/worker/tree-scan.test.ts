import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryNode } from '../../../test/support/node-arbitrary.ts';
import { utf8 } from '../../base/bytes.ts';
import type { BlobId } from '../../base/ids.ts';
import type { Node } from '../../formats/tree/node.ts';
import { assembleTree, encodeNode } from '../../formats/tree/tree-encoder.ts';
import { decodeTree } from '../../formats/tree/tree-decoder.ts';
import { RecordWriter } from './record-writer.ts';
import { TreeScanner } from './tree-scan.ts';

// Finds every blob at a record made of its id, so that a wrong id shows.
const index = {
  find: (_type: number, id: Uint8Array): number => new DataView(id.buffer, id.byteOffset).getUint32(0) >>> 4,
};

function scan(bytes: Uint8Array): Uint8Array | undefined {
  const writer = new RecordWriter(index);
  return new TreeScanner(index, writer).scan(bytes) ? new Uint8Array(writer.take()) : undefined;
}

function decode(bytes: Uint8Array): Uint8Array {
  const writer = new RecordWriter(index);
  for (const node of decodeTree(bytes, { hostile: 'keep' })) writer.add(node);
  return new Uint8Array(writer.take());
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

/** Nodes of any times, ids and sizes that the scanner may take. */
function commonNode(): fc.Arbitrary<Node> {
  return fc.tuple(arbitraryNode(), fc.stringMatching(/^[a-z]{1,8}$/)).map(([node, name]) => {
    const { genericAttributes: _attributes, error: _error, ...rest } = node;
    return { ...rest, name: utf8(name), user: 'u', group: '', extendedAttributes: [] };
  });
}

describe('TreeScanner', () => {
  it('gives the same records as the general decoder', () => {
    const content = ['ab'.repeat(32), '0123456789abcdef'.repeat(4)].map((id) => id as BlobId);
    const link: Node = { ...plain, type: 'symlink', name: utf8('link'), linkTarget: utf8('../to') };
    const folder: Node = { ...plain, type: 'dir', name: utf8('sub'), subtree: content[0]!, mode: 2 ** 31 + 0o755 };
    const tree = treeOf({ ...plain, content }, link, folder);
    expect(scan(tree)).toEqual(decode(tree));
  });

  it('gives the same records as the general decoder, or leaves the tree to it, whatever the nodes', () => {
    const nodes = fc.oneof(arbitraryNode(), commonNode());
    fc.assert(
      fc.property(fc.array(nodes, { maxLength: 4 }), (unsorted) => {
        const tree = treeOf(...unsorted.toSorted((a, b) => Buffer.compare(a.name, b.name)));
        const scanned = scan(tree);
        if (scanned !== undefined) expect(scanned).toEqual(decode(tree));
      }),
    );
  });

  it.each([
    ['names out of order', [plain, { ...plain, name: utf8('a') }]],
    ['a name twice', [plain, plain]],
    ['a hostile name', [{ ...plain, name: utf8('..') }]],
    ['extended attributes', [{ ...plain, extendedAttributes: [{ name: utf8('user.a'), value: null }] }]],
    ['a name with escapes', [{ ...plain, name: utf8('a\nb') }]],
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
  });
});
