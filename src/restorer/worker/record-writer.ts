import { CairnError } from '../../base/errors.ts';
import { idToBytes } from '../../base/ids.ts';
import { statModeFromGo } from '../../formats/tree/go-mode.ts';
import type { ExtendedAttribute, Node, NodeType } from '../../formats/tree/node.ts';
import { BLOB_DATA, type BlobIndex } from '../../repository/index/blob-index.ts';
import { EntryKind, FLAG_XATTRS, MISSING_BLOB, RECORD_HEADER } from '../records/entry-record.ts';

const kinds: Readonly<Record<NodeType, number>> = {
  file: EntryKind.file,
  dir: EntryKind.directory,
  symlink: EntryKind.symlink,
  dev: EntryKind.blockDevice,
  chardev: EntryKind.charDevice,
  fifo: EntryKind.fifo,
  socket: EntryKind.socket,
  irregular: EntryKind.irregular,
};

const MAX_TIME_NS = 2n ** 63n - 1n;
const noExtra = new Uint8Array(0);

/** Appends nodes and records to one growing buffer. */
export class RecordWriter {
  readonly #index: Pick<BlobIndex, 'find'>;
  #bytes = new Uint8Array(64 * 1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  constructor(index: Pick<BlobIndex, 'find'>) {
    this.#index = index;
  }

  get length(): number {
    return this.#length;
  }

  /** The records so far, copied to a buffer of exactly that size; the writer starts anew. */
  take(): ArrayBuffer {
    const taken = this.#bytes.buffer.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  /** Drops everything behind `length`. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** Appends one node. */
  add(node: Node): void {
    const content = node.type === 'file' ? node.content : [];
    const extra = extraOf(node);
    const xattrs = node.extendedAttributes;
    if (node.name.length > 0xffff) throw new CairnError('TREE_CORRUPT', 'a name is longer than 64 KiB');
    const size = RECORD_HEADER + content.length * 4 + node.name.length + extra.length + xattrsSize(xattrs);
    const start = this.#reserve((size + 7) & ~7);
    const view = this.#view;
    view.setUint32(start, (size + 7) & ~7, true);
    view.setUint8(start + 4, kinds[node.type]);
    view.setUint8(start + 5, xattrs.length > 0 ? FLAG_XATTRS : 0);
    view.setUint16(start + 6, node.name.length, true);
    view.setUint32(start + 8, statModeFromGo(node.mode) & 0o7777, true);
    view.setUint32(start + 12, node.uid, true);
    view.setUint32(start + 16, node.gid, true);
    view.setUint32(start + 20, content.length, true);
    view.setBigInt64(start + 24, clampTime(node.mtime.ns), true);
    view.setBigInt64(start + 32, clampTime(node.atime.ns), true);
    view.setUint32(start + 40, 0, true);
    view.setUint32(start + 44, extra.length, true);
    view.setUint32(start + 48, node.links > 0xffffffffn ? 0xffffffff : Number(node.links), true);
    view.setBigInt64(start + 52, node.type === 'file' ? BigInt.asIntN(64, node.size) : 0n, true);
    let at = start + RECORD_HEADER;
    for (const id of content) {
      const record = this.#index.find(BLOB_DATA, idToBytes(id));
      view.setUint32(at, record < 0 ? MISSING_BLOB : record, true);
      at += 4;
    }
    this.#bytes.set(node.name, at);
    this.#bytes.set(extra, at + node.name.length);
    if (xattrs.length > 0) this.#addXattrs(at + node.name.length + extra.length, xattrs);
  }

  /** Appends records that are complete. */
  append(records: Uint8Array): void {
    const start = this.#reserve(records.length);
    this.#bytes.set(records, start);
  }

  #addXattrs(start: number, xattrs: readonly ExtendedAttribute[]): void {
    let at = start;
    for (const { name, value } of xattrs) {
      if (name.length === 0 || name.length > 0xffff) {
        throw new CairnError('TREE_CORRUPT', 'the name of an extended attribute has no valid length');
      }
      this.#view.setUint16(at, name.length, true);
      this.#view.setUint32(at + 2, value?.length ?? 0, true);
      this.#bytes.set(name, at + 6);
      at += 6 + name.length;
      if (value !== null) this.#bytes.set(value, at);
      at += value?.length ?? 0;
    }
    this.#view.setUint16(at, 0, true);
  }

  #reserve(size: number): number {
    const start = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return start;
  }
}

function xattrsSize(xattrs: readonly ExtendedAttribute[]): number {
  let size = xattrs.length > 0 ? 2 : 0;
  for (const { name, value } of xattrs) size += 6 + name.length + (value?.length ?? 0);
  return size;
}

function extraOf(node: Node): Uint8Array {
  switch (node.type) {
    case 'file':
      return node.links > 1n ? words(node.inode, node.deviceId) : noExtra;
    case 'dir':
      return idToBytes(node.subtree);
    case 'symlink':
      return node.linkTarget;
    case 'dev':
    case 'chardev':
      return words(node.device);
    default:
      return noExtra;
  }
}

function words(...values: readonly bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values, (value) => BigInt.asUintN(64, value)).buffer);
}

/** The kernel's times are 64-bit; years before 1677 and after 2262 become the nearest that can be set. */
function clampTime(ns: bigint): bigint {
  if (ns > MAX_TIME_NS) return MAX_TIME_NS;
  return ns < -MAX_TIME_NS ? -MAX_TIME_NS : ns;
}
