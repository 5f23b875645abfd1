// A zip stream (PKWARE APPNOTE 6.3.10): sizes and checksums follow each entry in a data descriptor, because
// they are not known before its bytes went by. Every entry carries zip64 fields only where it needs them.
import { isUtf8 } from 'node:buffer';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, crc32, createDeflateRaw } from 'node:zlib';
import { concatBytes, utf8 } from '../../../base/bytes.ts';
import { secondsOf } from '../../../formats/go-time.ts';
import { statModeFromGo } from '../../../formats/tree/go-mode.ts';
import type { Node } from '../../../formats/tree/node.ts';
import type { DumpEntry, OnSkipped, ReadContent } from './dump-entry.ts';

const LOCAL_HEADER = 0x04034b50;
const DESCRIPTOR = 0x08074b50;
const CENTRAL_HEADER = 0x02014b50;
const ZIP64_END = 0x06064b50;
const ZIP64_LOCATOR = 0x07064b50;
const END = 0x06054b50;

const MAX_32 = 0xffffffff;
const MAX_16 = 0xffff;
const STORED = 0;
const DEFLATED = 8;
const FLAG_DESCRIPTOR = 0x0008;
const FLAG_UTF8 = 0x0800;
/** Version 4.5 knows zip64; made by Unix, so that the upper half of the attributes is st_mode. */
const VERSION = 45;
const MADE_BY_UNIX = (3 << 8) | VERSION;

interface ZipEntry {
  readonly name: Uint8Array;
  readonly flags: number;
  readonly method: number;
  readonly node: Node;
  readonly offset: number;
  readonly zip64: boolean;
  crc: number;
  size: number;
  stored: number;
}

/** A complete zip stream of the entries. Devices, FIFOs and sockets have no place in a zip and are skipped. */
export async function* writeZip(
  entries: AsyncIterable<DumpEntry>,
  read: ReadContent,
  onSkipped: OnSkipped,
): AsyncGenerator<Uint8Array, void, undefined> {
  const written: ZipEntry[] = [];
  let offset = 0;
  for await (const { name, node } of entries) {
    if (node.type !== 'file' && node.type !== 'dir' && node.type !== 'symlink') {
      onSkipped({ name, node }, `zip has no place for a ${node.type}`);
      continue;
    }
    const entry = newEntry(name, node, offset);
    written.push(entry);
    for await (const part of entryBytes(entry, read)) {
      offset += part.length;
      yield part;
    }
  }
  let directorySize = 0;
  for (const entry of written) {
    const header = centralHeader(entry);
    directorySize += header.length;
    yield header;
  }
  yield endOfDirectory(written.length, directorySize, offset);
}

function newEntry(name: Uint8Array, node: Node, offset: number): ZipEntry {
  // What is known beforehand is said in the header; only the bytes of a file go by first.
  const known = node.type === 'symlink' ? node.linkTarget : new Uint8Array(0);
  return {
    name: node.type === 'dir' ? concatBytes([name, utf8('/')]) : name,
    flags: (node.type === 'file' ? FLAG_DESCRIPTOR : 0) | (isUtf8(name) ? FLAG_UTF8 : 0),
    method: node.type === 'file' ? DEFLATED : STORED,
    node,
    offset,
    // The descriptor's width has to be fixed before the size is seen; deflate grows what it cannot shrink a little.
    zip64: node.type === 'file' && node.size > 0xf0000000n,
    crc: crc32(known),
    size: known.length,
    stored: known.length,
  };
}

async function* entryBytes(entry: ZipEntry, read: ReadContent): AsyncGenerator<Uint8Array, void, undefined> {
  const { node } = entry;
  yield localHeader(entry);
  if (node.type === 'symlink') yield node.linkTarget;
  if (node.type !== 'file') return;
  for await (const part of deflated(measured(entry, read(node)))) {
    entry.stored += part.length;
    yield part;
  }
  yield descriptor(entry);
}

async function* measured(
  entry: ZipEntry,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const part of content) {
    entry.crc = crc32(part, entry.crc);
    entry.size += part.length;
    yield part;
  }
}

async function* deflated(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const output = new PassThrough();
  const deflate = createDeflateRaw({ level: constants.Z_DEFAULT_COMPRESSION });
  const done = pipeline(Readable.from(content, { objectMode: true }), deflate, output);
  // The reader of `output` sees the failure first; this one is awaited below.
  done.catch(() => {});
  const parts: AsyncIterable<Buffer> = output;
  for await (const part of parts) yield part;
  await done;
}

/** Date and time of MS-DOS, in the local zone: two seconds' resolution, 1980 to 2107. */
function dosTime(ns: bigint): readonly [time: number, date: number] {
  const local = new Date(secondsOf(ns) * 1000);
  const year = Math.min(2107, Math.max(1980, local.getFullYear()));
  const time = (local.getHours() << 11) | (local.getMinutes() << 5) | (local.getSeconds() >> 1);
  return [time, ((year - 1980) << 9) | ((local.getMonth() + 1) << 5) | local.getDate()];
}

