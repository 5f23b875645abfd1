// Scans trees in the one form that restic and Cairn write them in into entry records: compact JSON, fields in their
// fixed order, plain ASCII without escapes. src/kernels/tree-scan.ts says what is read and written where;
// src/restorer/records/entry-record.ts is the layout of a record.
import { readId } from './hex';
import { readTimeAt, timeNs } from './tree-time';

// Fields of the block that a call is given.
const AT: usize = 0;
const END: usize = 4;
const RECORDS: usize = 8;
const IDS: usize = 12;
const PHASE: usize = 16;
const PREVIOUS_LENGTH: usize = 20;
const PREVIOUS: usize = 24;
const GUARD: usize = 128;

const BEFORE_NODES: u32 = 0;
const BETWEEN_NODES: u32 = 1;
const BEHIND_NODES: u32 = 2;

const FILE: u32 = 1;
const DIRECTORY: u32 = 2;
const SYMLINK: u32 = 3;

const HEADER: usize = 60;
const MISSING_BLOB: u32 = 0xffffffff;
const ID_BYTES: usize = 32;
const ID_DIGITS: usize = 64;

const QUOTE: u32 = 0x22;
const COMMA: u32 = 0x2c;
const DOT: u32 = 0x2e;
const SLASH: u32 = 0x2f;
const OPEN_BRACKET: u32 = 0x5b;
const BACKSLASH: u32 = 0x5c;
const CLOSE_BRACKET: u32 = 0x5d;
const CLOSE_BRACE: u32 = 0x7d;

// What stands between the values, as little-endian words: the first eight bytes, and for longer ones the last eight.
const START: u64 = 0x227365646f6e227b; //        `{"nodes":[`
const START_END: u64 = 0x5b3a227365646f6e;
const NODES_END: u32 = 0x0a7d5d; //              `]}` and a line feed
const NAME: u64 = 0x3a22656d616e227b; //         `{"name":"`
const NAME_END: u64 = 0x223a22656d616e22;
const TYPE: u64 = 0x3a2265707974222c; //         `,"type":"`
const TYPE_END: u64 = 0x223a226570797422;
const MODE: u64 = 0x3a2265646f6d222c; //         `,"mode":`
const MTIME: u64 = 0x22656d69746d222c; //        `,"mtime":"`
const MTIME_END: u64 = 0x223a22656d69746d;
const ATIME: u64 = 0x22656d697461222c; //        `,"atime":"`
const ATIME_END: u64 = 0x223a22656d697461;
const CTIME: u64 = 0x22656d697463222c; //        `,"ctime":"`
const CTIME_END: u64 = 0x223a22656d697463;
const UID: u64 = 0x3a22646975222c; //            `,"uid":`
const GID: u64 = 0x3a22646967222c; //            `,"gid":`
const USER: u64 = 0x3a2272657375222c; //         `,"user":"`
const USER_END: u64 = 0x223a227265737522;
const GROUP: u64 = 0x2270756f7267222c; //        `,"group":"`
const GROUP_END: u64 = 0x223a2270756f7267;
const INODE: u64 = 0x2265646f6e69222c; //        `,"inode":`
const INODE_END: u64 = 0x3a2265646f6e6922;
const DEVICE: u64 = 0x656369766564222c; //       `,"device_id":`
const DEVICE_END: u64 = 0x3a2264695f656369;
const SIZE: u64 = 0x3a22657a6973222c; //         `,"size":`
const LINKS: u64 = 0x22736b6e696c222c; //        `,"links":`
const LINKS_END: u64 = 0x3a22736b6e696c22;
const TARGET: u64 = 0x61746b6e696c222c; //       `,"linktarget":"`
const TARGET_END: u64 = 0x223a227465677261;
const CONTENT: u64 = 0x6e65746e6f63222c; //      `,"content":`
const CONTENT_END: u64 = 0x3a22746e65746e6f;
const SUBTREE: u64 = 0x657274627573222c; //      `,"subtree":"`
const SUBTREE_END: u64 = 0x223a226565727462;
const IS_FILE: u64 = 0x22656c6966; //            `file"`
const IS_DIRECTORY: u32 = 0x22726964; //         `dir"`
const IS_SYMLINK: u64 = 0x226b6e696c6d7973; //   `symlink"`
const NULL: u32 = 0x6c6c756e; //                 `null`

const LOW_7: u64 = 0x00ffffffffffffff;
const LOW_5: u64 = 0x000000ffffffffff;

const MAX_DIGITS: usize = 15;
const U32_MAX: u64 = 0xffffffff;

/** The next byte to be read. */
let at: usize = 0;
/** Where the next record and the next id go. */
let record: usize = 0;
let id: usize = 0;
/** The name before the one that is read. */
let previous: usize = 0;
let previousEnd: usize = 0;
/** What `readNumber` and `readTime` read. */
let number: u64 = 0;
let time: i64 = 0;

