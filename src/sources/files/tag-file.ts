import fs from 'node:fs';
import { CairnArgumentError, messageOf } from '../../base/errors.ts';
import { bytesKey, bytesOf, utf8 } from '../../base/bytes.ts';

/** A file whose presence excludes all else in its directory. */
export interface TagFile {
  /** Latin-1 held. */
  readonly name: string;
  /** What the file must begin with; empty if its being there is enough. */
  readonly header: Uint8Array;
}

/** Cache Directory Tagging Specification (bford.info/cachedir). */
export const cacheTag: TagFile = {
  name: 'CACHEDIR.TAG',
  header: utf8('Signature: 8a477f597d28d172789f06886806bc55'),
};

/** Parses `name` or `name:header`. Throws `ARGUMENT_INVALID`. */
export function parseTagFile(text: string): TagFile {
  const colon = text.indexOf(':');
  const name = colon < 0 ? text : text.slice(0, colon);
  if (name === '' || name.includes('/')) {
    throw new CairnArgumentError(`${JSON.stringify(text)} does not name a file`, {
      hint: 'Write NAME or NAME:HEADER.',
    });
  }
  return { name: bytesKey(utf8(name)), header: utf8(colon < 0 ? '' : text.slice(colon + 1)) };
}

/** Whether the tag file, which is known to be there, has the right beginning. `onProblem` hears why it could not be read. */
export function hasTagHeader(directory: string, tag: TagFile, onProblem: (message: string) => void): boolean {
  if (tag.header.length === 0) return true;
  const start = Buffer.alloc(tag.header.length);
  try {
    const path = bytesOf(`${directory === '/' ? '' : directory}/${tag.name}`);
    const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    try {
      fs.readSync(fd, start, 0, start.length, 0);
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    onProblem(messageOf(error));
    return false;
  }
  return start.equals(tag.header);
}
