import { systemClock } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import { openPosix } from '../base/posix/open-posix.ts';
import type { Source, StreamMetadata } from '../archiver/source.ts';
import { virtualPath } from './virtual-path.ts';

export type OpenStream = (signal: AbortSignal) => AsyncIterable<Uint8Array>;

export interface SingleStreamOptions {
  /** Path of the file in the snapshot; with slashes, directories that exist only there are made. */
  readonly filename: string;
  readonly open: OpenStream;
  readonly metadata?: StreamMetadata | undefined;
  readonly clock?: Clock | undefined;
}

/** A source of one file whose content is a stream. Throws `ARGUMENT_INVALID` for a filename that cannot be in a tree. */
export function singleStreamSource({ filename, open, metadata, clock = systemClock }: SingleStreamOptions): Source {
  const place = virtualPath(filename, (key) => ({
    kind: 'stream',
    key,
    open,
    metadata: metadata ?? ownMetadata(clock),
  }));
  return { ...place, excludes: [], maxFileSize: undefined, oneFileSystem: false };
}

/** A plain file of this user, made now. */
function ownMetadata(clock: Clock): StreamMetadata {
  const posix = openPosix();
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  return {
    mode: 0o644,
    mtimeNs: clock.nowNs(),
    uid,
    gid,
    user: posix.userName(uid) ?? '',
    group: posix.groupName(gid) ?? '',
  };
}