@inline
function byte(): u32 {
  return load<u8>(at);
}

/** Moves over a key of up to 16 bytes, if it is there. */
@inline
function accept(first: u64, last: u64, length: usize): bool {
  if (load<u64>(at) != first || load<u64>(at + length - 8) != last) return false;
  at += length;
  return true;
}

/** Moves over a key of eight bytes, if it is there. */
@inline
function accept8(key: u64): bool {
  if (load<u64>(at) != key) return false;
  at += 8;
  return true;
}

/** Moves over a key of seven bytes, if it is there. */
@inline
function accept7(key: u64): bool {
  if ((load<u64>(at) & LOW_7) != key) return false;
  at += 7;
  return true;
}

/** Moves behind the closing quote of a string of plain ASCII. */
function skipString(): bool {
  let next = byte();
  for (; next != QUOTE; next = byte()) {
    if (next < 0x20 || next == BACKSLASH || next >= 0x7f) return false;
    at++;
  }
  at++;
  return true;
}

/** Longer numbers than fit a double are not read. */
function readNumber(): bool {
  const start = at;
  let value: u64 = 0;
  for (;;) {
    const digit = byte() - 0x30;
    if (digit > 9) break;
    value = value * 10 + digit;
    at++;
  }
  number = value;
  return at != start && at - start <= MAX_DIGITS;
}

@inline
function readU32(): bool {
  return readNumber() && number <= U32_MAX;
}

/** The number of an absent field is 0. */
@inline
function readOptional(first: u64, last: u64, length: usize): bool {
  number = 0;
  return !accept(first, last, length) || readNumber();
}

/** An RFC 3339 time with its closing quote. */
function readTime(): bool {
  const end = readTimeAt(at);
  if (end == 0) return false;
  at = end;
  time = timeNs;
  return true;
}

/** Reads a name. It has to be harmless and behind the one before it, so that none comes twice. */
function readName(): bool {
  const start = at;
  for (let next = byte(); next != QUOTE; next = byte()) {
    if (next < 0x20 || next == BACKSLASH || next >= 0x7f || next == SLASH) return false;
    at++;
  }
  const end = at++;
  const size = end - start;
  if (size == 0 || size > 255 || (load<u8>(start) == DOT && size <= 2)) return false;
  let before = previous;
  let here = start;
  while (before < previousEnd && here < end && load<u8>(before) == load<u8>(here)) {
    before++;
    here++;
  }
  if (here == end || (before < previousEnd && load<u8>(here) < load<u8>(before))) return false;
  previous = start;
  previousEnd = end;
  return true;
}

/** The kind of an entry, or 0. */
function readKind(): u32 {
  if (!accept(TYPE, TYPE_END, 9)) return 0;
  const text = load<u64>(at);
  if ((text & LOW_5) == IS_FILE) {
    at += 5;
    return FILE;
  }
  if (<u32>text == IS_DIRECTORY) {
    at += 4;
    return DIRECTORY;
  }
  if (text != IS_SYMLINK) return 0;
  at += 8;
  return SYMLINK;
}

/** Permission bits as `stat` has them, from the mode of Go (src/formats/tree/go-mode.ts). */
function readMode(): bool {
  let mode: u32 = 0;
  if (accept8(MODE)) {
    if (!readU32()) return false;
    const go = <u32>number;
    mode = (go & 0o777) | (((go >> 23) & 1) << 11) | (((go >> 22) & 1) << 10) | (((go >> 20) & 1) << 9);
  }
  store<u32>(record, mode, 8);
  return true;
}

function readTimes(): bool {
  if (!accept(MTIME, MTIME_END, 10) || !readTime()) return false;
  store<i64>(record, time, 24);
  if (!accept(ATIME, ATIME_END, 10) || !readTime()) return false;
  store<i64>(record, time, 32);
  return accept(CTIME, CTIME_END, 10) && skipString();
}

function readOwner(): bool {
  if (!accept7(UID) || !readU32()) return false;
  store<u32>(record, <u32>number, 12);
  if (!accept7(GID) || !readU32()) return false;
  store<u32>(record, <u32>number, 16);
  if (accept(USER, USER_END, 9) && !skipString()) return false;
  return !accept(GROUP, GROUP_END, 10) || skipString();
}

/** Reads the ids of a file's content, if it has some; it is for the caller to fill the words of the record. */
function readContent(kind: u32): bool {
  let words = record + HEADER;
  let count: u32 = 0;
  if (accept(CONTENT, CONTENT_END, 11)) {
    if (load<u32>(at) == NULL) at += 4;
    else {
      if (kind != FILE || byte() != OPEN_BRACKET) return false;
      at++;
      if (byte() == CLOSE_BRACKET) at++;
      else {
        for (;;) {
          if (byte() != QUOTE || !readId(at + 1, id) || load<u8>(at, ID_DIGITS + 1) != QUOTE) return false;
          store<u32>(id, <u32>words, ID_BYTES);
          store<u32>(words, MISSING_BLOB);
          id += ID_BYTES + 4;
          words += 4;
          count++;
          const next = <u32>load<u8>(at, ID_DIGITS + 2);
          at += ID_DIGITS + 3;
          if (next == CLOSE_BRACKET) break;
          if (next != COMMA) return false;
        }
      }
    }
  }
  store<u32>(record, count, 20);
  return true;
}

