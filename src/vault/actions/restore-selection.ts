// Which entries of a backup a restore takes, in restic's pattern syntax.
import { CairnArgumentError } from '../../base/errors.ts';
import type { NodeType } from '../../formats/tree/node.ts';
import type { RestoreOptions } from '../../restorer/restore-options.ts';
import { compilePathMatcher, type PathMatcher } from '../look/path-matcher.ts';

export interface SelectionOptions {
  readonly include?: readonly string[] | undefined;
  readonly iinclude?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly iexclude?: readonly string[] | undefined;
}

type Select = NonNullable<RestoreOptions['select']>;

/**
 * The choice that the patterns make, or `undefined` for everything. Patterns are about paths in the backup.
 * Throws `EXCLUDE_INVALID`, and `ARGUMENT_INVALID` where both what to take and what to leave is given.
 */
export function makeSelection(options: SelectionOptions): Select | undefined {
  const included = matchers(options.include, options.iinclude);
  const excluded = matchers(options.exclude, options.iexclude);
  if (included.length > 0 && excluded.length > 0) {
    throw new CairnArgumentError('include and exclude patterns cannot be combined', {
      hint: 'Include with a pattern, and take parts of it back with !PATTERN.',
    });
  }
  if (excluded.length > 0) return (path) => (isMatch(excluded, path) ? 'skip' : 'restore');
  if (included.length > 0) return includeSelection(included);
  return undefined;
}

/** An entry is taken if it or a folder above it matches; a folder that does not may hold something that does. */
function includeSelection(included: readonly PathMatcher[]): Select {
  const isTaken = (path: readonly Uint8Array[]): boolean =>
    path.some((_, depth) => isMatch(included, path.slice(0, depth + 1)));
  return (path, type: NodeType) => {
    if (isTaken(path)) return 'restore';
    return type === 'dir' ? 'descend' : 'skip';
  };
}

function matchers(patterns: readonly string[] = [], ignoreCase: readonly string[] = []): PathMatcher[] {
  return [compilePathMatcher(patterns), compilePathMatcher(ignoreCase, { ignoreCase: true })].filter(
    (matcher) => matcher !== undefined,
  );
}

function isMatch(matchers: readonly PathMatcher[], path: readonly Uint8Array[]): boolean {
  return matchers.some((matches) => matches(path));
}
