import type { SourceEntry, StreamMetadata } from '../archiver/source.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { openPosix } from '../base/posix/open-posix.ts';

export type OpenStream = (signal: AbortSignal) => AsyncIterable<Uint8Array>;

export interface StreamContent {
  readonly open: OpenStream;
  readonly metadata?: StreamMetadata | undefined;
  readonly clock?: Clock | undefined;
}

/** A file that exists only as a stream; by default a plain file of this user, made now. */
export function streamEntry(key: string, { open, metadata, clock = systemClock }: StreamContent): SourceEntry {
  return { kind: 'stream', key, open, metadata: metadata ?? ownMetadata(clock) };
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
