import { CONTENT_ID_BYTES, TreeScanPhase, TreeScanWord } from '../tree-scan.ts';

const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const DASH = 0x2d;
const DOT = 0x2e;
const SLASH = 0x2f;
const ZERO = 0x30;
const COLON = 0x3a;
const LETTER_T = 0x54;
const LETTER_Z = 0x5a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const CLOSE_BRACE = 0x7d;
const U32_MAX = 0xffff_ffff;
const MAX_DIGITS = 15;
const ID_BYTES = 32;
const NAME_AT = 24;
const HEADER = 60;
const MISSING_BLOB = 0xffff_ffff;
const FILE = 1;
const DIRECTORY = 2;
const SYMLINK = 3;
const DAY_MS = 86_400_000;

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

/** Thrown at bytes that are not of the form, or that are not there; never seen outside. */
const unusual = new Error('unusual tree');

/** `scanTree` of the kernels over `data`, all of a memory. */
export function scanTree(data: Uint8Array, block: number): void {
  new Scan(data, block).run();
}

class Scan {
  readonly #data: Uint8Array;
  readonly #view: DataView;
  readonly #block: number;
  readonly #end: number;
  #at: number;
  #record: number;
  #ids: number;
  #previous: Uint8Array;

  constructor(data: Uint8Array, block: number) {
    this.#data = data;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.#block = block;
    this.#end = this.#word(TreeScanWord.end);
    this.#at = this.#word(TreeScanWord.at);
    this.#record = this.#word(TreeScanWord.records);
    this.#ids = this.#word(TreeScanWord.ids);
    this.#previous = data.slice(block + NAME_AT, block + NAME_AT + this.#word(TreeScanWord.nameLength));
  }

  run(): void {
    try {
      while (this.#word(TreeScanWord.phase) !== TreeScanPhase.behind) this.#step();
    } catch (error) {
      if (error !== unusual) throw error;
    }
  }

  /** Reads an entry with what is before it, or the end of the tree, and notes how far that is. */
  #step(): void {
    const isFirst = this.#word(TreeScanWord.phase) === TreeScanPhase.before;
    if (isFirst) this.#expect(text.start);
    const isEnd = this.#accept(text.end);
    if (!isEnd) {
      if (!isFirst && this.#next() !== COMMA) throw unusual;
      this.#node();
    }
    this.#setWord(TreeScanWord.at, this.#at);
    this.#setWord(TreeScanWord.records, this.#record);
    this.#setWord(TreeScanWord.ids, this.#ids);
    this.#setWord(TreeScanWord.phase, isEnd ? TreeScanPhase.behind : TreeScanPhase.between);
    this.#setWord(TreeScanWord.nameLength, this.#previous.length);
    this.#data.set(this.#previous, this.#block + NAME_AT);
  }

  #node(): void {
    this.#expect(text.name);
    this.#previous = this.#name();
    this.#expect(text.type);
    const kind = this.#kind();
    this.#put32(4, kind | (this.#previous.length << 16));
    this.#put32(8, this.#accept(text.mode) ? permissions(this.#u32()) : 0);
    this.#times();
    this.#owner();
    this.#put32(40, 0);
    const inode = this.#accept(text.inode) ? this.#number() : 0;
    const deviceId = this.#accept(text.deviceId) ? this.#number() : 0;
    const size = this.#accept(text.size) ? this.#number() : 0;
    const links = this.#accept(text.links) ? this.#number() : 0;
    this.#put32(48, Math.min(links, U32_MAX));
    this.#put64(52, kind === FILE ? size : 0);
    const target = kind === SYMLINK ? this.#linkTarget() : new Uint8Array(0);
    const blobs = this.#content(kind);
    let extra = target;
    if (kind === DIRECTORY) extra = this.#subtree();
    if (kind === FILE && links > 1) extra = new Uint8Array(BigUint64Array.of(BigInt(inode), BigInt(deviceId)).buffer);
    if (this.#next() !== CLOSE_BRACE) throw unusual;
    this.#finish(blobs, extra);
  }

  #finish(blobs: number, extra: Uint8Array): void {
    const nameAt = this.#record + HEADER + 4 * blobs;
    const extraAt = nameAt + this.#previous.length;
    const end = extraAt + extra.length;
    const next = this.#record + ((end - this.#record + 7) & ~7);
    this.#put32(0, next - this.#record);
    this.#put32(20, blobs);
    this.#put32(44, extra.length);
    this.#data.set(this.#previous, nameAt);
    this.#data.set(extra, extraAt);
    this.#data.fill(0, end, next);
    this.#record = next;
  }

