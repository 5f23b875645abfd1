import { bytesKey } from '../../base/bytes.ts';
import { compileExcludes, type ExcludeOptions } from '../../sources/files/exclude-patterns.ts';

/** Whether a path in a backup, by its components, matches. */
export type PathMatcher = (path: readonly Uint8Array[]) => boolean;

/**
 * The one way in which patterns are about paths in a backup: with the syntax of excludes, which is restic's (see
 * `exclude-patterns.ts`). Returns `undefined` if there are none; throws `EXCLUDE_INVALID` for a malformed one.
 */
export function compilePathMatcher(patterns: readonly string[], options: ExcludeOptions = {}): PathMatcher | undefined {
  const matcher = compileExcludes(patterns, options);
  if (matcher === undefined) return undefined;
  const needsFolder = !patterns.every(isAboutNames);
  return (path) => {
    const name = path.at(-1);
    if (name === undefined) return false;
    const folder = needsFolder ? `/${path.slice(0, -1).map(bytesKey).join('/')}` : '/';
    return matcher.inDirectory(folder)(bytesKey(name));
  };
}

/** Whether a pattern looks at the last component alone, whatever folder it is in. */
export function isAboutNames(pattern: string): boolean {
  return !pattern.includes('/') && !pattern.startsWith('!');
}
