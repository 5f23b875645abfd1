import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesKey, compareBytes, utf8 } from '../../base/bytes.ts';
import { arbitraryNode } from '../../../test/support/node-arbitrary.ts';
import { NodeSearch, type NodeSpan } from './node-search.ts';
import { assembleTree, encodeNode } from './tree-encoder.ts';

const find = (tree: Uint8Array, first: Uint8Array, last: Uint8Array): NodeSpan | undefined =>
  NodeSearch.over(tree)?.find(bytesKey(first), bytesKey(last));

describe('NodeSearch', () => {
  it('finds the bytes of the nodes it is asked for, whatever they hold', () => {
    const names = fc.uniqueArray(arbitraryNode(), {
      minLength: 1,
      maxLength: 6,
      selector: ({ name }) => Buffer.from(name).toString('latin1'),
    });
    fc.assert(
      fc.property(names, fc.nat(), fc.nat(), (unsorted, a, b) => {
        const nodes = unsorted.toSorted((x, y) => compareBytes(x.name, y.name));
        const encoded = nodes.map(encodeNode);
        const first = a % nodes.length;
        const last = first + (b % (nodes.length - first));
        const tree = assembleTree(encoded);
        const span = find(tree, nodes[first]!.name, nodes[last]!.name);
        const expected = encoded
          .slice(first, last + 1)
          .map((node) => Buffer.from(node).toString())
          .join(',');
        expect(Buffer.from(tree.subarray(span?.start, span?.end)).toString()).toBe(expected);
      }),
    );
  });

  it('does not take an extended attribute for a node', () => {
    const attributes = '"extended_attributes":[{"name":"user.a","value":"YQ=="},{"name":"user.b","value":"YQ=="}]';
    const node = (name: string): string => `{"name":"${name}","type":"file","mode":420,${attributes},"content":[]}`;
    const tree = utf8(`{"nodes":[${node('a')},${node('user.b')}]}\n`);
    const a = find(tree, utf8('a'), utf8('a'));
    const b = find(tree, utf8('user.b'), utf8('user.b'));
    expect(Buffer.from(tree.subarray(a?.start, a?.end)).toString()).toBe(node('a'));
    expect(Buffer.from(tree.subarray(b?.start, b?.end)).toString()).toBe(node('user.b'));
  });

  it.each([
    ['a name that is not there', '{"nodes":[{"name":"a","type":"file"}]}\n', 'b'],
    ['a tree with other fields first', '{"x":1,"nodes":[{"name":"a","type":"file"}]}\n', 'a'],
    ['a tree that ends otherwise', '{"nodes":[{"name":"a","type":"file"}] }\n', 'a'],
  ])('finds nothing for %s', (_, tree, name) => {
    expect(find(utf8(tree), utf8(name), utf8(name))).toBeUndefined();
  });
});
