import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryNode } from '../../../test/support/node-arbitrary.ts';
import { vector, vectorNames } from '../../../test/support/vectors.ts';
import { compareBytes } from '../../base/bytes.ts';
import type { Node } from './node.ts';
import { decodeTree, decodeTreeFully } from './tree-decoder.ts';
import { encodeNode, encodeTree } from './tree-encoder.ts';

const id = 'c3'.repeat(32);
const TREE_CORRUPT = expect.objectContaining({ code: 'TREE_CORRUPT' });
const times =
  '"mtime":"2024-07-03T11:46:40.5+02:00","atime":"1970-01-01T00:00:00Z","ctime":"1969-12-31T23:59:59.999999999Z"';
const tree = (...nodes: string[]): Uint8Array => Buffer.from(`{"nodes":[${nodes.join(',')}]}\n`);
const only = (json: string): Node => {
  const [node] = decodeTree(tree(json));
  if (node === undefined) throw new Error('no node');
  return node;
};
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

const sortedTree = fc
  .uniqueArray(arbitraryNode(), { maxLength: 8, selector: (node) => Buffer.from(node.name).toString('hex') })
  .map((nodes) => nodes.toSorted((a, b) => compareBytes(a.name, b.name)));

describe('encodeTree', () => {
  it('is undone by decodeTree, for all nodes', () => {
    fc.assert(
      fc.property(sortedTree, (nodes) => {
        const decoded = decodeTreeFully(encodeTree(nodes));
        expect([JSON.stringify(decoded.nodes, print), decoded.hasUnknownFields]).toEqual([
          JSON.stringify(nodes, print),
          false,
        ]);
      }),
    );
  });

  it('gives the empty tree the id that restic gives it', () => {
    expect(createHash('sha256').update(encodeTree([])).digest('hex')).toBe(
      'ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8',
    );
  });

  it('refuses names out of order and names that come twice', () => {
    const [x, y] = decodeTree(vector('tree/restic-0.19.1-kinds.json'));
    expect(() => encodeTree([y!, x!])).toThrow(TREE_CORRUPT);
    expect(() => encodeTree([x!, x!])).toThrow(TREE_CORRUPT);
  });

  it('sorts by bytes, not by UTF-16 units', () => {
    const [x] = decodeTree(vector('tree/restic-0.19.1-kinds.json'));
    const named = (name: string): Node => ({ ...x!, name: Buffer.from(name) });
    expect(() => encodeTree([named('\uffee'), named('\u{1f600}')])).not.toThrow();
  });
});

describe('vectors made by restic', () => {
  // restic 0.14 was built with a Go that wrote \u0008 and \u000c where newer ones write \b and \f.
  const names = vectorNames('tree');

  it.each(names.filter((name) => !name.includes('0.14.0-kinds')))(
    '%s is the same after decoding and encoding',
    (name) => {
      const json = vector(name);
      expect(text(encodeTree(decodeTree(json)))).toBe(text(json));
    },
  );

  it('tree/restic-0.14.0-kinds.json has the same meaning after decoding and encoding', () => {
    const nodes = decodeTree(vector('tree/restic-0.14.0-kinds.json'));
    expect(decodeTree(encodeTree(nodes))).toEqual(nodes);
  });

  it('gives the bytes of all odd names back', () => {
    const names = decodeTree(vector('tree/restic-0.19.1-names.json')).map((node) =>
      Buffer.from(node.name).toString('hex'),
    );
    for (let byte = 1; byte < 256; byte++) {
      if (byte !== 0x2f) expect(names).toContain(Buffer.from([0x62, byte]).toString('hex'));
    }
  });

  it('reads every kind of entry', () => {
    const nodes = decodeTree(vector('tree/restic-0.19.1-kinds.json'));
    const byName = Object.fromEntries(nodes.map((node) => [text(node.name), node]));
    expect(byName).toMatchObject({
      file: { type: 'file', links: 2n, size: 650n },
      empty: { type: 'dir' },
      link: { type: 'symlink', linkTarget: Uint8Array.from(Buffer.from('target/<&>\u2028')) },
      'link-not-utf8': { linkTarget: Uint8Array.from(Buffer.from('61ff0ac3a4080c7fe282', 'hex')) },
      fifo: { type: 'fifo', links: 0n },
      'char-device': { type: 'chardev', device: 259n },
      'device-zero': { device: 0n },
      'no-permissions': { uid: 4242, gid: 4243, user: '', mode: 0 },
    });
    const attributes = byName['attributes']?.extendedAttributes.map(({ name, value }) => [text(name), value]);
    expect(attributes).toContainEqual(['user.text', Uint8Array.from(Buffer.from('some text'))]);
    expect(attributes?.find(([name]) => name === 'user.b\u00fc<')).toBeDefined();
  });
});

