// The encoder of the hot path: the same bytes as `encodeNode` (a test holds them together), from numbers
// and binary ids, without strings or objects in between.
import { utf8 } from '../../base/bytes.ts';
import { ID_SIZE } from '../../base/ids.ts';
import { quoteJsonString } from '../go-json.ts';
import { quoteName } from '../go-quote.ts';
import { formatDate, formatOffset } from '../go-time.ts';
import { localOffsetMinutes } from '../local-zone.ts';
import { JsonBytes } from './json-bytes.ts';
import { SplitTime } from '../../base/split-time.ts';
import type { ExtendedAttribute, NodeType } from './node.ts';
import { encodeExtendedAttributes, encodeLinkTarget } from './tree-encoder.ts';

/** What the system tells about a file, in the units of the system calls. */
export interface StatFields {
  readonly name: Uint8Array;
  /** Go's `FileMode` bits; see go-mode.ts. */
  readonly mode: number;
  /** Nanoseconds since the epoch. */
  readonly mtimeNs: bigint;
  readonly atimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly group: string;
  readonly inode: number | bigint;
  readonly deviceId: number | bigint;
  /** `undefined` is the same as none. */
  readonly extendedAttributes?: readonly ExtendedAttribute[] | undefined;
}

export interface LeafFields extends StatFields {
  readonly type: Exclude<NodeType, 'dir'>;
  /** `st_nlink`; 0 is not written. */
  readonly links: number | bigint;
  /** Bytes read; files only. */
  readonly size: number | bigint;
  /** Binary blob ids, 32 bytes each, one after the other; files only. */
  readonly content: Uint8Array;
  /** Symbolic links only. */
  readonly linkTarget?: Uint8Array | undefined;
  /** `st_rdev`; devices only. */
  readonly device?: number | bigint | undefined;
}

export interface NodeWriterOptions {
  /** The zone times are written in. `local`, the default, is what restic does; `utc` is the same on every machine. */
  readonly zone?: 'local' | 'utc';
}

const SECONDS_PER_DAY = 86_400;
const MAX_CACHED_DAYS = 16_384;
/** More than all keys, numbers and times of a node take together. */
const FIXED_SIZE = 1024;
const HEX_ID_SIZE = 2 * ID_SIZE + 3;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const DOT = 0x2e;
const LETTER_T = 0x54;

const NAME = utf8('{"name":');
const MODE = utf8(',"mode":');
const MTIME = utf8(',"mtime":"');
const ATIME = utf8('","atime":"');
const CTIME = utf8('","ctime":"');
const UID = ',"uid":';
const INODE = utf8(',"inode":');
const DEVICE_ID = utf8(',"device_id":');
const SIZE = utf8(',"size":');
const LINKS = utf8(',"links":');
const DEVICE = utf8(',"device":');
const NO_CONTENT = utf8(',"content":null}');
const EMPTY_CONTENT = utf8(',"content":[]}');
const CONTENT_START = utf8(',"content":[');
const CONTENT_END = utf8(']}');
const SUBTREE = utf8(',"content":null,"subtree":"');
const SUBTREE_END = utf8('"}');

const typeFragments: Readonly<Record<NodeType, Uint8Array>> = {
  file: utf8(',"type":"file"'),
  dir: utf8(',"type":"dir"'),
  symlink: utf8(',"type":"symlink"'),
  dev: utf8(',"type":"dev"'),
  chardev: utf8(',"type":"chardev"'),
  fifo: utf8(',"type":"fifo"'),
  socket: utf8(',"type":"socket"'),
  irregular: utf8(',"type":"irregular"'),
};

/**
 * Writes the JSON of nodes into one buffer, one after the other. Take each with `take`, or look at it with
 * `view`, then `clear`.
 */
export class NodeWriter {
  readonly #out = new JsonBytes();
  readonly #isUtc: boolean;
  readonly #split = new SplitTime();
  readonly #dates = new Map<number, Uint8Array>();
  readonly #zones = new Map<number, Uint8Array>();
  #owner: { uid: number; gid: number; user: string; group: string; bytes: Uint8Array } | undefined;

  constructor(options: NodeWriterOptions = {}) {
    this.#isUtc = options.zone === 'utc';
  }

  /** What was written since the last `take` or `clear`, as a copy; clears. */
  take(): Uint8Array {
    const bytes = this.#out.copy();
    this.#out.clear();
    return bytes;
  }

  /** What was written, without a copy: valid until the next write. */
  view(): Uint8Array {
    return this.#out.view();
  }

  clear(): void {
    this.#out.clear();
  }

  /** Bytes written since the last `take` or `clear`. */
  get size(): number {
    return this.#out.size;
  }

  /** Takes back what was written after the first `size` bytes. */
  truncate(size: number): void {
    this.#out.truncate(size);
  }

  /** Adds bytes that are node JSON already. */
  writeEncoded(json: Uint8Array): void {
    this.#out.block(json);
  }

  /** The comma between two nodes of a tree. */
  writeSeparator(): void {
    this.#out.reserve(1);
    this.#out.byte(COMMA);
  }

  /** Anything but a directory. */
  writeLeaf(fields: LeafFields): void {
    this.writeLeafHead(fields);
    const out = this.#out;
    if (fields.type !== 'file') out.raw(NO_CONTENT);
    else if (fields.content.length === 0) out.raw(EMPTY_CONTENT);
    else this.#content(fields.content);
  }

