// Decodes the trees that restic and Cairn write straight into records, without an object per entry:
// compact JSON, fields in their fixed order, names and owners in plain ASCII without escapes, no extended
// attributes. Anything else is left to the general decoder, tree by tree.
import { BLOB_DATA, type BlobIndex } from '../../repository/index/blob-index.ts';
import { ID_SIZE } from '../../base/ids.ts';
import { civilFromDays, daysFromCivil } from '../../formats/civil-date.ts';
import { statModeFromGo } from '../../formats/tree/go-mode.ts';
import { EntryKind, MISSING_BLOB } from '../records/entry-record.ts';
import type { RecordFields, RecordWriter } from './record-writer.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SLASH = 0x2f;
const DOT = 0x2e;
const COMMA = 0x2c;
const ZERO = 0x30;
const DASH = 0x2d;
const PLUS = 0x2b;
const COLON = 0x3a;
const LETTER_T = 0x54;
const LETTER_Z = 0x5a;
const U32_MAX = 0xffff_ffff;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const CLOSE_BRACE = 0x7d;
const MAX_DIGITS = 15;
const HEX_ID = 2 * ID_SIZE;

const literal = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const text = {
  start: literal('{"nodes":['),
  end: literal(']}\n'),
  name: literal('{"name":"'),
  type: literal(',"type":"'),
  mode: literal(',"mode":'),
  mtime: literal(',"mtime":"'),
  atime: literal(',"atime":"'),
  ctime: literal(',"ctime":"'),
  uid: literal(',"uid":'),
  gid: literal(',"gid":'),
  user: literal(',"user":"'),
  group: literal(',"group":"'),
  inode: literal(',"inode":'),
  deviceId: literal(',"device_id":'),
  size: literal(',"size":'),
  links: literal(',"links":'),
  linkTarget: literal(',"linktarget":"'),
  content: literal(',"content":'),
  null: literal('null'),
  subtree: literal(',"subtree":"'),
  file: literal('file"'),
  dir: literal('dir"'),
  symlink: literal('symlink"'),
};

// Value of a lower-case hex digit, 255 for other bytes.
const hexValues = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(byte));
  return value < 0 ? 255 : value;
});

const noBytes = new Uint8Array(0);

/** Thrown to leave the tree to the general decoder; never seen outside. */
const unusual = new Error('unusual tree');

/** Scans trees with one set of buffers. */
export class TreeScanner {
  readonly #index: Pick<BlobIndex, 'find'>;
  readonly #writer: RecordWriter;
  readonly #id = new Uint8Array(ID_SIZE);
  readonly #fields: RecordFields;
  #bytes: Uint8Array = noBytes;
  #at = 0;
  #previousStart = 0;
  #previousEnd = 0;
  #timeSeconds = 0;
  #timeNanoseconds = 0;

