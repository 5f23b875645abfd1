import { describe, expect, it } from 'vitest';
import { utf8 } from '../base/bytes.ts';
import type { BlobId } from '../base/ids.ts';
import { encodeNode, encodeTree } from '../formats/tree/tree-encoder.ts';
import { dirNode, fileNode } from '../../test/support/repository-fixture.ts';
import { vector } from '../../test/support/vectors.ts';
import { decodeTree } from '../formats/tree/tree-decoder.ts';
import { ParentNodes } from './parent-nodes.ts';

const subtree = 'cd'.repeat(32) as BlobId;
const nodes = [fileNode('a', ['ab'.repeat(32) as BlobId], 3), dirNode('b', subtree), fileNode('z"\\', [])];
const tree = encodeTree(nodes);
const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString();

/** The same tree as somebody else might lay it out: spaces and another order of keys. */
function foreign(): Uint8Array {
  const parsed = JSON.parse(Buffer.from(tree).toString()) as { nodes: object[] };
  const turned = parsed.nodes.map((node) => Object.fromEntries(Object.entries(node).toReversed()));
  return utf8(JSON.stringify({ nodes: turned }, null, 2));
}

describe('ParentNodes', () => {
  it('gives the bytes of each node', () => {
    const parent = new ParentNodes(tree);
    for (const node of nodes) expect(text(parent.json(node.name))).toBe(text(encodeNode(node)));
  });

  it('gives the nodes decoded', () => {
    const parent = new ParentNodes(tree);
    expect(parent.node(utf8('b'))).toMatchObject({ type: 'dir', subtree });
    expect(parent.node(utf8('a'))).toMatchObject({ type: 'file', size: 3n });
  });

  it('does not know other names', () => {
    const parent = new ParentNodes(tree);
    expect(parent.has(utf8('c'))).toBe(false);
    expect(parent.json(utf8('c'))).toBeUndefined();
    expect(parent.node(utf8('c'))).toBeUndefined();
  });

  it('keeps names apart that are not UTF-8', () => {
    const [one, two] = [Uint8Array.of(0xfe), Uint8Array.of(0xff)];
    const json = encodeTree([
      { ...fileNode('', [], 1), name: one },
      { ...fileNode('', [], 2), name: two },
    ]);
    const parent = new ParentNodes(json);
    expect(parent.node(one)).toMatchObject({ size: 1n });
    expect(parent.node(two)).toMatchObject({ size: 2n });
  });

  it('decodes a tree that is laid out otherwise, and has no bytes of it', () => {
    const parent = new ParentNodes(foreign());
    expect(parent.json(utf8('a'))).toBeUndefined();
    expect(parent.has(utf8('a'))).toBe(true);
    expect(parent.node(utf8('b'))).toMatchObject({ type: 'dir', subtree });
    expect(parent.has(utf8('c'))).toBe(false);
  });

  it.each(['restic-0.14.0-kinds', 'restic-0.14.0-names', 'restic-0.19.1-kinds', 'restic-0.19.1-names'])(
    'knows every node of %s',
    (name) => {
      const json = vector(`tree/${name}.json`);
      const parent = new ParentNodes(json);
      for (const node of decodeTree(json)) expect(parent.node(node.name)).toEqual(node);
    },
  );

  it('is empty without a parent', () => {
    expect(new ParentNodes(undefined).has(utf8('a'))).toBe(false);
  });

  it('is empty for a tree with a name that no file can have', () => {
    const hostile = utf8(text(tree)?.replace('"name":"b"', '"name":".."') ?? '');
    const parent = new ParentNodes(hostile);
    expect(parent.has(utf8('a'))).toBe(false);
    expect(parent.node(utf8('a'))).toBeUndefined();
  });

  it('has no wrong node, whatever byte of the tree is damaged', () => {
    for (let at = 0; at < tree.length; at++) {
      const damaged = Uint8Array.from(tree);
      damaged[at] = (damaged[at] ?? 0) ^ 0x04;
      const parent = new ParentNodes(damaged);
      const names = nodes.filter(({ name }) => parent.node(name) !== undefined);
      for (const { name } of names) expect(text(parent.node(name)?.name)).toBe(text(name));
    }
  });

  it('is empty for a tree that is cut short anywhere', () => {
    for (let end = 0; end < tree.length - 3; end++) {
      expect(new ParentNodes(tree.subarray(0, end)).has(utf8('a'))).toBe(false);
    }
  });
});
