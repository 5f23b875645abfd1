import path from 'node:path';
import { globSource, isGlob } from './glob.ts';
import { textOf } from './name-text.ts';

// restic's exclude patterns (restic manual, "Excluding files"):
//   name, *.ext      match an entry of that name at any depth
//   a/b              matches b in a directory a, at any depth
//   /a/b             is anchored at the root of the file system
//   **               stands for any number of directories, none included
//   !pattern         takes back what an earlier pattern excluded
// The last pattern that has something to say wins. What lies below an excluded directory is never looked at.
//
// restic also lets a pattern match a directory above the entry. Below a target this makes no difference (that
// directory was excluded itself); above it, `--exclude tmp` would empty the backup of /tmp/project, so here
// a pattern must end at the entry. A negated pattern, as in restic, also covers what is below its match.

/** Decides about the entries of one directory, by name (Latin-1 held bytes). */
export type NameFilter = (name: string) => boolean;

export interface ExcludeMatcher {
  /** `directory` is an absolute path, Latin-1 held, `/` for the root. The result says what is excluded in it. */
  readonly inDirectory: (directory: string) => NameFilter;
}

export interface ExcludeOptions {
  /** Compare without regard to case (`--iexclude`). */
  readonly ignoreCase?: boolean;
}

/** Compiles patterns. Returns `undefined` if there are none; throws `EXCLUDE_INVALID` for a malformed one. */
export function compileExcludes(
  patterns: readonly string[],
  { ignoreCase = false }: ExcludeOptions = {},
): ExcludeMatcher | undefined {
  const rules = patterns.filter((pattern) => pattern !== '').map((pattern) => compileRule(pattern, ignoreCase));
  if (rules.length === 0) return undefined;
  const fold = ignoreCase ? (text: string): string => text.toLowerCase() : (text: string): string => text;
  return rules.some((rule) => rule.negated) ? inOrder(rules, fold) : anyOf(rules, fold);
}

interface Rule {
  readonly negated: boolean;
  /** The rule names one entry at any depth, without wildcards. */
  readonly exactName: string | undefined;
  /** Matches the name alone; `undefined` if the path is needed. */
  readonly nameSource: string | undefined;
  /** Matches the absolute path. */
  readonly pathSource: string;
}

function compileRule(original: string, ignoreCase: boolean): Rule {
  const negated = original.startsWith('!');
  const pattern = cleanPattern(negated ? original.slice(1) : original);
  const folded = ignoreCase ? pattern.toLowerCase() : pattern;
  const anchored = folded.startsWith('/');
  const components = (anchored ? folded.slice(1) : folded).split('/');
  const sources = components.map((component) => (component === '**' ? '**' : globSource(component, original)));
  const [only] = sources;
  const single = !anchored && !negated && sources.length === 1 && only !== undefined && only !== '**';
  return {
    negated,
    exactName: single && !isGlob(folded) ? folded : undefined,
    nameSource: single ? only : undefined,
    pathSource: pathSource(sources, anchored, negated),
  };
}

function pathSource(sources: readonly string[], anchored: boolean, negated: boolean): string {
  const body = sources.map((source) => (source === '**' ? '(?:/[^/]+)*' : `/${source}`)).join('');
  const start = anchored ? '^' : '^(?:/[^/]+)*';
  return `${start}${body}${negated ? '(?:/|$)' : '$'}`;
}

/** Go's `filepath.Clean`: no doubled slashes, no `.` components, no slash at the end. */
function cleanPattern(pattern: string): string {
  const normal = path.posix.normalize(pattern);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

type Fold = (text: string) => string;

/** Without negation the order does not matter: one look into a set, one expression per kind. */
function anyOf(rules: readonly Rule[], fold: Fold): ExcludeMatcher {
  const exact = new Set<string>();
  const names: string[] = [];
  const paths: string[] = [];
  for (const { exactName, nameSource, pathSource } of rules) {
    if (exactName !== undefined) exact.add(exactName);
    else if (nameSource !== undefined) names.push(`^${nameSource}$`);
    else paths.push(pathSource);
  }
  const nameExpression = union(names);
  const pathExpression = union(paths);
  return {
    inDirectory: (directory) => {
      const prefix = directory === '/' ? '/' : `${fold(textOf(directory))}/`;
      return (name) => {
        const text = fold(textOf(name));
        return (
          exact.has(text) ||
          (nameExpression !== undefined && nameExpression.test(text)) ||
          (pathExpression !== undefined && pathExpression.test(prefix + text))
        );
      };
    },
  };
}

function inOrder(rules: readonly Rule[], fold: Fold): ExcludeMatcher {
  const steps = rules.map(({ negated, pathSource }) => ({ negated, expression: expressionOf(pathSource) }));
  return {
    inDirectory: (directory) => {
      const prefix = directory === '/' ? '/' : `${fold(textOf(directory))}/`;
      return (name) => {
        const full = prefix + fold(textOf(name));
        // From the last to the first: the first that matches decides.
        const decisive = steps.findLast((step) => step.expression.test(full));
        return decisive !== undefined && !decisive.negated;
      };
    },
  };
}

function union(sources: readonly string[]): RegExp | undefined {
  return sources.length === 0 ? undefined : expressionOf(sources.map((source) => `(?:${source})`).join('|'));
}

function expressionOf(source: string): RegExp {
  return new RegExp(source, 'us');
}
