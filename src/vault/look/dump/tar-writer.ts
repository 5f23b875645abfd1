// A tar stream: ustar headers, with a pax header before an entry that needs one (POSIX.1-2024, pax
// "Interchange Format"). Written here because names are bytes and need not be UTF-8, which tar libraries
// for JavaScript do not allow.
//
// offset | size | field
//      0 |  100 | name
//    100 |    8 | mode       octal, as are all numbers
//    108 |    8 | uid
//    116 |    8 | gid
//    124 |   12 | size       bytes
//    136 |   12 | mtime      seconds since the epoch
//    148 |    8 | checksum   sum of all header bytes, this field taken as blanks
//    156 |    1 | type       0 file, 1 hard link, 2 symlink, 3 char device, 4 block device, 5 folder, 6 FIFO, x pax
//    157 |  100 | link name
//    257 |    8 | "ustar\0" "00"
//    265 |   32 | owner      297 | 32 | group
//    329 |    8 | device major   337 | 8 | device minor
import { asBuffer, concatBytes, utf8 } from '../../../base/bytes.ts';
import { CairnError } from '../../../base/errors.ts';
import { printPath } from '../../../repository/walk/find-node.ts';
import { secondsOf } from '../../../formats/go-time.ts';
import { statModeFromGo } from '../../../formats/tree/go-mode.ts';
import type { Node } from '../../../formats/tree/node.ts';
import type { DumpEntry, OnSkipped, ReadContent } from './dump-entry.ts';

const BLOCK = 512;
const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777n;
const PERMISSIONS = 0o7777;

interface TarHeader {
  readonly name: Uint8Array;
  readonly type: string;
  readonly linkName: Uint8Array;
  readonly size: bigint;
  readonly node: Node;
}

/** A complete tar stream of the entries. Throws `BLOB_CORRUPT` where a file has another length than its entry says. */
export async function* writeTar(
  entries: AsyncIterable<DumpEntry>,
  read: ReadContent,
  onSkipped: OnSkipped,
): AsyncGenerator<Uint8Array, void, undefined> {
  const firstNames = new Map<string, Uint8Array>();
  for await (const entry of entries) {
    const header = headerOf(entry, firstNames);
    if (header === undefined) {
      onSkipped(entry, `tar has no place for a ${entry.node.type}`);
      continue;
    }
    yield encodeHeader(header);
    if (header.type === '0' && entry.node.type === 'file') yield* paddedContent(entry, header.size, read(entry.node));
  }
  // The end of an archive is two blocks of zeros.
  yield new Uint8Array(2 * BLOCK);
}

async function* paddedContent(
  entry: DumpEntry,
  size: bigint,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let written = 0n;
  for await (const part of content) {
    written += BigInt(part.length);
    if (written <= size) yield part;
  }
  if (written !== size) {
    throw new CairnError(
      'BLOB_CORRUPT',
      `${printPath([entry.name])} holds ${written} bytes and not ${size} as its entry says`,
      { hint: 'Run `cairn check`. `cairn cat` prints what there is.' },
    );
  }
  const rest = Number(size % BigInt(BLOCK));
  if (rest > 0) yield new Uint8Array(BLOCK - rest);
}

function headerOf({ name, node }: DumpEntry, firstNames: Map<string, Uint8Array>): TarHeader | undefined {
  const none = new Uint8Array(0);
  const plain = { name, node, size: 0n, linkName: none };
  switch (node.type) {
    case 'file': {
      const first = node.links > 1n && node.inode !== 0n ? rememberLink(node, name, firstNames) : undefined;
      if (first !== undefined) return { ...plain, type: '1', linkName: first };
      return { ...plain, type: '0', size: node.size };
    }
    case 'dir':
      return { ...plain, name: concatBytes([name, utf8('/')]), type: '5' };
    case 'symlink':
      return { ...plain, type: '2', linkName: node.linkTarget };
    case 'chardev':
      return { ...plain, type: '3' };
    case 'dev':
      return { ...plain, type: '4' };
    case 'fifo':
      return { ...plain, type: '6' };
    case 'socket':
    case 'irregular':
      return undefined;
    default:
      return node satisfies never;
  }
}

