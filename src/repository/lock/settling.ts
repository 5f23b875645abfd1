import { statfs } from 'node:fs/promises';
import type { Storage } from '../../storage/storage.ts';

/** How long somebody else's lock may take to show up in our listing. */
export const SETTLE_MS = 200;

// Numbers of statfs(2) for file systems of this very machine. NFS, SMB and FUSE mounts are directories
// as well, but may list a new file late.
const localFileSystems: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // btrfs
  0x01021994, // tmpfs
  0x2fc12fc1, // ZFS
  0xf2f52010, // F2FS
  0x794c7630, // overlayfs
]);

/**
 * How long to wait between writing a lock and looking again. Nothing has to settle where a listing shows
 * every file as soon as it is written: of two processes that write their locks and then look, the later
 * writer sees the other's.
 */
export async function settleMs(storage: Storage): Promise<number> {
  const { localPath } = storage.features;
  if (localPath === undefined) return SETTLE_MS;
  try {
    const { type } = await statfs(localPath);
    return localFileSystems.has(type) ? 0 : SETTLE_MS;
  } catch {
    return SETTLE_MS;
  }
}
