import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { equalBytes, utf8 } from '../base/bytes.ts';
import { idToBytes, ID_SIZE, type BlobId } from '../base/ids.ts';
import { FileType, STAT_FIELDS, StatField } from '../base/posix/posix.ts';
import type { Node } from '../formats/tree/node.ts';
import { encodeNode } from '../formats/tree/tree-encoder.ts';
import { fileNode } from '../../test/support/repository-fixture.ts';
import { contentAfterHead, isUnchanged, readHexId } from './change-detection.ts';

const strict = { ignoreInode: false, ignoreCtime: false };

function statOf(changes: Readonly<Partial<Record<keyof typeof StatField, bigint>>> = {}): BigInt64Array {
  const stat = new BigInt64Array(STAT_FIELDS);
  stat[StatField.mode] = BigInt(FileType.regular | 0o644);
  stat[StatField.sizeBytes] = 10n;
  stat[StatField.mtimeNs] = 1000n;
  stat[StatField.ctimeNs] = 2000n;
  stat[StatField.inode] = 7n;
  for (const [name, value] of Object.entries(changes)) stat[StatField[name as keyof typeof StatField]] = value;
  return stat;
}

const at = (ns: bigint): { ns: bigint; offsetMinutes: number } => ({ ns, offsetMinutes: 60 });

function nodeOf(more: Partial<Node> = {}): Node {
  return fileNode('f', [], 10, { mtime: at(1000n), ctime: at(2000n), inode: 7n, ...more });
}

describe('isUnchanged', () => {
  it('holds when type, size, mtime, ctime and inode are the same', () => {
    expect(isUnchanged(nodeOf(), statOf(), strict)).toBe(true);
  });

  it.each([
    ['size', { sizeBytes: 11n }],
    ['mtime', { mtimeNs: 1001n }],
    ['ctime', { ctimeNs: 2001n }],
    ['inode', { inode: 8n }],
    ['type', { mode: BigInt(FileType.fifo | 0o644) }],
  ] as const)('fails when the %s differs', (_, change) => {
    expect(isUnchanged(nodeOf(), statOf(change), strict)).toBe(false);
  });

  it('ignores the ctime, or the inode, and nothing else, when told so', () => {
    expect(isUnchanged(nodeOf(), statOf({ ctimeNs: 9n }), { ...strict, ignoreCtime: true })).toBe(true);
    expect(isUnchanged(nodeOf(), statOf({ inode: 9n }), { ...strict, ignoreInode: true })).toBe(true);
    expect(isUnchanged(nodeOf(), statOf({ inode: 9n }), { ...strict, ignoreCtime: true })).toBe(false);
    expect(isUnchanged(nodeOf(), statOf({ mtimeNs: 9n }), { ignoreCtime: true, ignoreInode: true })).toBe(false);
  });

  it('does not care about mode or owner: they are taken from the file, its content from the parent', () => {
    const stat = statOf({ mode: BigInt(FileType.regular | 0o600), uid: 5n, gid: 6n });
    expect(isUnchanged(nodeOf(), stat, strict)).toBe(true);
  });

  it('compares inodes above 2^63', () => {
    const node = nodeOf({ inode: 2n ** 64n - 1n });
    expect(isUnchanged(node, statOf({ inode: -1n }), strict)).toBe(true);
  });

  it('fails when the parent has no such file, or something else of that name', () => {
    expect(isUnchanged(undefined, statOf(), strict)).toBe(false);
    expect(isUnchanged({ ...nodeOf(), type: 'fifo' }, statOf(), strict)).toBe(false);
  });
});

const ids = [1, 2, 3].map(() => randomBytes(ID_SIZE).toString('hex') as BlobId);

/** A node's JSON and what precedes its content. */
function split(content: readonly BlobId[]): { json: Uint8Array; head: Uint8Array } {
  const json = encodeNode(nodeOf({ content }));
  return { json, head: json.subarray(0, Buffer.from(json).indexOf(',"content"')) };
}

function idsAt(json: Uint8Array, offsets: readonly number[] | undefined): BlobId[] | undefined {
  return offsets?.map((at) => Buffer.from(json.subarray(at, at + 64)).toString() as BlobId);
}

describe('contentAfterHead', () => {
  it.each([0, 1, 3])('finds %i blob ids', (count) => {
    const { json, head } = split(ids.slice(0, count));
    expect(idsAt(json, contentAfterHead(json, head))).toEqual(ids.slice(0, count));
  });

  it('finds none when the head differs in any byte', () => {
    const { json, head } = split(ids);
    for (let at = 0; at < head.length; at++) {
      const other = Uint8Array.from(head);
      other[at] = (other[at] ?? 0) ^ 1;
      expect(contentAfterHead(json, other)).toBeUndefined();
    }
  });

  it.each(['', ',"content":[', ',"content":null}', ',"content":[],"error":"x"}', ',"error":"x","content":[]}'])(
    'finds none when the node goes on with %s',
    (rest) => {
      const { head } = split(ids);
      expect(contentAfterHead(Buffer.concat([head, utf8(rest)]), head)).toBeUndefined();
    },
  );

  it('finds none in a list that is cut short anywhere', () => {
    const { json, head } = split(ids);
    for (let end = head.length; end < json.length; end++) {
      expect(contentAfterHead(json.subarray(0, end), head)).toBeUndefined();
    }
  });

  it('finds none in a list with an id of another length', () => {
    const { head } = split(ids);
    for (const id of ['', 'ab', 'ab'.repeat(33)]) {
      expect(contentAfterHead(Buffer.concat([head, utf8(`,"content":["${id}"]}`)]), head)).toBeUndefined();
    }
  });
});

describe('readHexId', () => {
  it('reads what idToBytes reads', () => {
    const id = new Uint8Array(ID_SIZE);
    for (const hex of [...ids, '0123456789abcdef'.repeat(4) as BlobId]) {
      readHexId(utf8(`"${hex}"`), 1, id);
      expect(equalBytes(id, idToBytes(hex))).toBe(true);
    }
  });
});