  constructor(index: Pick<BlobIndex, 'find'>, writer: RecordWriter) {
    this.#index = index;
    this.#writer = writer;
    this.#fields = {
      kind: 0,
      mode: 0,
      uid: 0,
      gid: 0,
      links: 0,
      mtimeSeconds: 0,
      mtimeNanoseconds: 0,
      atimeSeconds: 0,
      atimeNanoseconds: 0,
      size: 0,
      inode: 0,
      deviceId: 0,
      blobs: [],
      name: noBytes,
      extra: noBytes,
    };
  }

  /** Appends the entries of a tree to the writer. Returns false, with nothing appended, for an unusual tree. */
  scan(bytes: Uint8Array): boolean {
    const { length } = this.#writer;
    this.#bytes = bytes;
    this.#at = 0;
    this.#previousStart = 0;
    this.#previousEnd = 0;
    try {
      this.#expect(text.start);
      if (bytes[this.#at] !== CLOSE_BRACKET) {
        for (;;) {
          this.#node();
          if (bytes[this.#at] !== COMMA) break;
          this.#at++;
        }
      }
      this.#expect(text.end);
      if (this.#at !== bytes.length) throw unusual;
      return true;
    } catch (error) {
      if (error !== unusual) throw error;
      this.#writer.truncate(length);
      return false;
    }
  }

  #node(): void {
    const fields = this.#fields;
    this.#expect(text.name);
    const start = this.#at;
    this.#skipString();
    fields.name = this.#bytes.subarray(start, this.#at - 1);
    this.#checkName(start, this.#at - 1);
    this.#expect(text.type);
    fields.kind = this.#kind();
    fields.mode = this.#accept(text.mode) ? statModeFromGo(this.#u32()) & 0o7777 : 0;
    this.#times();
    this.#owner();
    fields.inode = this.#accept(text.inode) ? this.#number() : 0;
    fields.deviceId = this.#accept(text.deviceId) ? this.#number() : 0;
    fields.size = this.#accept(text.size) ? this.#number() : 0;
    fields.links = this.#accept(text.links) ? this.#number() : 0;
    this.#kindFields();
    if (this.#bytes[this.#at++] !== CLOSE_BRACE) throw unusual;
    this.#writer.addFields(fields);
  }

  #kind(): number {
    if (this.#accept(text.file)) return EntryKind.file;
    if (this.#accept(text.dir)) return EntryKind.directory;
    if (this.#accept(text.symlink)) return EntryKind.symlink;
    throw unusual;
  }

  #times(): void {
    const fields = this.#fields;
    this.#expect(text.mtime);
    this.#time();
    fields.mtimeSeconds = this.#timeSeconds;
    fields.mtimeNanoseconds = this.#timeNanoseconds;
    this.#expect(text.atime);
    this.#time();
    fields.atimeSeconds = this.#timeSeconds;
    fields.atimeNanoseconds = this.#timeNanoseconds;
    this.#expect(text.ctime);
    this.#skipString();
  }

  #owner(): void {
    this.#expect(text.uid);
    this.#fields.uid = this.#u32();
    this.#expect(text.gid);
    this.#fields.gid = this.#u32();
    if (this.#accept(text.user)) this.#skipString();
    if (this.#accept(text.group)) this.#skipString();
  }

  #kindFields(): void {
    const fields = this.#fields;
    fields.blobs.length = 0;
    fields.extra = noBytes;
    if (fields.kind === EntryKind.symlink) {
      this.#expect(text.linkTarget);
      const start = this.#at;
      this.#skipString();
      fields.extra = this.#bytes.subarray(start, this.#at - 1);
    }
    if (this.#accept(text.content) && !this.#accept(text.null)) {
      if (fields.kind !== EntryKind.file) throw unusual;
      this.#content();
    }
    if (fields.kind !== EntryKind.directory) return;
    this.#expect(text.subtree);
    this.#readId();
    fields.extra = this.#id;
  }

  #content(): void {
    const bytes = this.#bytes;
    if (bytes[this.#at++] !== OPEN_BRACKET) throw unusual;
    if (bytes[this.#at] === CLOSE_BRACKET) {
      this.#at++;
      return;
    }
    for (;;) {
      if (bytes[this.#at++] !== QUOTE) throw unusual;
      this.#readId();
      const record = this.#index.find(BLOB_DATA, this.#id);
      this.#fields.blobs.push(record < 0 ? MISSING_BLOB : record);
      const next = bytes[this.#at++];
      if (next === CLOSE_BRACKET) return;
      if (next !== COMMA) throw unusual;
    }
  }

  /** 64 hex digits and the closing quote. */
  #readId(): void {
    const bytes = this.#bytes;
    let bad = 0;
    for (let i = 0, at = this.#at; i < ID_SIZE; i++, at += 2) {
      const high = hexValues[bytes[at] ?? 0] ?? 255;
      const low = hexValues[bytes[at + 1] ?? 0] ?? 255;
      bad |= high | low;
      this.#id[i] = (high << 4) | low;
    }
    this.#at += HEX_ID + 1;
    if (bad > 15 || bytes[this.#at - 1] !== QUOTE) throw unusual;
  }

  /** An RFC 3339 time with its closing quote, into `#timeSeconds` and `#timeNanoseconds`. */
  #time(): void {
    const at = this.#at;
    const day = this.#day(at);
    const [hour, minute, second] = [this.#digits(at + 11, 2), this.#digits(at + 14, 2), this.#digits(at + 17, 2)];
    if (hour > 23 || minute > 59 || second > 59) throw unusual;
    this.#at = at + 19;
    this.#timeNanoseconds = this.#bytes[this.#at] === DOT ? this.#fraction() : 0;
    this.#timeSeconds = day * 86_400 + hour * 3600 + minute * 60 + second - this.#offsetSeconds();
    if (this.#bytes[this.#at++] !== QUOTE) throw unusual;
  }

  #day(at: number): number {
    const date = { year: this.#digits(at, 4), month: this.#digits(at + 5, 2), day: this.#digits(at + 8, 2) };
    // Before 1678 and after 2261 nanoseconds do not fit 64 bits.
    if (date.year < 1678 || date.year > 2261 || date.month < 1 || date.month > 12) throw unusual;
    const days = daysFromCivil(date);
    if (date.day > 28 && civilFromDays(days).day !== date.day) throw unusual;
    const bytes = this.#bytes;
    const separated =
      bytes[at + 4] === DASH &&
      bytes[at + 7] === DASH &&
      bytes[at + 10] === LETTER_T &&
      bytes[at + 13] === COLON &&
      bytes[at + 16] === COLON;
    if (!separated || date.day < 1) throw unusual;
    return days;
  }

  #fraction(): number {
    let nanoseconds = 0;
    const start = ++this.#at;
    for (let unit = 100_000_000; unit >= 1; unit /= 10) {
      const digit = (this.#bytes[this.#at] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) break;
      nanoseconds += digit * unit;
      this.#at++;
    }
    if (this.#at === start) throw unusual;
    return nanoseconds;
  }

  #offsetSeconds(): number {
    const sign = this.#bytes[this.#at++];
    if (sign === LETTER_Z) return 0;
    if ((sign !== PLUS && sign !== DASH) || this.#bytes[this.#at + 2] !== COLON) throw unusual;
    const hour = this.#digits(this.#at, 2);
    const minute = this.#digits(this.#at + 3, 2);
    if (hour > 23 || minute > 59) throw unusual;
    this.#at += 5;
    return (hour * 3600 + minute * 60) * (sign === DASH ? -1 : 1);
  }

  #digits(at: number, count: number): number {
    let value = 0;
    for (let i = at; i < at + count; i++) {
      const digit = (this.#bytes[i] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) throw unusual;
      value = value * 10 + digit;
    }
    return value;
  }

  #number(): number {
    let value = 0;
    const start = this.#at;
    for (;;) {
      const digit = (this.#bytes[this.#at] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      this.#at++;
    }
    // Longer numbers may not fit a double.
    if (this.#at === start || this.#at - start > MAX_DIGITS) throw unusual;
    return value;
  }

  #u32(): number {
    const value = this.#number();
    if (value > U32_MAX) throw unusual;
    return value;
  }

  /** Moves behind the closing quote of a string of plain ASCII. */
  #skipString(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    for (;;) {
      const byte = bytes[at++] ?? 0;
      if (byte === QUOTE) break;
      if (byte < 0x20 || byte === BACKSLASH || byte >= 0x7f) throw unusual;
    }
    this.#at = at;
  }

  /** Names have to be harmless and in ascending order, so that none comes twice. */
  #checkName(start: number, end: number): void {
    const bytes = this.#bytes;
    const size = end - start;
    if (size === 0 || size > 255 || (bytes[start] === DOT && size <= 2)) throw unusual;
    for (let at = start; at < end; at++) if (bytes[at] === SLASH) throw unusual;
    let previous = this.#previousStart;
    let at = start;
    while (previous < this.#previousEnd && at < end && bytes[previous] === bytes[at]) {
      previous++;
      at++;
    }
    const isAfter = at < end && (previous === this.#previousEnd || (bytes[at] ?? 0) > (bytes[previous] ?? 0));
    if (!isAfter) throw unusual;
    this.#previousStart = start;
    this.#previousEnd = end;
  }

  #accept(expected: Uint8Array): boolean {
    for (let i = 0; i < expected.length; i++) if (this.#bytes[this.#at + i] !== expected[i]) return false;
    this.#at += expected.length;
    return true;
  }

  #expect(expected: Uint8Array): void {
    if (!this.#accept(expected)) throw unusual;
  }
}
