// Which entries of a backup a restore takes, in restic's pattern syntax.
import { CairnArgumentError, CairnError } from '../../base/errors.ts';
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

export interface RestoreSelection {
  /** `undefined` for everything. */
  readonly select: Select | undefined;
  /** For the end. Throws `PATH_NOT_FOUND` where there are patterns of what to take and no entry matched one. */
  readonly assertMatched: () => void;
}

/**
 * The choice that the patterns make. Patterns are about paths in the backup.
 * Throws `EXCLUDE_INVALID`, and `ARGUMENT_INVALID` where both what to take and what to leave is given.
 */
export function makeSelection(options: SelectionOptions): RestoreSelection {
  const included = matchers(options.include, options.iinclude);
  const excluded = matchers(options.exclude, options.iexclude);
  if (included.length > 0 && excluded.length > 0) {
    throw new CairnArgumentError('include and exclude patterns cannot be combined', {
      hint: 'Include with a pattern, and take parts of it back with !PATTERN.',
    });
  }
  if (included.length > 0) return includeSelection(included);
  const select: Select = (path) => (isMatch(excluded, path) ? 'skip' : 'restore');
  return { select: excluded.length === 0 ? undefined : select, assertMatched: () => {} };
}

/** An entry is taken if it or a folder above it matches; a folder that does not may hold something that does. */
function includeSelection(included: readonly PathMatcher[]): RestoreSelection {
  let hasMatched = false;
  const isTaken = (path: readonly Uint8Array[]): boolean =>
    path.some((_, depth) => isMatch(included, path.slice(0, depth + 1)));
  return {
    select: (path, type: NodeType) => {
      if (!isTaken(path)) return type === 'dir' ? 'descend' : 'skip';
      hasMatched = true;
      return 'restore';
    },
    assertMatched: () => {
      if (hasMatched) return;
      throw new CairnError('PATH_NOT_FOUND', 'nothing in this backup matches what is to be restored', {
        hint: 'See what is there with `cairn ls`.',
      });
    },
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
