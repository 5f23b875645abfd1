import { CairnError } from '../base/errors.ts';

const SPECIAL = /[\\^$.*+?()[\]{}|]/g;

/**
 * A shell pattern for a whole name or path: `*` and `?` stay within one component, `**` crosses them,
 * `[a-z]` and `[!a-z]` are sets, `\` takes the next character as it is. Throws `EXCLUDE_INVALID` for a set
 * that does not end.
 */
export function globPattern(pattern: string, { ignoreCase }: { readonly ignoreCase: boolean }): RegExp {
  let source = '';
  for (let at = 0; at < pattern.length;) {
    const [piece, length] = translate(pattern, at);
    source += piece;
    at += length;
  }
  return new RegExp(`^${source}$`, ignoreCase ? 'isu' : 'su');
}

function translate(pattern: string, at: number): readonly [source: string, length: number] {
  if (pattern.startsWith('**/', at)) return ['(?:.*/)?', 3];
  if (pattern.startsWith('**', at)) return ['.*', 2];
  const character = String.fromCodePoint(pattern.codePointAt(at) ?? 0);
  switch (character) {
    case '*':
      return ['[^/]*', 1];
    case '?':
      return ['[^/]', 1];
    case '[':
      return translateSet(pattern, at);
    case '\\': {
      const next = pattern.codePointAt(at + 1);
      if (next === undefined) return ['\\\\', 1];
      const text = String.fromCodePoint(next);
      return [escape(text), 1 + text.length];
    }
    default:
      return [escape(character), character.length];
  }
}

function translateSet(pattern: string, at: number): readonly [source: string, length: number] {
  const negated = pattern[at + 1] === '!' || pattern[at + 1] === '^';
  const start = at + (negated ? 2 : 1);
  // A bracket that comes first belongs to the set.
  const end = pattern.indexOf(']', start + 1);
  if (end < 0) {
    throw new CairnError('EXCLUDE_INVALID', `the pattern ${JSON.stringify(pattern)} has a [ without its ]`, {
      hint: 'Close the set, or write \\[ for a bracket.',
    });
  }
  const members = pattern.slice(start, end).replace(/[\\[\]^]/g, '\\$&');
  return [`(?!/)[${negated ? '^' : ''}${members}]`, end - at + 1];
}

function escape(text: string): string {
  return text.replace(SPECIAL, '\\$&');
}