  /** A name, harmless and behind the one before it, so that none comes twice. */
  #name(): Uint8Array {
    const name = this.#string();
    const isHostile = name.length === 0 || name.includes(SLASH) || (name[0] === DOT && name.length <= 2);
    if (isHostile || name.length > 255 || Buffer.compare(name, this.#previous) <= 0) throw unusual;
    return name;
  }

  #kind(): number {
    if (this.#accept(text.file)) return FILE;
    if (this.#accept(text.dir)) return DIRECTORY;
    if (this.#accept(text.symlink)) return SYMLINK;
    throw unusual;
  }

  #times(): void {
    this.#expect(text.mtime);
    this.#view.setBigInt64(this.#record + 24, this.#time(), true);
    this.#expect(text.atime);
    this.#view.setBigInt64(this.#record + 32, this.#time(), true);
    this.#expect(text.ctime);
    this.#string();
  }

  #owner(): void {
    this.#expect(text.uid);
    this.#put32(12, this.#u32());
    this.#expect(text.gid);
    this.#put32(16, this.#u32());
    if (this.#accept(text.user)) this.#string();
    if (this.#accept(text.group)) this.#string();
  }

  #linkTarget(): Uint8Array {
    this.#expect(text.linkTarget);
    return this.#string();
  }

  #subtree(): Uint8Array {
    this.#expect(text.subtree);
    return this.#id();
  }

  /** Notes the ids of a file's content. Returns how many there are. */
  #content(kind: number): number {
    if (!this.#accept(text.content) || this.#accept(text.null)) return 0;
    if (kind !== FILE || this.#next() !== OPEN_BRACKET) throw unusual;
    if (this.#data[this.#at] === CLOSE_BRACKET) {
      this.#at++;
      return 0;
    }
    for (let blobs = 1; ; blobs++) {
      if (this.#next() !== QUOTE) throw unusual;
      this.#data.set(this.#id(), this.#ids);
      const word = this.#record + HEADER + 4 * (blobs - 1);
      this.#view.setUint32(this.#ids + ID_BYTES, word, true);
      this.#view.setUint32(word, MISSING_BLOB, true);
      this.#ids += CONTENT_ID_BYTES;
      const next = this.#next();
      if (next === CLOSE_BRACKET) return blobs;
      if (next !== COMMA) throw unusual;
    }
  }

  /** 64 hex digits and the closing quote. */
  #id(): Uint8Array {
    const id = new Uint8Array(ID_BYTES);
    for (let i = 0; i < ID_BYTES; i++) {
      const high = hexValues[this.#next()] ?? 255;
      const low = hexValues[this.#next()] ?? 255;
      if ((high | low) > 15) throw unusual;
      id[i] = (high << 4) | low;
    }
    if (this.#next() !== QUOTE) throw unusual;
    return id;
  }

  /** An RFC 3339 time with its closing quote, in nanoseconds. */
  #time(): bigint {
    const year = this.#digits(4);
    const month = this.#digitsAfter(DASH);
    const day = this.#digitsAfter(DASH);
    const hour = this.#digitsAfter(LETTER_T);
    const minute = this.#digitsAfter(COLON);
    const second = this.#digitsAfter(COLON);
    // Before 1678 and after 2261 nanoseconds do not fit 64 bits.
    if (year < 1678 || year > 2261 || hour > 23 || minute > 59 || second > 59) throw unusual;
    const date = new Date(Date.UTC(year, month - 1, day));
    if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) throw unusual;
    const nanoseconds = this.#data[this.#at] === DOT ? this.#fraction() : 0;
    const seconds = (date.getTime() / DAY_MS) * 86_400 + hour * 3600 + minute * 60 + second - this.#offsetSeconds();
    if (this.#next() !== QUOTE) throw unusual;
    return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
  }

  #fraction(): number {
    let nanoseconds = 0;
    const start = ++this.#at;
    for (let unit = 100_000_000; unit >= 1; unit /= 10) {
      const digit = this.#digit();
      if (digit < 0) break;
      nanoseconds += digit * unit;
      this.#at++;
    }
    if (this.#at === start) throw unusual;
    return nanoseconds;
  }

  #offsetSeconds(): number {
    const sign = this.#next();
    if (sign === LETTER_Z) return 0;
    if (sign !== PLUS && sign !== DASH) throw unusual;
    const hour = this.#digits(2);
    const minute = this.#digitsAfter(COLON);
    if (hour > 23 || minute > 59) throw unusual;
    return (hour * 3600 + minute * 60) * (sign === DASH ? -1 : 1);
  }

  #digitsAfter(separator: number): number {
    if (this.#next() !== separator) throw unusual;
    return this.#digits(2);
  }

  #digits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      const digit = this.#digit();
      if (digit < 0) throw unusual;
      value = value * 10 + digit;
      this.#at++;
    }
    return value;
  }

  #number(): number {
    let value = 0;
    const start = this.#at;
    for (let digit = this.#digit(); digit >= 0; digit = this.#digit()) {
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

  /** The value of the next byte as a digit, or -1. */
  #digit(): number {
    const digit = this.#at < this.#end ? (this.#data[this.#at] ?? 0) - ZERO : -1;
    return digit > 9 ? -1 : Math.max(digit, -1);
  }

  /** The bytes of a string of plain ASCII; moves behind its closing quote. */
  #string(): Uint8Array {
    const start = this.#at;
    for (;;) {
      const byte = this.#next();
      if (byte === QUOTE) return this.#data.slice(start, this.#at - 1);
      if (byte < 0x20 || byte === BACKSLASH || byte >= 0x7f) throw unusual;
    }
  }

  #next(): number {
    if (this.#at >= this.#end) throw unusual;
    return this.#data[this.#at++] ?? 0;
  }

  #accept(expected: Uint8Array): boolean {
    if (this.#at + expected.length > this.#end) return false;
    for (let i = 0; i < expected.length; i++) if (this.#data[this.#at + i] !== expected[i]) return false;
    this.#at += expected.length;
    return true;
  }

  #expect(expected: Uint8Array): void {
    if (!this.#accept(expected)) throw unusual;
  }

  #word(word: number): number {
    return this.#view.getUint32(this.#block + 4 * word, true);
  }

  #setWord(word: number, value: number): void {
    this.#view.setUint32(this.#block + 4 * word, value, true);
  }

  /** Puts a number at an offset of the record that is written. */
  #put32(offset: number, value: number): void {
    this.#view.setUint32(this.#record + offset, value, true);
  }

  #put64(offset: number, value: number): void {
    this.#view.setBigUint64(this.#record + offset, BigInt(value), true);
  }
}

/** Permission bits as `stat` has them, from the mode of Go (src/formats/tree/go-mode.ts). */
function permissions(mode: number): number {
  return (mode & 0o777) | (((mode >>> 23) & 1) << 11) | (((mode >>> 22) & 1) << 10) | (((mode >>> 20) & 1) << 9);
}
