import type { Source } from '../../archiver/source.ts';
import { bytesKey, utf8 } from '../../base/bytes.ts';
import { openPosix } from '../../base/posix/open-posix.ts';
import { FilesDirectory } from './files-directory.ts';

/**
 * A folder whose content is the root of a snapshot, all of it and without any rule, under paths that are told. `folder` is an
 * absolute path.
 */
export function openFolderAsRoot(folder: string, paths: readonly string[]): Source {
  const scope = {
    posix: openPosix(),
    excludes: [],
    tagFiles: [],
    ignoreFiles: [],
    watchedNames: new Set<string>(),
    oneFileSystem: false,
    leftOut: new Map<string, ReadonlySet<string>>(),
    leftOutIdentities: new Set<string>(),
    problems: [],
  };
  const node = { target: true, children: new Map<string, never>() };
  const place = { path: bytesKey(utf8(folder)), node, rules: undefined, device: undefined };
  return { root: new FilesDirectory(scope, place), paths, excludes: [], maxFileSize: undefined, oneFileSystem: false };
}
