// Whether this machine lets a program mount a file system of its own. That is up to the machine: containers mostly do not.
import fs from 'node:fs';
import { delimiter, join } from 'node:path';

/** Why restic cannot mount here, or undefined. Printed, so that a run says what it left out. */
export function fuseMissing(): string | undefined {
  const reason = whyNot();
  if (reason !== undefined) console.warn(`left out: mount, because ${reason}`);
  return reason;
}

function whyNot(): string | undefined {
  try {
    fs.closeSync(fs.openSync('/dev/fuse', 'r+'));
  } catch (error) {
    return `/dev/fuse cannot be opened (${(error as NodeJS.ErrnoException).code})`;
  }
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  const isThere = (name: string): boolean => directories.some((directory) => fs.existsSync(join(directory, name)));
  return isThere('fusermount') || isThere('fusermount3') ? undefined : 'there is no fusermount';
}
