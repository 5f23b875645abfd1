import { FileType, StatField, type Posix, type Xattr } from '../base/posix/posix.ts';
import type { BlobId } from '../base/ids.ts';
import { localGoTime } from '../formats/go-time.ts';
import { goModeFromStat } from '../formats/tree/go-mode.ts';
import type { FileNode, Node } from '../formats/tree/node.ts';
import { encodeNode } from '../formats/tree/tree-encoder.ts';

/** What a node is made of: the fields of `stat` and what they do not tell. */
export interface NodeFacts {
  readonly name: Uint8Array;
  /** As `Posix.statInto` fills it. */
  readonly stat: BigInt64Array;
  readonly xattrs: readonly Xattr[];
}

export type NodePayload =
  | { readonly type: 'file'; readonly content: readonly BlobId[]; readonly sizeBytes: number }
  | { readonly type: 'dir'; readonly subtree: BlobId }
  | { readonly type: 'symlink'; readonly linkTarget: Uint8Array }
  | { readonly type: 'special' };

/** Makes the JSON of nodes from what the system says about files. One per thread. */
export class NodeEncoder {
  readonly #posix: Posix;
  readonly #withAtime: boolean;

  constructor(posix: Posix, options: { readonly withAtime: boolean }) {
    this.#posix = posix;
    this.#withAtime = options.withAtime;
  }

  /** The node's JSON. Sockets and unknown types have none: `undefined`. */
  encode(facts: NodeFacts, payload: NodePayload): Uint8Array | undefined {
    const common = this.#common(facts);
    const node = toNode(common, facts.stat, payload);
    return node === undefined ? undefined : encodeNode(node);
  }

  #common({ name, stat, xattrs }: NodeFacts): CommonFields {
    const uid = Number(field(stat, StatField.uid));
    const gid = Number(field(stat, StatField.gid));
    const mtime = localGoTime(field(stat, StatField.mtimeNs));
    return {
      name,
      mode: goModeFromStat(Number(field(stat, StatField.mode))),
      mtime,
      // Access times change whenever somebody looks; recorded by default they would change every tree.
      atime: this.#withAtime ? localGoTime(field(stat, StatField.atimeNs)) : mtime,
      ctime: localGoTime(field(stat, StatField.ctimeNs)),
      uid,
      gid,
      user: this.#posix.userName(uid) ?? '',
      group: this.#posix.groupName(gid) ?? '',
      inode: unsigned(field(stat, StatField.inode)),
      deviceId: unsigned(field(stat, StatField.device)),
      extendedAttributes: xattrs,
    };
  }
}

type CommonFields = Omit<FileNode, 'type' | 'links' | 'size' | 'content'>;

function toNode(common: CommonFields, stat: BigInt64Array, payload: NodePayload): Node | undefined {
  const links = unsigned(field(stat, StatField.links));
  switch (payload.type) {
    case 'file':
      return { ...common, type: 'file', links, size: BigInt(payload.sizeBytes), content: payload.content };
    case 'dir':
      return { ...common, type: 'dir', links: 0n, subtree: payload.subtree };
    case 'symlink':
      return { ...common, type: 'symlink', links, linkTarget: payload.linkTarget };
    case 'special':
      return specialNode(common, stat, links);
    default:
      return payload satisfies never;
  }
}

function specialNode(common: CommonFields, stat: BigInt64Array, links: bigint): Node | undefined {
  const device = unsigned(field(stat, StatField.rdev));
  switch (fileType(stat)) {
    case FileType.blockDevice:
      return { ...common, type: 'dev', links, device };
    case FileType.charDevice:
      return { ...common, type: 'chardev', links, device };
    case FileType.fifo:
      return { ...common, type: 'fifo', links: 0n };
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

function unsigned(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}
