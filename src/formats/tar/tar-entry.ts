import type { ExtendedAttribute } from '../tree/node.ts';

/** What an entry of a tar stream is. A further name of a file that came before is a `hardlink`. */
export type TarKind = 'file' | 'hardlink' | 'symlink' | 'chardev' | 'dev' | 'dir' | 'fifo';

/** One entry of a tar stream, without its content. Names are raw bytes. */
export interface TarEntry {
  readonly kind: TarKind;
  /** As it stands in the stream: that of a folder may end in a slash. Hostile until checked. */
  readonly name: Uint8Array;
  /** Where a symlink points to, or the earlier name of a hard link; empty otherwise. */
  readonly linkName: Uint8Array;
  /** Bytes of content that follow; only files have any. */
  readonly sizeBytes: bigint;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Names of owner and group, or empty. */
  readonly user: string;
  readonly group: string;
  /** Nanoseconds since the Unix epoch. */
  readonly mtimeNs: bigint;
  /** `st_rdev` of a device; 0 otherwise. */
  readonly device: bigint;
  readonly xattrs: readonly ExtendedAttribute[];
}