/** The name this inode had before in the stream, or `undefined` the first time. */
function rememberLink(node: Node, name: Uint8Array, firstNames: Map<string, Uint8Array>): Uint8Array | undefined {
  const key = `${node.deviceId}:${node.inode}`;
  const first = firstNames.get(key);
  if (first === undefined) firstNames.set(key, name);
  return first;
}

function encodeHeader(header: TarHeader): Uint8Array {
  const records = paxRecords(header);
  const main = encodeBlock(header, header.type, header.size);
  if (records.length === 0) return main;
  const body = concatBytes(records);
  const pax: TarHeader = { ...header, name: utf8('PaxHeader'), linkName: new Uint8Array(0) };
  const padding = new Uint8Array((BLOCK - (body.length % BLOCK)) % BLOCK);
  return concatBytes([encodeBlock(pax, 'x', BigInt(body.length)), body, padding, main]);
}

/** What the fields of a plain header cannot hold. */
function paxRecords({ name, linkName, size, node }: TarHeader): Uint8Array[] {
  const records: Uint8Array[] = [];
  const add = (key: Uint8Array, value: Uint8Array): void => void records.push(paxRecord(key, value));
  if (!fits(name, 100)) add(utf8('path'), name);
  if (!fits(linkName, 100)) add(utf8('linkpath'), linkName);
  if (size > MAX_OCTAL_11) add(utf8('size'), utf8(String(size)));
  if (node.uid > MAX_OCTAL_7) add(utf8('uid'), utf8(String(node.uid)));
  if (node.gid > MAX_OCTAL_7) add(utf8('gid'), utf8(String(node.gid)));
  if (!fits(utf8(node.user), 31)) add(utf8('uname'), utf8(node.user));
  if (!fits(utf8(node.group), 31)) add(utf8('gname'), utf8(node.group));
  const { ns } = node.mtime;
  if (ns < 0n || ns % 1_000_000_000n !== 0n) add(utf8('mtime'), utf8(decimalSeconds(ns)));
  for (const { name: key, value } of node.extendedAttributes) {
    // A `=` would end the key, so such an attribute cannot be written (GNU tar and star leave it out as well).
    if (!key.includes(0x3d)) add(concatBytes([utf8('SCHILY.xattr.'), key]), value ?? new Uint8Array(0));
  }
  return records;
}

/** `<length> <key>=<value>\n`, where the length counts itself. */
function paxRecord(key: Uint8Array, value: Uint8Array): Uint8Array {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return concatBytes([utf8(`${length} `), key, utf8('='), value, utf8('\n')]);
}

function encodeBlock(header: TarHeader, type: string, size: bigint): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const { node } = header;
  const octal = (value: bigint | number, offset: number, digits: number): void => {
    const text = value.toString(8);
    block.write(text.length > digits ? '0'.repeat(digits) : text.padStart(digits, '0'), offset, 'latin1');
  };
  block.set(asBuffer(header.name).subarray(0, 100), 0);
  octal(statModeFromGo(node.mode) & PERMISSIONS, 100, 7);
  octal(node.uid, 108, 7);
  octal(node.gid, 116, 7);
  octal(size, 124, 11);
  octal(Math.max(0, secondsOf(node.mtime.ns)), 136, 11);
  block.write(' '.repeat(8), 148, 'latin1');
  block.write(type, 156, 'latin1');
  block.set(asBuffer(header.linkName).subarray(0, 100), 157);
  block.write('ustar\u000000', 257, 'latin1');
  block.set(utf8(node.user).subarray(0, 31), 265);
  block.set(utf8(node.group).subarray(0, 31), 297);
  if (node.type === 'dev' || node.type === 'chardev') {
    octal(deviceMajor(node.device), 329, 7);
    octal(deviceMinor(node.device), 337, 7);
  }
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

// Linux's layout of dev_t (glibc <sys/sysmacros.h>).
function deviceMajor(device: bigint): bigint {
  return ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
}

function deviceMinor(device: bigint): bigint {
  return (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
}

/** Whether a plain field can hold it: short enough, and ASCII, whose meaning no reader doubts. */
function fits(bytes: Uint8Array, size: number): boolean {
  return bytes.length <= size && bytes.every((byte) => byte < 0x80);
}

function decimalSeconds(ns: bigint): string {
  const size = ns < 0n ? -ns : ns;
  const fraction = String(size % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${ns < 0n ? '-' : ''}${size / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}`;
}
