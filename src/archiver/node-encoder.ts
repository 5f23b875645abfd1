import { FileType, StatField, type Posix, type Xattr } from '../base/posix/posix.ts';
import { goModeFromStat } from '../formats/tree/go-mode.ts';
import type { NodeType } from '../formats/tree/node.ts';
import { NodeWriter, type LeafFields, type StatFields } from '../formats/tree/node-writer.ts';

const NO_CONTENT = new Uint8Array(0);

/** What a leaf's node holds beyond what `stat` says. */
export interface LeafFacts {
  readonly name: Uint8Array;
  /** As `Posix.statInto` fills it. */
  readonly stat: BigInt64Array;
  readonly xattrs: readonly Xattr[];
  /** Bytes read. */
  readonly sizeBytes?: number | bigint;
  /** Blob ids, 32 bytes each. */
  readonly content?: Uint8Array;
  readonly linkTarget?: Uint8Array;
}

/** Writes the JSON of nodes from what the system says about files. One per thread. */
export class NodeEncoder {
  readonly writer: NodeWriter = new NodeWriter();
  readonly #posix: Posix;
  readonly #withAtime: boolean;

  constructor(posix: Posix, options: { readonly withAtime: boolean }) {
    this.#posix = posix;
    this.#withAtime = options.withAtime;
  }

  /** Writes the node. Returns false, and writes nothing, for what has no node: sockets and unknown types. */
  writeLeaf(facts: LeafFacts): boolean {
    const fields = this.#leafFields(facts);
    if (fields === undefined) return false;
    this.writer.writeLeaf(fields);
    return true;
  }

  /** Writes a file's node up to its content. */
  writeFileHead(facts: LeafFacts): void {
    const fields = this.#leafFields(facts);
    if (fields !== undefined) this.writer.writeLeafHead(fields);
  }

  /** The JSON of a directory's node. `subtree` is the binary id of its tree. */
  directory(facts: LeafFacts, subtree: Uint8Array): Uint8Array {
    this.writer.clear();
    this.writer.writeDirectory(this.#statFields(facts), subtree);
    return this.writer.take();
  }

  #leafFields(facts: LeafFacts): LeafFields | undefined {
    const type = nodeType(facts.stat);
    if (type === undefined) return undefined;
    return {
      ...this.#statFields(facts),
      type,
      links: type === 'fifo' ? 0 : unsigned(facts.stat, StatField.links),
      size: facts.sizeBytes ?? 0,
      content: facts.content ?? NO_CONTENT,
      linkTarget: facts.linkTarget,
      device: unsigned(facts.stat, StatField.rdev),
    };
  }

  #statFields({ name, stat, xattrs }: LeafFacts): StatFields {
    const uid = Number(field(stat, StatField.uid));
    const gid = Number(field(stat, StatField.gid));
    const mtimeNs = field(stat, StatField.mtimeNs);
    return {
      name,
      mode: goModeFromStat(Number(field(stat, StatField.mode))),
      mtimeNs,
      // Access times change whenever somebody looks; recorded by default they would change every tree.
      atimeNs: this.#withAtime ? field(stat, StatField.atimeNs) : mtimeNs,
      ctimeNs: field(stat, StatField.ctimeNs),
      uid,
      gid,
      user: this.#posix.userName(uid) ?? '',
      group: this.#posix.groupName(gid) ?? '',
      inode: unsigned(stat, StatField.inode),
      deviceId: unsigned(stat, StatField.device),
      extendedAttributes: xattrs,
    };
  }
}

/** `undefined` for what is not backed up: sockets, and what this system has beyond POSIX. */
function nodeType(stat: BigInt64Array): Exclude<NodeType, 'dir'> | undefined {
  switch (fileType(stat)) {
    case FileType.regular:
      return 'file';
    case FileType.symlink:
      return 'symlink';
    case FileType.blockDevice:
      return 'dev';
    case FileType.charDevice:
      return 'chardev';
    case FileType.fifo:
      return 'fifo';
    default:
      return undefined;
  }
}

/** One of `FileType`. */
export function fileType(stat: BigInt64Array): number {
  return Number(field(stat, StatField.mode)) & FileType.mask;
}

export function field(stat: BigInt64Array, at: number): bigint {
  return stat[at] ?? 0n;
}

function unsigned(stat: BigInt64Array, at: number): bigint {
  return BigInt.asUintN(64, field(stat, at));
}
