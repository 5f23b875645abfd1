import type { Clock } from '../../base/clock.ts';
import type { Source, StreamMetadata } from '../../archiver/source.ts';
import { singleStreamSource } from '../single-stream-source.ts';

export interface StreamSourceOptions {
  /** Path of the file in the snapshot, such as `stdin` or `dumps/main.sql`. */
  readonly name: string;
  /** Called once, when the archiver comes to it. An error that the iterable throws fails the backup. */
  readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
  /** Where it is known: an archive then needs no temporary file. Other sizes throw `SOURCE_CHANGED`, and nothing is saved. */
  readonly sizeBytes?: number | undefined;
  /** Default: a file of this user, mode 0644, modified now. */
  readonly metadata?: StreamMetadata;
  readonly clock?: Clock;
}

/** A source of one file read from a stream, such as standard input (`open: () => process.stdin`). */
export function openStreamSource(options: StreamSourceOptions): Source {
  const { name, open, sizeBytes, metadata, clock } = options;
  return singleStreamSource({ filename: name, open, sizeBytes, metadata, clock });
}
