// A tar stream: ustar headers, with a pax header before an entry that needs one (POSIX.1-2024, pax
// "Interchange Format"). Written here because names are bytes and need not be UTF-8, which tar libraries
// for JavaScript do not allow. `tar-reader.ts` is the way back.
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
//    345 |  155 | prefix     what stands before the name and a slash; read, never written
import { asBuffer, concatBytes, utf8 } from '../../base/bytes.ts';
import { deviceMajor, deviceMinor } from './device-number.ts';
import type { TarEntry, TarKind } from './tar-entry.ts';

export const TAR_BLOCK = 512;
/** The end of a stream is two blocks of zeros. */
export const TAR_END: Uint8Array = new Uint8Array(2 * TAR_BLOCK);
const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777n;
const SECOND_NS = 1_000_000_000n;

export const tarTypes: Readonly<Record<TarKind, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  chardev: '3',
  dev: '4',
  dir: '5',
  fifo: '6',
};

/** Zeros that follow a content of so many bytes. */
export function tarPadding(sizeBytes: bigint | number): number {
  const over = Number(BigInt(sizeBytes) % BigInt(TAR_BLOCK));
  return over === 0 ? 0 : TAR_BLOCK - over;
}

/** The blocks that stand before the content of an entry. */
export function encodeTarHeader(entry: TarEntry): Uint8Array {
  const records = paxRecords(entry);
  const main = encodeBlock(entry, tarTypes[entry.kind], entry.sizeBytes);
  if (records.length === 0) return main;
  const body = concatBytes(records);
  const pax: TarEntry = { ...entry, name: utf8('PaxHeader'), linkName: new Uint8Array(0) };
  const padding = new Uint8Array(tarPadding(body.length));
  return concatBytes([encodeBlock(pax, 'x', BigInt(body.length)), body, padding, main]);
}

/** The pax records for what a plain header cannot hold. */
function paxRecords({ name, linkName, sizeBytes, uid, gid, user, group, mtimeNs, xattrs }: TarEntry): Uint8Array[] {
  const records: Uint8Array[] = [];
  const add = (key: Uint8Array, value: Uint8Array): void => void records.push(paxRecord(key, value));
  if (!fits(name, 100)) add(utf8('path'), name);
  if (!fits(linkName, 100)) add(utf8('linkpath'), linkName);
  if (sizeBytes > MAX_OCTAL_11) add(utf8('size'), utf8(String(sizeBytes)));
  if (uid > MAX_OCTAL_7) add(utf8('uid'), utf8(String(uid)));
  if (gid > MAX_OCTAL_7) add(utf8('gid'), utf8(String(gid)));
  if (!fits(utf8(user), 31)) add(utf8('uname'), utf8(user));
  if (!fits(utf8(group), 31)) add(utf8('gname'), utf8(group));
  const isPlainTime = mtimeNs >= 0n && mtimeNs % SECOND_NS === 0n && mtimeNs / SECOND_NS <= MAX_OCTAL_11;
  if (!isPlainTime) add(utf8('mtime'), utf8(decimalSeconds(mtimeNs)));
  for (const { name: key, value } of xattrs) {
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

function encodeBlock(entry: TarEntry, type: string, size: bigint): Uint8Array {
  const block = Buffer.alloc(TAR_BLOCK);
  const octal = (value: bigint | number, offset: number, digits: number): void => {
    const text = value.toString(8);
    block.write(text.length > digits ? '0'.repeat(digits) : text.padStart(digits, '0'), offset, 'latin1');
  };
  block.set(asBuffer(entry.name).subarray(0, 100), 0);
  octal(entry.mode & 0o7777, 100, 7);
  octal(entry.uid, 108, 7);
  octal(entry.gid, 116, 7);
  octal(size, 124, 11);
  octal(entry.mtimeNs < 0n ? 0n : entry.mtimeNs / 1_000_000_000n, 136, 11);
  block.write(' '.repeat(8), 148, 'latin1');
  block.write(type, 156, 'latin1');
  block.set(asBuffer(entry.linkName).subarray(0, 100), 157);
  block.write('ustar\u000000', 257, 'latin1');
  block.set(utf8(entry.user).subarray(0, 31), 265);
  block.set(utf8(entry.group).subarray(0, 31), 297);
  if (entry.kind === 'dev' || entry.kind === 'chardev') {
    octal(deviceMajor(entry.device), 329, 7);
    octal(deviceMinor(entry.device), 337, 7);
  }
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** The checksum of a header, whose checksum field must hold blanks. */
function checksum(block: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < block.length; at++) sum += block[at] ?? 0;
  return sum;
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
