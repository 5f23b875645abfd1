import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryNode as anyNode } from '../../../test/support/node-arbitrary.ts';
import type { GoTime } from '../go-time.ts';
import { localGoTime } from '../go-time.ts';
import type { LeafFields } from './node-writer.ts';
import { NodeWriter } from './node-writer.ts';
import type { Node } from './node.ts';
import { encodeNode } from './tree-encoder.ts';

/** The number of links of a directory is not recorded, so the writer cannot be told. */
const arbitraryNode = (offsetMinutes?: number): fc.Arbitrary<Node> =>
  anyNode(offsetMinutes).map((node) => (node.type === 'dir' ? { ...node, links: 0n } : node));

function write(writer: NodeWriter, node: Node): void {
  const { mtime, atime, ctime, ...rest } = node;
  const stat = { ...rest, mtimeNs: mtime.ns, atimeNs: atime.ns, ctimeNs: ctime.ns };
  if (node.type === 'dir') writer.writeDirectory(stat, Buffer.from(node.subtree, 'hex'));
  else writer.writeLeaf(leafFields(node));
}

function leafFields(node: Exclude<Node, { type: 'dir' }>): LeafFields {
  return {
    ...node,
    mtimeNs: node.mtime.ns,
    atimeNs: node.atime.ns,
    ctimeNs: node.ctime.ns,
    size: node.type === 'file' ? node.size : 0,
    content: Buffer.from(node.type === 'file' ? node.content.join('') : '', 'hex'),
  };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const inZone = (node: Node, zone: (time: GoTime) => GoTime): Node => ({
  ...node,
  mtime: zone(node.mtime),
  atime: zone(node.atime),
  ctime: zone(node.ctime),
});

describe('NodeWriter', () => {
  it('writes the bytes of encodeNode, in UTC', () => {
    const writer = new NodeWriter({ zone: 'utc' });
    fc.assert(
      fc.property(arbitraryNode(0), (node) => {
        write(writer, node);
        expect(text(writer.take())).toBe(text(encodeNode(node)));
      }),
      { numRuns: 1000 },
    );
  });

  it('writes the bytes of encodeNode, in the local zone', () => {
    const writer = new NodeWriter();
    fc.assert(
      fc.property(arbitraryNode(), (node) => {
        const local = inZone(node, (time) => localGoTime(time.ns));
        write(writer, local);
        expect(text(writer.take())).toBe(text(encodeNode(local)));
      }),
    );
  });

  it('takes numbers and bigints alike', () => {
    fc.assert(
      fc.property(arbitraryNode(0), fc.nat(Number.MAX_SAFE_INTEGER), (node, value) => {
        fc.pre(node.type === 'file');
        const writer = new NodeWriter();
        writer.writeLeaf({ ...leafFields(node), inode: value, size: value, links: value, deviceId: value });
        const fromNumbers = text(writer.take());
        const big = BigInt(value);
        writer.writeLeaf({ ...leafFields(node), inode: big, size: big, links: big, deviceId: big });
        expect(text(writer.take())).toBe(fromNumbers);
      }),
    );
  });

  it('writes a head that the whole node starts with', () => {
    fc.assert(
      fc.property(arbitraryNode(), (node) => {
        fc.pre(node.type !== 'dir');
        const writer = new NodeWriter();
        writer.writeLeafHead(leafFields(node));
        const head = text(writer.take());
        writer.writeLeaf(leafFields(node));
        const whole = text(writer.take());
        expect([whole.startsWith(head), whole.slice(head.length).startsWith(',"content":')]).toEqual([true, true]);
      }),
    );
  });

  it('grows for long names, owners, attributes and content', () => {
    const writer = new NodeWriter({ zone: 'utc' });
    const time = { ns: 0n, offsetMinutes: 0 };
    const node: Node = {
      type: 'file',
      name: Buffer.alloc(40_000, '\u0001'),
      mode: 0,
      mtime: time,
      atime: time,
      ctime: time,
      uid: 1,
      gid: 1,
      user: 'u'.repeat(30_000),
      group: '<'.repeat(30_000),
      inode: 1n,
      deviceId: 1n,
      links: 1n,
      extendedAttributes: [{ name: Buffer.from('user.x'), value: Buffer.alloc(64_000, 7) }],
      size: 5n,
      content: Array.from({ length: 3000 }, () => 'ee'.repeat(32) as never),
    };
    write(writer, node);
    expect(text(writer.take())).toBe(text(encodeNode(node)));
  });

  it('keeps nodes one after the other until they are taken', () => {
    const writer = new NodeWriter();
    const [node] = fc.sample(arbitraryNode(0), 1);
    write(writer, node!);
    const size = writer.view().length;
    write(writer, node!);
    expect([writer.view().length, writer.take().length, writer.view().length]).toEqual([2 * size, 2 * size, 0]);
  });
});