describe('decodeTree', () => {
  it.each(['{"nodes":null}', '{"nodes":[]}\n', '{"x":1,"nodes":[],"y":{"z":[]}}'])('takes %s as empty', (json) => {
    expect(decodeTree(Buffer.from(json))).toEqual([]);
  });

  it('takes absent fields as zero, as Go does', () => {
    expect(only(`{"name":"a","type":"file"}`)).toMatchObject({
      uid: 0,
      content: [],
      mtime: { ns: -62_135_596_800_000_000_000n },
    });
  });

  it('takes keys in any order', () => {
    const node = only(`{"content":["${id}"],"size":1,${times},"type":"file","name":"a"}`);
    expect(text(encodeNode(node))).toBe(
      `{"name":"a","type":"file",${times},"uid":0,"gid":0,"size":1,"content":["${id}"]}`,
    );
  });

  it('keeps 64-bit integers exact', () => {
    const max = '18446744073709551615';
    const node = only(
      `{"name":"a","type":"file","inode":${max},"device_id":${max},"size":${max},"links":9007199254740993}`,
    );
    expect(node).toMatchObject({
      inode: 2n ** 64n - 1n,
      deviceId: 2n ** 64n - 1n,
      size: 2n ** 64n - 1n,
      links: 2n ** 53n + 1n,
    });
  });

  it('keeps the difference between an empty and a null attribute', () => {
    const node = only(
      `{"name":"a","type":"file","extended_attributes":[{"name":"x","value":""},{"name":"y","value":null}]}`,
    );
    expect(node.extendedAttributes.map(({ value }) => value)).toEqual([new Uint8Array(), null]);
  });

  it('keeps Windows attributes as they came', () => {
    const json = '{"windows.creation_time":"//8=","windows.file_attributes":32}';
    const node = only(`{"name":"a","type":"file",${times},"generic_attributes":${json}}`);
    expect(text(encodeNode(node))).toContain(`"generic_attributes":${json}`);
  });

  it.each(['', '.', '..', 'a/b', '/', String.raw`\\x00`, String.raw`\\x2e\\x2e`, String.raw`a\\u002fb`])(
    'refuses the name %j',
    (name) => {
      expect(() => decodeTree(tree(`{"name":"${name}","type":"file"}`))).toThrow(
        expect.objectContaining({ code: 'NAME_HOSTILE' }),
      );
    },
  );

  it('keeps hostile names when asked to', () => {
    expect(decodeTree(tree('{"name":"..","type":"fifo"}'), { hostile: 'keep' })).toHaveLength(1);
  });

  it.each([
    ['an unknown key of a node', '{"name":"a","type":"file","new":1}'],
    ['an unknown type', '{"name":"a","type":"wormhole"}'],
    ['a key that comes twice', '{"name":"a","type":"file","size":1,"size":2}'],
    ['a field of another type', '{"name":"a","type":"fifo","size":5}'],
    ['a link target on a file', '{"name":"a","type":"file","linktarget":"x"}'],
    ['an unknown key of an attribute', '{"name":"a","type":"file","extended_attributes":[{"name":"x","z":1}]}'],
  ])('tells about %s', (_what, json) => {
    expect(decodeTreeFully(tree(json)).hasUnknownFields).toBe(true);
  });

  it('tells about an unknown key beside the nodes', () => {
    expect(decodeTreeFully(Buffer.from('{"nodes":[],"more":0}')).hasUnknownFields).toBe(true);
  });

  it.each([
    ['no document', ''],
    ['a list', '[]'],
    ['no nodes', '{}'],
    ['nodes that come twice', '{"nodes":[],"nodes":[]}'],
    ['a node that is no object', '{"nodes":[1]}'],
    ['a mode of 33 bits', '{"nodes":[{"name":"a","type":"file","mode":4294967296}]}'],
    ['a size of 65 bits', '{"nodes":[{"name":"a","type":"file","size":18446744073709551616}]}'],
    ['a fraction', '{"nodes":[{"name":"a","type":"file","size":1.5}]}'],
    ['a leading zero', '{"nodes":[{"name":"a","type":"file","size":01}]}'],
    ['a wrong time', '{"nodes":[{"name":"a","type":"file","mtime":"2024-02-30T00:00:00Z"}]}'],
    ['a wrong id', '{"nodes":[{"name":"a","type":"file","content":["00"]}]}'],
    ['wrong base64', '{"nodes":[{"name":"a","type":"file","extended_attributes":[{"name":"x","value":"AAA"}]}]}'],
    ['a directory without subtree', '{"nodes":[{"name":"a","type":"dir"}]}'],
    ['text after the end', '{"nodes":[]}x'],
  ])('refuses %s', (_what, json) => {
    expect(() => decodeTree(Buffer.from(json))).toThrow(TREE_CORRUPT);
  });
});

/** Bytes and bigints in a form that compares by value, whatever the class of the array. */
function print(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}
