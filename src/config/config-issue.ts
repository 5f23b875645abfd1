import { CairnError } from '../base/errors.ts';

/** A place in a configuration: keys and positions in lists, from the outside in. */
export type ConfigPath = readonly (string | number)[];

/** Where something stands in a file; both count from 1. */
export interface ConfigPosition {
  readonly line: number;
  readonly column: number;
}

/** One thing that is wrong. */
export interface ConfigIssue {
  readonly path: ConfigPath;
  readonly message: string;
  readonly position: ConfigPosition | undefined;
}

/** `vaults.main.url`, `plans.nightly.sources[1]`; a key that has a dot itself is in quotes. */
export function dottedKey(path: ConfigPath): string {
  return path
    .map((part, at) => {
      if (typeof part === 'number') return `[${part}]`;
      const text = /^[\w-]+$/.test(part) ? part : JSON.stringify(part);
      return at === 0 ? text : `.${text}`;
    })
    .join('');
}

/** `cairn.yaml:4:5: vaults.main.urll: there is no such key; did you mean url?` */
function describeIssue(file: string, { path, message, position }: ConfigIssue): string {
  const place = position === undefined ? file : `${file}:${position.line}:${position.column}`;
  return `${place}: ${path.length === 0 ? '' : `${dottedKey(path)}: `}${message}`;
}

const MOST_TOLD = 50;

/** All issues of a file in one error, in the order of their lines. */
export function configError(file: string, issues: readonly ConfigIssue[], hint?: string): CairnError {
  const sorted = issues.toSorted(
    (a, b) =>
      (a.position?.line ?? 0) - (b.position?.line ?? 0) || (a.position?.column ?? 0) - (b.position?.column ?? 0),
  );
  const texts = sorted.slice(0, MOST_TOLD).map((issue) => describeIssue(file, issue));
  const more = sorted.length > texts.length ? `\nand ${sorted.length - texts.length} more` : '';
  const message =
    sorted.length === 1 ? (texts[0] ?? '') : `${sorted.length} things are wrong:\n${texts.join('\n')}${more}`;
  return new CairnError('CONFIG_INVALID', message, {
    hint: hint ?? 'Correct the file; `cairn config validate` checks it again, `cairn config schema` helps an editor.',
    facts: { file, issues: texts, keys: sorted.map(({ path }) => dottedKey(path)) },
  });
}
