import type { Source, SourceDirectory, SourceEntry } from '../archiver/source.ts';
import { bytesKey, utf8 } from '../base/bytes.ts';
import { CairnArgumentError } from '../base/errors.ts';

/**
 * A tree that holds one entry at a path of the snapshot, whatever is there on this machine: the directories on the way exist only
 * in the snapshot. Throws `ARGUMENT_INVALID` for a path that cannot be in a tree.
 */
export function virtualPath(path: string, makeEntry: (key: string) => SourceEntry): Pick<Source, 'root' | 'paths'> {
  const names = path.split('/').filter((name) => name !== '');
  if (names.length === 0 || names.some((name) => name === '.' || name === '..' || name.includes('\0'))) {
    throw new CairnArgumentError(`${JSON.stringify(path)} cannot be the name of a file in a snapshot`);
  }
  const entry = names
    .slice(0, -1)
    .reduceRight<SourceEntry>(
      (inner, name) => ({ kind: 'directory', key: keyOf(name), directory: virtualDirectory(inner) }),
      makeEntry(keyOf(names.at(-1) ?? '')),
    );
  return { root: virtualDirectory(entry), paths: [`/${names.join('/')}`] };
}

function virtualDirectory(only: SourceEntry): SourceDirectory {
  return { path: undefined, list: () => [only] };
}

function keyOf(name: string): string {
  return bytesKey(utf8(name));
}
