import { bytesKey, utf8 } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import { CairnArgumentError } from '../base/errors.ts';
import { openPosix } from '../base/posix/open-posix.ts';
import type { Source, SourceDirectory, SourceEntry, StreamMetadata } from '../archiver/source.ts';

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
  const names = filename.split('/').filter((name) => name !== '');
  if (names.length === 0 || names.some((name) => name === '.' || name === '..' || name.includes('\0'))) {
    throw new CairnArgumentError(`${JSON.stringify(filename)} cannot be the name of a file in a snapshot`);
  }
  const stream: SourceEntry = {
    kind: 'stream',
    key: bytesKey(utf8(names.at(-1) ?? '')),
    open,
    metadata: metadata ?? ownMetadata(clock),
  };
  const entry = names
    .slice(0, -1)
    .reduceRight<SourceEntry>(
      (inner, name) => ({ kind: 'directory', key: bytesKey(utf8(name)), directory: virtualDirectory(inner) }),
      stream,
    );
  return {
    root: virtualDirectory(entry),
    paths: [`/${names.join('/')}`],
    excludes: [],
    maxFileSize: undefined,
    oneFileSystem: false,
  };
}

function virtualDirectory(only: SourceEntry): SourceDirectory {
  return { path: undefined, list: () => [only] };
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