/** Writes the end of a record: its name, which is `previous` by now, and what `extra` tells. */
function finishRecord(kind: u32, extra: usize, extraLength: usize): void {
  const nameLength = previousEnd - previous;
  const start = record + HEADER + ((<usize>load<u32>(record, 20)) << 2);
  memory.copy(start, previous, nameLength);
  if (kind == SYMLINK) memory.copy(start + nameLength, extra, extraLength);
  let end = start + nameLength + extraLength;
  const next = record + ((end - record + 7) & ~7);
  while (end < next) store<u8>(end++, 0);
  store<u32>(record, <u32>(next - record));
  store<u32>(record, kind | (<u32>nameLength << 16), 4);
  store<u32>(record, 0, 40);
  store<u32>(record, <u32>extraLength, 44);
  record = next;
}

/** Reads what a symlink, a file and a directory have of their own, and ends the record. */
function readKindFields(kind: u32, inode: u64, device: u64, links: u64): bool {
  let extra: usize = 0;
  let extraLength: usize = 0;
  if (kind == SYMLINK) {
    if (!accept(TARGET, TARGET_END, 15)) return false;
    extra = at;
    if (!skipString()) return false;
    extraLength = at - 1 - extra;
  }
  if (!readContent(kind)) return false;
  const place = record + HEADER + ((<usize>load<u32>(record, 20)) << 2) + (previousEnd - previous);
  if (kind == DIRECTORY) {
    if (!accept(SUBTREE, SUBTREE_END, 12)) return false;
    if (!readId(at, place) || load<u8>(at, ID_DIGITS) != QUOTE) return false;
    at += ID_DIGITS + 1;
    extraLength = ID_BYTES;
  } else if (kind == FILE && links > 1) {
    store<u64>(place, inode);
    store<u64>(place, device, 8);
    extraLength = 16;
  }
  if (byte() != CLOSE_BRACE) return false;
  at++;
  finishRecord(kind, extra, extraLength);
  return true;
}

function readNode(): bool {
  if (!accept(NAME, NAME_END, 9) || !readName()) return false;
  const kind = readKind();
  if (kind == 0 || !readMode() || !readTimes() || !readOwner()) return false;
  if (!readOptional(INODE, INODE_END, 9)) return false;
  const inode = number;
  if (!readOptional(DEVICE, DEVICE_END, 13)) return false;
  const device = number;
  if (!readOptional(SIZE, SIZE, 8)) return false;
  store<u64>(record, kind == FILE ? number : 0, 52);
  if (!readOptional(LINKS, LINKS_END, 9)) return false;
  const links = number;
  store<u32>(record, links > U32_MAX ? <u32>U32_MAX : <u32>links, 48);
  return readKindFields(kind, inode, device, links);
}

/** Reads whole entries until one is not there as a whole or not of the form. */
export function scanTree(block: usize): void {
  const end = <usize>load<u32>(block, END);
  // Nothing that is read may be a zero byte, so whatever is cut off ends here.
  memory.fill(end, 0, GUARD);
  at = load<u32>(block, AT);
  record = load<u32>(block, RECORDS);
  id = load<u32>(block, IDS);
  previous = block + PREVIOUS;
  previousEnd = previous + <usize>load<u32>(block, PREVIOUS_LENGTH);
  let phase = load<u32>(block, PHASE);
  // Names, records and ids of an entry count only when all of it was read.
  let stop = at;
  let name = previous;
  let nameEnd = previousEnd;
  let ids = id;
  while (phase != BEHIND_NODES) {
    const isFirst = phase == BEFORE_NODES;
    if (isFirst && !accept(START, START_END, 10)) break;
    if ((load<u32>(at) & 0xffffff) == NODES_END) {
      phase = BEHIND_NODES;
      stop = at + 3;
      break;
    }
    if (!isFirst) {
      if (byte() != COMMA) break;
      at++;
    }
    if (!readNode()) break;
    phase = BETWEEN_NODES;
    stop = at;
    name = previous;
    nameEnd = previousEnd;
    ids = id;
  }
  store<u32>(block, <u32>stop, AT);
  store<u32>(block, <u32>record, RECORDS);
  store<u32>(block, <u32>ids, IDS);
  store<u32>(block, phase, PHASE);
  store<u32>(block, <u32>(nameEnd - name), PREVIOUS_LENGTH);
  memory.copy(block + PREVIOUS, name, nameEnd - name);
}
