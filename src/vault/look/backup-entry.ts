import { isUtf8 } from 'node:buffer';
import { concatBytes, utf8, utf8Lossy } from '../../base/bytes.ts';
import { formatGoTime } from '../../formats/go-time.ts';
import { statModeFromGo } from '../../formats/tree/go-mode.ts';
import type { Node, NodeType } from '../../formats/tree/node.ts';

/** One entry of a backup as people and programs read it. */
export interface BackupEntry {
  /** Absolute path in the backup. Bytes that are not UTF-8 are U+FFFD; then `pathBase64` has them. */
  readonly path: string;
  readonly pathBase64?: string;
  readonly type: NodeType;
  /** Bytes of a file; 0 for everything else. */
  readonly size: bigint;
  /** `st_mode`: type and permission bits as POSIX numbers them. */
  readonly mode: number;
  /** RFC 3339 with nanoseconds. */
  readonly mtime: string;
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly group: string;
  readonly linkTarget?: string;
}

export function backupEntry(path: readonly Uint8Array[], node: Node): BackupEntry {
  const bytes = joinPath(path);
  return {
    path: utf8Lossy(bytes),
    ...(isUtf8(bytes) ? {} : { pathBase64: Buffer.from(bytes).toString('base64') }),
    type: node.type,
    size: node.type === 'file' ? node.size : 0n,
    mode: statModeFromGo(node.mode),
    mtime: formatGoTime(node.mtime),
    uid: node.uid,
    gid: node.gid,
    user: node.user,
    group: node.group,
    ...(node.type === 'symlink' ? { linkTarget: utf8Lossy(node.linkTarget) } : {}),
  };
}

const SLASH = utf8('/');

/** `/a/b` of its components. */
function joinPath(path: readonly Uint8Array[]): Uint8Array {
  if (path.length === 0) return SLASH;
  return concatBytes(path.flatMap((part) => [SLASH, part]));
}

/** The components of a path as bytes; empty ones and `.` do not count. */
export function splitPath(path: string): Uint8Array[] {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .map(utf8);
}
