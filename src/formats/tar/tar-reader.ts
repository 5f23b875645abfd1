// Reads a tar stream: ustar, pax (also GNU's long names and large numbers), in pieces of any size. `tar-header.ts` has the
// layout. Everything in it is hostile until checked: sizes are bounded before memory is taken for them.
import { asBuffer } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import { recordKeys } from '../../base/record-keys.ts';
import { deviceNumber } from './device-number.ts';
import { type PaxOverrides, parsePaxRecords, parsePaxTime } from './pax-records.ts';
import type { TarEntry, TarKind } from './tar-entry.ts';
import { TAR_BLOCK, tarPadding, tarTypes } from './tar-header.ts';

/** Told what the stream holds, in its order. */
export interface TarVisitor {
  readonly entry: (entry: TarEntry) => void;
  /** Content of the entry told last; its memory is the reader's and changes afterwards. */
  readonly data: (bytes: Uint8Array) => void;
  /** All content of the entry told last has been told. */
  readonly end: () => void;
  /** An entry of a kind that is not known here, with its content skipped. */
  readonly unknown: (name: Uint8Array, why: string) => void;
}

/** No file system has names or attributes of more than this. */
const MAX_EXTENSION = 1024 * 1024;
const noOverrides: PaxOverrides = { values: new Map(), xattrs: [] };
const kindsByType: ReadonlyMap<string, TarKind> = new Map([
  ...recordKeys(tarTypes).map((kind) => [tarTypes[kind], kind] as const),
  ['\0', 'file'],
  ['7', 'file'],
]);

type Collecting = { readonly kind: 'pax' | 'global' | 'longName' | 'longLink'; readonly bytes: Buffer; used: number };

export class TarReader {
  readonly #visitor: TarVisitor;
  readonly #block = Buffer.alloc(TAR_BLOCK);
  #blockUsed = 0;
  /** Bytes of content still to come, and zeros behind them. */
  #left = 0;
  #padding = 0;
  #open = false;
  /** Blocks of a map stand between the header of a sparse file and its content. */
  #inSparseMap = false;
  #collecting: Collecting | undefined;
  #global: PaxOverrides = noOverrides;
  #pax: PaxOverrides | undefined;
  #longName: Uint8Array | undefined;
  #longLink: Uint8Array | undefined;
  #zeroBlocks = 0;

  constructor(visitor: TarVisitor) {
    this.#visitor = visitor;
  }

  /** Whether the end of the stream was seen; what follows it is ignored, as tar does. */
  get ended(): boolean {
    return this.#zeroBlocks >= 2;
  }

