// A node describes one entry of a directory (restic's format, "Trees and Data").
import type { BlobId } from '../../base/ids.ts';
import type { JsonObject } from '../go-json.ts';
import type { GoTime } from '../go-time.ts';

export interface ExtendedAttribute {
  readonly name: Uint8Array;
  /** `null` and an empty value are different on disk and both occur. */
  readonly value: Uint8Array | null;
}

interface NodeFields {
  /** Raw bytes as the file system gave them; not always UTF-8. */
  readonly name: Uint8Array;
  /** Go's `FileMode` bits, not `st_mode`; see go-mode.ts. */
  readonly mode: number;
  readonly mtime: GoTime;
  readonly atime: GoTime;
  readonly ctime: GoTime;
  readonly uid: number;
  readonly gid: number;
  /** Owner's name, or empty if the id has none. */
  readonly user: string;
  readonly group: string;
  readonly inode: bigint;
  /** `st_dev` of the file system the entry is on. */
  readonly deviceId: bigint;
  /** `st_nlink`; 0 where it is not recorded (directories, FIFOs). */
  readonly links: bigint;
  readonly extendedAttributes: readonly ExtendedAttribute[];
  /** Windows metadata, kept as it came. */
  readonly genericAttributes?: JsonObject;
  /** Legacy text of an error while the entry was read. */
  readonly error?: string;
}

export interface FileNode extends NodeFields {
  readonly type: 'file';
  /** Bytes read; may differ from the sum of the blobs in old snapshots. */
  readonly size: bigint;
  readonly content: readonly BlobId[];
}

export interface DirectoryNode extends NodeFields {
  readonly type: 'dir';
  readonly subtree: BlobId;
}

export interface SymlinkNode extends NodeFields {
  readonly type: 'symlink';
  readonly linkTarget: Uint8Array;
}

export interface DeviceNode extends NodeFields {
  readonly type: 'dev' | 'chardev';
  /** `st_rdev`. */
  readonly device: bigint;
}

export interface SpecialNode extends NodeFields {
  /** `irregular` also stands for types this version does not know. */
  readonly type: 'fifo' | 'socket' | 'irregular';
}

export type Node = FileNode | DirectoryNode | SymlinkNode | DeviceNode | SpecialNode;
export type NodeType = Node['type'];

export const nodeTypes: readonly NodeType[] = [
  'file',
  'dir',
  'symlink',
  'dev',
  'chardev',
  'fifo',
  'socket',
  'irregular',
];
