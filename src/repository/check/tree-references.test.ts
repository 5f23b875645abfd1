import { describe, expect, it } from 'vitest';
import { blobIdOf, dirNode, fileNode } from '../../../test/support/repository-fixture.ts';
import { utf8, utf8Lossy } from '../../base/bytes.ts';
import { idFromBytes } from '../../base/ids.ts';
import { encodeTree } from '../../formats/tree/tree-encoder.ts';
import { visitReferences } from './tree-references.ts';

const [a, b, c] = ['a', 'b', 'c'].map((text) => blobIdOf(utf8(text)));

function referencesOf(bytes: Uint8Array): string[] | false {
  const found: string[] = [];
  const isUsual = visitReferences(bytes, {
    data: (id, name) => found.push(`data ${utf8Lossy(name)} ${idFromBytes(id)}`),
    tree: (id, name) => found.push(`tree ${utf8Lossy(name)} ${idFromBytes(id)}`),
  });
  return isUsual && found;
}

describe('visitReferences', () => {
  it('finds data blobs of files and trees of directories', () => {
    const tree = encodeTree([fileNode('f', [a!, b!]), fileNode('g', []), dirNode('h', c!)]);
    expect(referencesOf(tree)).toEqual([`data f ${a}`, `data f ${b}`, `tree h ${c}`]);
  });

  it('is not misled by names and texts that look like keys', () => {
    const name = `"content":["${c}"]`;
    const tree = encodeTree([fileNode(name, [a!], 1, { user: `"subtree":"${c}"` })]);
    expect(referencesOf(tree)).toEqual([`data ${name} ${a}`]);
  });

  it('finds nothing in an empty tree', () => {
    expect(referencesOf(encodeTree([]))).toEqual([]);
  });

  it.each([
    ['generic attributes', encodeTree([fileNode('f', [a!], 1, { genericAttributes: { content: ['x'] } })])],
    ['another layout', utf8('{ "nodes": [] }')],
    ['a content that is no id', utf8('{"nodes":[{"name":"f","type":"file","content":["x"]}]}\n')],
    ['a file without content', utf8('{"nodes":[{"name":"f","type":"file"}]}\n')],
    ['a directory without a tree', utf8('{"nodes":[{"name":"f","type":"dir","subtree":null}]}\n')],
  ])('leaves %s to the decoder', (_, bytes) => {
    expect(referencesOf(bytes)).toBe(false);
  });
});