  /** Throws `FORMAT_INVALID`, and what the visitor throws. */
  push(input: Uint8Array): void {
    let at = 0;
    while (at < input.length && !this.ended) {
      if (this.#left > 0 && !this.#inSparseMap) at += this.#takeContent(input.subarray(at));
      else if (this.#padding > 0 && !this.#inSparseMap) {
        const skipped = Math.min(this.#padding, input.length - at);
        this.#padding -= skipped;
        at += skipped;
      } else {
        const taken = Math.min(TAR_BLOCK - this.#blockUsed, input.length - at);
        this.#block.set(input.subarray(at, at + taken), this.#blockUsed);
        this.#blockUsed += taken;
        at += taken;
        if (this.#blockUsed === TAR_BLOCK) this.#takeBlock();
      }
    }
  }

  /** Throws `FORMAT_INVALID` where the stream ends before its end. A stream without the closing zeros is let pass, as tar does. */
  end(): void {
    if (this.ended) return;
    if (this.#left > 0 || this.#blockUsed > 0 || this.#pax !== undefined || this.#longName !== undefined) {
      throw new CairnError('FORMAT_INVALID', 'the tar stream ends in the middle of an entry');
    }
  }

  #takeContent(input: Uint8Array): number {
    const taken = Math.min(this.#left, input.length);
    const part = input.subarray(0, taken);
    if (this.#collecting !== undefined) {
      this.#collecting.bytes.set(part, this.#collecting.used);
      this.#collecting.used += taken;
    } else if (this.#open) this.#visitor.data(part);
    this.#left -= taken;
    if (this.#left === 0) this.#endContent();
    return taken;
  }

  #endContent(): void {
    const collected = this.#collecting;
    this.#collecting = undefined;
    if (collected !== undefined) this.#takeExtension(collected);
    else if (this.#open) {
      this.#open = false;
      this.#visitor.end();
    }
  }

  #takeExtension({ kind, bytes }: Collecting): void {
    if (kind === 'pax') this.#pax = parsePaxRecords(bytes);
    else if (kind === 'global') this.#global = merged(this.#global, parsePaxRecords(bytes));
    else if (kind === 'longName') this.#longName = untilZero(bytes);
    else this.#longLink = untilZero(bytes);
  }

  #takeBlock(): void {
    this.#blockUsed = 0;
    if (this.#inSparseMap) {
      // "isextended", behind 21 pieces of 24 bytes (GNU tar, `struct sparse_header`).
      this.#inSparseMap = this.#block[504] !== 0;
      return;
    }
    if (this.#block.every((byte) => byte === 0)) {
      this.#zeroBlocks++;
      return;
    }
    this.#zeroBlocks = 0;
    checkChecksum(this.#block);
    const type = String.fromCharCode(this.#block[156] ?? 0);
    const size = sizeOf(this.#block);
    const extension = extensionKinds.get(type);
    if (extension !== undefined) this.#startExtension(extension, size);
    else this.#startEntry(type, size);
  }

  #startExtension(kind: Collecting['kind'], size: bigint): void {
    if (size > MAX_EXTENSION) throw new CairnError('FORMAT_INVALID', `a header of the tar stream has ${size} bytes`);
    this.#collecting = { kind, bytes: Buffer.alloc(Number(size)), used: 0 };
    this.#left = Number(size);
    this.#padding = tarPadding(size);
    if (this.#left === 0) this.#endContent();
  }

  #startEntry(type: string, headerSize: bigint): void {
    const { values, xattrs } = this.#overrides();
    const given = values.get('size');
    const size = given === undefined ? headerSize : paxNumber(given);
    const name = this.#longName ?? textOf(values.get('path')) ?? headerName(this.#block);
    const linkName = this.#longLink ?? textOf(values.get('linkpath')) ?? field(this.#block, 157, 100);
    this.#pax = this.#longName = this.#longLink = undefined;
    const known = kindsByType.get(type);
    // Its versions have no key in common.
    const sparse = type === 'S' || [...values.keys()].some((key) => key.startsWith('GNU.sparse.'));
    // Old writers mark a folder by the slash at the end of its name.
    const kind = known === 'file' && name.at(-1) === 0x2f ? 'dir' : known;
    const hasContent = kind === undefined || kind === 'file' || sparse;
    // A link may carry the size of its target, and still has no content.
    const content = hasContent || kind === 'dir' ? size : 0n;
    if (content > BigInt(Number.MAX_SAFE_INTEGER)) throw new CairnError('FORMAT_INVALID', 'a tar entry is too large');
    this.#left = Number(content);
    this.#padding = tarPadding(content);
    if (kind === undefined || sparse) {
      // In GNU's old sparse form, a long map continues in blocks that the size does not count.
      this.#inSparseMap = type === 'S' && this.#block[482] !== 0;
      this.#visitor.unknown(
        name,
        sparse ? 'it is stored in GNU tar’s sparse form' : `its type is ${JSON.stringify(type)}`,
      );
      return;
    }
    this.#visitor.entry({
      ...this.#stat(values),
      kind,
      name,
      linkName: isLink(kind) ? linkName : noBytes,
      sizeBytes: kind === 'file' ? size : 0n,
      xattrs,
    });
    if (this.#left > 0) this.#open = kind === 'file';
    else this.#visitor.end();
  }

  #overrides(): PaxOverrides {
    const pax = this.#pax ?? noOverrides;
    const { values } = merged(this.#global, pax);
    // An empty value takes back what was said; the field of the header counts again (POSIX, pax "Extended Header").
    return { values: new Map([...values].filter(([, value]) => value !== '')), xattrs: pax.xattrs };
  }

  #stat(values: ReadonlyMap<string, string>): Omit<TarEntry, 'kind' | 'name' | 'linkName' | 'sizeBytes' | 'xattrs'> {
    const block = this.#block;
    const mtime = values.get('mtime');
    const id = (key: string, offset: number): number => {
      const value = values.get(key);
      return Number(value === undefined ? number(block, offset, 8) : paxNumber(value)) >>> 0;
    };
    const name = (key: string, offset: number): string => {
      const bytes = textOf(values.get(key)) ?? field(block, offset, 32);
      return asBuffer(bytes).toString('utf8');
    };
    const type = String.fromCharCode(block[156] ?? 0);
    return {
      mode: Number(number(block, 100, 8)) & 0o7777,
      uid: id('uid', 108),
      gid: id('gid', 116),
      user: name('uname', 265),
      group: name('gname', 297),
      mtimeNs: mtime === undefined ? number(block, 136, 12) * 1_000_000_000n : parsePaxTime(mtime),
      device: type === '3' || type === '4' ? deviceNumber(number(block, 329, 8), number(block, 337, 8)) : 0n,
    };
  }
}

const noBytes = new Uint8Array(0);
const extensionKinds: ReadonlyMap<string, Collecting['kind']> = new Map([
  ['x', 'pax'],
  ['g', 'global'],
  ['L', 'longName'],
  ['K', 'longLink'],
]);

function isLink(kind: TarKind): boolean {
  return kind === 'hardlink' || kind === 'symlink';
}

function checkChecksum(block: Uint8Array): void {
  let sum = 0;
  for (let at = 0; at < TAR_BLOCK; at++) sum += at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
  if (BigInt(sum) !== number(block, 148, 8)) {
    throw new CairnError('FORMAT_INVALID', 'this is not a tar stream, or it is damaged: a header has a wrong checksum');
  }
}

/** A number field: octal, or GNU's binary form, marked by its first bit. Throws `FORMAT_INVALID`. */
function number(block: Uint8Array, offset: number, size: number): bigint {
  const first = block[offset] ?? 0;
  if ((first & 0x80) !== 0) {
    let value = BigInt(first & 0x40 ? first - 0x100 : first & 0x7f);
    for (let at = offset + 1; at < offset + size; at++) value = (value << 8n) | BigInt(block[at] ?? 0);
    return value;
  }
  const text = asBuffer(field(block, offset, size))
    .toString('latin1')
    .trim();
  if (!/^[0-7]*$/u.test(text)) throw new CairnError('FORMAT_INVALID', 'a number in a header of the tar stream is none');
  return text === '' ? 0n : BigInt(`0o${text}`);
}

/** The size field. Throws `FORMAT_INVALID`. */
function sizeOf(block: Uint8Array): bigint {
  const size = number(block, 124, 12);
  if (size < 0n) throw new CairnError('FORMAT_INVALID', 'a header of the tar stream has a negative size');
  return size;
}

function merged(before: PaxOverrides, after: PaxOverrides): PaxOverrides {
  return { values: new Map([...before.values, ...after.values]), xattrs: after.xattrs };
}

function paxNumber(text: string): bigint {
  if (!/^\d{1,20}$/u.test(text))
    throw new CairnError('FORMAT_INVALID', 'a number in a pax header of the tar stream is none');
  return BigInt(text);
}

function headerName(block: Uint8Array): Uint8Array {
  const name = field(block, 0, 100);
  const isUstar = asBuffer(block).toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? field(block, 345, 155) : noBytes;
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]);
}

function field(block: Uint8Array, offset: number, size: number): Uint8Array {
  return untilZero(block.subarray(offset, offset + size));
}

/** A copy up to the first NUL. */
function untilZero(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return Uint8Array.from(end < 0 ? bytes : bytes.subarray(0, end));
}

function textOf(latin1: string | undefined): Uint8Array | undefined {
  return latin1 === undefined ? undefined : Buffer.from(latin1, 'latin1');
}
