import type { SourceEntry, StreamMetadata } from '../archiver/source.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { CairnArgumentError, CairnError } from '../base/errors.ts';
import { openPosix } from '../base/posix/open-posix.ts';

export type OpenStream = (signal: AbortSignal) => AsyncIterable<Uint8Array>;

export interface StreamContent {
  readonly open: OpenStream;
  /** Where it is known; an archive then needs no temporary file. A stream that has more or less throws `SOURCE_CHANGED`. */
  readonly sizeBytes?: number | undefined;
  readonly metadata?: StreamMetadata | undefined;
  readonly clock?: Clock | undefined;
}

/** A file that exists only as a stream; by default a plain file of this user, made now. */
export function streamEntry(
  key: string,
  { open, sizeBytes, metadata, clock = systemClock }: StreamContent,
): SourceEntry {
  if (sizeBytes !== undefined && !(Number.isSafeInteger(sizeBytes) && sizeBytes >= 0)) {
    throw new CairnArgumentError(`${sizeBytes} cannot be the size of a stream`);
  }
  const exact: OpenStream = sizeBytes === undefined ? open : (signal) => exactly(sizeBytes, open(signal));
  return { kind: 'stream', key, open: exact, metadata: metadata ?? ownMetadata(clock), sizeBytes };
}

/** The stream, which has to have that many bytes. */
async function* exactly(sizeBytes: number, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const chunk of chunks) {
    seen += chunk.length;
    if (seen > sizeBytes) throw wrongSize(sizeBytes, 'it has more');
    yield chunk;
  }
  if (seen < sizeBytes) throw wrongSize(sizeBytes, `it has ${seen}`);
}

function wrongSize(sizeBytes: number, found: string): CairnError {
  return new CairnError(
    'SOURCE_CHANGED',
    `the stream was said to have ${sizeBytes} bytes, and ${found}; nothing was kept`,
    {
      hint: 'Give its exact size, or none.',
      facts: { sizeBytes },
    },
  );
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
