import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryNode } from '../../../test/support/node-arbitrary.ts';
import { vector, vectorNames } from '../../../test/support/vectors.ts';
import { decodeTree } from './tree-decoder.ts';
import { assembleTree, encodeNode } from './tree-encoder.ts';
import { scanTree } from './tree-scanner.ts';

interface Scanned {
  name: string;
  type: string;
  json: string;
}

function scan(bytes: Uint8Array): Scanned[] | undefined {
  const found: Scanned[] = [];
  const isCanonical = scanTree(bytes, (name, type, start, end) => {
    found.push({ name: hex(name), type, json: hex(bytes.subarray(start, end)) });
  });
  return isCanonical ? found : undefined;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('scanTree', () => {
  it('finds the bytes, name and type of every node', () => {
    fc.assert(
      fc.property(fc.array(arbitraryNode(), { maxLength: 5 }), (nodes) => {
        const fragments = nodes.map(encodeNode);
        expect(scan(assembleTree(fragments))).toEqual(
          nodes.map((node, i) => ({ name: hex(node.name), type: node.type, json: hex(fragments[i]!) })),
        );
      }),
    );
  });

  it.each(vectorNames('tree'))('agrees with decodeTree on %s', (name) => {
    const bytes = vector(name);
    expect(scan(bytes)?.map((node) => node.name)).toEqual(decodeTree(bytes).map((node) => hex(node.name)));
  });

  it.each([
    '',
    '{"nodes":null}',
    '{"nodes":[]}',
    '{"nodes":[]} \n',
    '{"nodes":[]}\n\n',
    '{ "nodes":[]}\n',
    '{"nodes":[{"type":"file","name":"a"}]}\n',
    '{"nodes":[{"name":"a","mode":1,"type":"file"}]}\n',
    '{"nodes":[{"name":"a","type":"wormhole"}]}\n',
    '{"nodes":[{"name":"a","type":"file"},]}\n',
    '{"nodes":[{"name":"a","type":"file"}',
    '{"nodes":[{"name":"a","type":"file"',
    '{"nodes":[{"name":"a","type":"file","user":"x\\',
    '{"nodes":[{"name":"a',
    '{"nodes":[],"more":1}\n',
  ])('leaves %j to decodeTree', (text) => {
    expect(scan(Buffer.from(text))).toBeUndefined();
  });

  it('refuses hostile names', () => {
    expect(() => scan(Buffer.from('{"nodes":[{"name":"..","type":"file"}]}\n'))).toThrow(
      expect.objectContaining({ code: 'NAME_HOSTILE' }),
    );
  });
});
