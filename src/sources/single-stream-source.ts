import type { Source } from '../archiver/source.ts';
import { type StreamContent, streamEntry } from './stream-entry.ts';
import { virtualPath } from './virtual-path.ts';

export interface SingleStreamOptions extends StreamContent {
  /** Path of the file in the snapshot; with slashes, directories that exist only there are made. */
  readonly filename: string;
}

/** A source of one file whose content is a stream. Throws `ARGUMENT_INVALID` for a filename that cannot be in a tree. */
export function singleStreamSource({ filename, ...content }: SingleStreamOptions): Source {
  const place = virtualPath(filename, (key) => streamEntry(key, content));
  return { ...place, excludes: [], maxFileSize: undefined, oneFileSystem: false };
}