  writeDirectory(fields: StatFields, subtree: Uint8Array): void {
    const out = this.#out;
    this.#stat('dir', fields);
    this.#attributes(fields.extendedAttributes);
    out.raw(SUBTREE);
    out.hex(subtree, 0, ID_SIZE);
    out.raw(SUBTREE_END);
  }

  /**
   * Everything of a leaf before its content, `fields.content` unread. A file whose old node starts with
   * these bytes has not changed, as far as the system tells.
   */
  writeLeafHead(fields: LeafFields): void {
    const out = this.#out;
    this.#stat(fields.type, fields);
    if (fields.type === 'file') this.#number(SIZE, fields.size);
    this.#number(LINKS, fields.links);
    if (fields.type === 'symlink' && fields.linkTarget !== undefined) out.text(encodeLinkTarget(fields.linkTarget));
    this.#attributes(fields.extendedAttributes);
    out.reserve(FIXED_SIZE);
    const isDevice = fields.type === 'dev' || fields.type === 'chardev';
    if (isDevice && fields.device !== undefined) this.#number(DEVICE, fields.device);
  }

  #stat(type: NodeType, fields: StatFields): void {
    const out = this.#out;
    out.reserve(FIXED_SIZE + fields.name.length);
    out.raw(NAME);
    this.#name(fields.name);
    out.raw(typeFragments[type]);
    this.#number(MODE, fields.mode);
    out.raw(MTIME);
    const before = out.size;
    this.#time(fields.mtimeNs);
    const after = out.size;
    out.raw(ATIME);
    if (fields.atimeNs === fields.mtimeNs) out.again(before, after);
    else this.#time(fields.atimeNs);
    out.raw(CTIME);
    this.#time(fields.ctimeNs);
    this.#ownerOf(fields);
    this.#number(INODE, fields.inode);
    this.#number(DEVICE_ID, fields.deviceId);
  }

  #name(name: Uint8Array): void {
    const out = this.#out;
    out.byte(QUOTE);
    if (out.plainName(name)) {
      out.byte(QUOTE);
      return;
    }
    // Without the opening quote, which is there already.
    out.text(quoteJsonString(quoteName(name)).slice(1));
    out.reserve(FIXED_SIZE);
  }

  #number(key: Uint8Array, value: number | bigint): void {
    if (Number(value) === 0) return;
    this.#out.raw(key);
    this.#out.unsigned(value);
  }

  /** Files of one directory mostly have one owner, so the last fragment is kept. */
  #ownerOf({ uid, gid, user, group }: StatFields): void {
    let owner = this.#owner;
    if (owner === undefined || owner.uid !== uid || owner.gid !== gid || owner.user !== user || owner.group !== group) {
      const userText = user === '' ? '' : `,"user":${quoteJsonString(user)}`;
      const groupText = group === '' ? '' : `,"group":${quoteJsonString(group)}`;
      owner = { uid, gid, user, group, bytes: utf8(`"${UID}${uid},"gid":${gid}${userText}${groupText}`) };
      this.#owner = owner;
    }
    this.#out.reserve(FIXED_SIZE + owner.bytes.length);
    this.#out.raw(owner.bytes);
  }

  #time(ns: bigint): void {
    const out = this.#out;
    const { seconds, nanoseconds } = this.#split.of(ns);
    const offset = this.#isUtc ? 0 : localOffsetMinutes(seconds);
    const local = seconds + offset * 60;
    const day = Math.floor(local / SECONDS_PER_DAY);
    const second = local - day * SECONDS_PER_DAY;
    out.raw(this.#dates.get(day) ?? this.#rememberDate(day));
    out.byte(LETTER_T);
    out.padded(second / 3600, 2);
    out.byte(COLON);
    out.padded((second / 60) % 60, 2);
    out.byte(COLON);
    out.padded(second % 60, 2);
    if (nanoseconds !== 0) this.#fraction(nanoseconds);
    out.raw(this.#zones.get(offset) ?? this.#rememberZone(offset));
  }

  #fraction(nanoseconds: number): void {
    let digits = 9;
    let value = nanoseconds;
    while (value % 10 === 0) {
      value /= 10;
      digits--;
    }
    this.#out.byte(DOT);
    this.#out.padded(value, digits);
  }

  #rememberDate(day: number): Uint8Array {
    if (this.#dates.size >= MAX_CACHED_DAYS) this.#dates.clear();
    const bytes = utf8(formatDate(day));
    this.#dates.set(day, bytes);
    return bytes;
  }

  #rememberZone(offset: number): Uint8Array {
    const bytes = utf8(formatOffset(offset));
    this.#zones.set(offset, bytes);
    return bytes;
  }

  #attributes(attributes: readonly ExtendedAttribute[] | undefined): void {
    if (attributes !== undefined && attributes.length > 0) this.#out.text(encodeExtendedAttributes(attributes));
    this.#out.reserve(FIXED_SIZE);
  }

  #content(content: Uint8Array): void {
    const out = this.#out;
    const count = content.length / ID_SIZE;
    if (!Number.isInteger(count)) throw new RangeError(`content of ${content.length} bytes is no list of ids`);
    out.reserve(FIXED_SIZE + count * HEX_ID_SIZE);
    out.raw(CONTENT_START);
    for (let at = 0; at < content.length; at += ID_SIZE) {
      if (at > 0) out.byte(COMMA);
      out.byte(QUOTE);
      out.hex(content, at, at + ID_SIZE);
      out.byte(QUOTE);
    }
    out.raw(CONTENT_END);
  }
}
