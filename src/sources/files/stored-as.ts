import fs from 'node:fs';
import type { Source, SourceDirectory, SourceEntry, SourceProblem } from '../../archiver/source.ts';
import { bytesKey, bytesOf, utf8 } from '../../base/bytes.ts';
import { CairnArgumentError } from '../../base/errors.ts';
import { type StreamContent, streamEntry } from '../stream-entry.ts';
import { virtualPath } from '../virtual-path.ts';
import { FilesDirectory } from './files-directory.ts';
import type { FilesScope } from './files-scope.ts';

/** A file beside those of a directory whose content is a stream. */
export interface StreamFile extends StreamContent {
  readonly name: string;
}

export interface StoredAs {
  /** Path in the snapshot. */
  readonly path: string;
  readonly streams: readonly StreamFile[];
}

/**
 * The one target, a directory, at a path of the snapshot that is not its own. Throws `ARGUMENT_INVALID` where there is
 * another target or a file, and where a stream has the name of a file or cannot be one.
 */
export function directoryStoredAs(
  scope: FilesScope,
  targets: readonly string[],
  { path, streams }: StoredAs,
): Pick<Source, 'root' | 'paths'> {
  const [target] = targets;
  const stats = target === undefined ? undefined : fs.lstatSync(bytesOf(target), { bigint: true });
  if (target === undefined || targets.length > 1 || stats?.isDirectory() !== true) {
    throw new CairnArgumentError('`storedAs` is for one target that is a directory');
  }
  const node = { target: true, children: new Map() };
  const device = scope.oneFileSystem ? stats.dev : undefined;
  const files = new FilesDirectory(scope, { path: target, node, rules: undefined, device });
  const directory = streams.length === 0 ? files : new DirectoryWithStreams(files, streams);
  return virtualPath(path, (key) => ({ kind: 'directory', key, directory }));
}

class DirectoryWithStreams implements SourceDirectory {
  readonly #files: FilesDirectory;
  readonly #streams: readonly SourceEntry[];

  constructor(files: FilesDirectory, streams: readonly StreamFile[]) {
    this.#files = files;
    this.#streams = streams.map(({ name, ...content }) => streamEntry(fileKey(name), content));
  }

  get path(): Uint8Array {
    return this.#files.path;
  }

  list(report: (problem: SourceProblem) => void): SourceEntry[] {
    const entries = [...this.#files.list(report), ...this.#streams];
    const keys = new Set(entries.map(({ key }) => key));
    if (keys.size < entries.length) throw new CairnArgumentError('a stream has the name of a file beside it');
    return entries.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  }
}

function fileKey(name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/\0]/u.test(name)) {
    throw new CairnArgumentError(`${JSON.stringify(name)} cannot be the name of a file`);
  }
  return bytesKey(utf8(name));
}