/** Extra field 0x5455: mtime in seconds since the epoch, which needs no zone. */
function timestampExtra(ns: bigint): Buffer {
  const seconds = secondsOf(ns);
  if (seconds < -0x80000000 || seconds > 0x7fffffff) return Buffer.alloc(0);
  const extra = Buffer.alloc(9);
  extra.writeUInt16LE(0x5455, 0);
  extra.writeUInt16LE(5, 2);
  extra.writeUInt8(1, 4);
  extra.writeInt32LE(seconds, 5);
  return extra;
}

/** Extra field 0x0001: 64-bit values in the order the specification gives. */
function zip64Extra(values: readonly number[]): Buffer {
  if (values.length === 0) return Buffer.alloc(0);
  const extra = Buffer.alloc(4 + values.length * 8);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(values.length * 8, 2);
  for (const [at, value] of values.entries()) extra.writeBigUInt64LE(BigInt(value), 4 + at * 8);
  return extra;
}

function localHeader(entry: ZipEntry): Buffer {
  const extra = Buffer.concat([
    entry.zip64 ? zip64Extra([0, 0]) : Buffer.alloc(0),
    timestampExtra(entry.node.mtime.ns),
  ]);
  const header = Buffer.alloc(30);
  const [time, date] = dosTime(entry.node.mtime.ns);
  header.writeUInt32LE(LOCAL_HEADER, 0);
  header.writeUInt16LE(VERSION, 4);
  header.writeUInt16LE(entry.flags, 6);
  header.writeUInt16LE(entry.method, 8);
  header.writeUInt16LE(time, 10);
  header.writeUInt16LE(date, 12);
  if ((entry.flags & FLAG_DESCRIPTOR) === 0) {
    header.writeUInt32LE(entry.crc, 14);
    header.writeUInt32LE(entry.stored, 18);
    header.writeUInt32LE(entry.size, 22);
  }
  if (entry.zip64) header.fill(0xff, 18, 26);
  header.writeUInt16LE(entry.name.length, 26);
  header.writeUInt16LE(extra.length, 28);
  return Buffer.concat([header, entry.name, extra]);
}

function descriptor(entry: ZipEntry): Buffer {
  const width = entry.zip64 ? 8 : 4;
  const bytes = Buffer.alloc(8 + 2 * width);
  bytes.writeUInt32LE(DESCRIPTOR, 0);
  bytes.writeUInt32LE(entry.crc, 4);
  if (entry.zip64) {
    bytes.writeBigUInt64LE(BigInt(entry.stored), 8);
    bytes.writeBigUInt64LE(BigInt(entry.size), 16);
  } else {
    bytes.writeUInt32LE(entry.stored, 8);
    bytes.writeUInt32LE(entry.size, 12);
  }
  return bytes;
}

function centralHeader(entry: ZipEntry): Buffer {
  const large = [entry.size, entry.stored, entry.offset].filter((value) => value >= MAX_32);
  const extra = Buffer.concat([zip64Extra(large), timestampExtra(entry.node.mtime.ns)]);
  const header = Buffer.alloc(46);
  const [time, date] = dosTime(entry.node.mtime.ns);
  const isFolder = entry.node.type === 'dir';
  header.writeUInt32LE(CENTRAL_HEADER, 0);
  header.writeUInt16LE(MADE_BY_UNIX, 4);
  header.writeUInt16LE(VERSION, 6);
  header.writeUInt16LE(entry.flags, 8);
  header.writeUInt16LE(entry.method, 10);
  header.writeUInt16LE(time, 12);
  header.writeUInt16LE(date, 14);
  header.writeUInt32LE(entry.crc, 16);
  header.writeUInt32LE(Math.min(entry.stored, MAX_32), 20);
  header.writeUInt32LE(Math.min(entry.size, MAX_32), 24);
  header.writeUInt16LE(entry.name.length, 28);
  header.writeUInt16LE(extra.length, 30);
  header.writeUInt32LE(((statModeFromGo(entry.node.mode) << 16) | (isFolder ? 0x10 : 0)) >>> 0, 38);
  header.writeUInt32LE(Math.min(entry.offset, MAX_32), 42);
  return Buffer.concat([header, entry.name, extra]);
}

function endOfDirectory(count: number, size: number, offset: number): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END, 0);
  end.writeUInt16LE(Math.min(count, MAX_16), 8);
  end.writeUInt16LE(Math.min(count, MAX_16), 10);
  end.writeUInt32LE(Math.min(size, MAX_32), 12);
  end.writeUInt32LE(Math.min(offset, MAX_32), 16);
  if (count < MAX_16 && size < MAX_32 && offset < MAX_32) return end;
  const zip64 = Buffer.alloc(56 + 20);
  zip64.writeUInt32LE(ZIP64_END, 0);
  zip64.writeBigUInt64LE(44n, 4);
  zip64.writeUInt16LE(MADE_BY_UNIX, 12);
  zip64.writeUInt16LE(VERSION, 14);
  zip64.writeBigUInt64LE(BigInt(count), 24);
  zip64.writeBigUInt64LE(BigInt(count), 32);
  zip64.writeBigUInt64LE(BigInt(size), 40);
  zip64.writeBigUInt64LE(BigInt(offset), 48);
  zip64.writeUInt32LE(ZIP64_LOCATOR, 56);
  zip64.writeBigUInt64LE(BigInt(offset + size), 64);
  zip64.writeUInt32LE(1, 72);
  return Buffer.concat([zip64, end]);
}
