import { CairnError } from '../../base/errors.ts';

/** Whether a pattern has characters with a meaning of their own. */
export function isGlob(pattern: string): boolean {
  return /[\\[\]*?]/.test(pattern);
}

/**
 * Source of a regular expression (flags `u` and `s`) for one path component of a pattern, with the rules of
 * Go's `filepath.Match`, which restic uses: `*`, `?`, `[a-z]`, `[^a]`, and `\` before any character; `[!a]`, which
 * negates in a shell, is `!` or `a`. Throws `EXCLUDE_INVALID` where Go says that the pattern is malformed.
 */
export function globSource(component: string, pattern: string): string {
  const characters = Array.from(component);
  let source = '';
  let at = 0;
  while (at < characters.length) {
    const character = characters[at] ?? '';
    if (character === '*') source += '[^/]*';
    else if (character === '?') source += '[^/]';
    else if (character === '[') {
      const parsed = classSource(characters, at + 1, pattern);
      source += parsed.source;
      at = parsed.end;
    } else if (character === '\\') {
      at++;
      const escaped = characters[at];
      if (escaped === undefined) throw malformed(pattern);
      source += literal(escaped);
    } else source += literal(character);
    at++;
  }
  // Neighbouring stars mean one; written out they would make the search exponential.
  return source.replaceAll(/(?:\[\^\/\]\*){2,}/g, '[^/]*');
}

/** Parses the inside of `[…]` from `at`; `end` is the index of the closing bracket. */
function classSource(characters: readonly string[], at: number, pattern: string): { source: string; end: number } {
  const negated = characters[at] === '^';
  let next = negated ? at + 1 : at;
  let ranges = '';
  let count = 0;
  const readOne = (): string => {
    const character = characters[next];
    if (character === undefined || character === '-' || character === ']') throw malformed(pattern);
    next++;
    if (character !== '\\') return character;
    const escaped = characters[next++];
    if (escaped === undefined) throw malformed(pattern);
    return escaped;
  };
  while (!(characters[next] === ']' && count > 0)) {
    const low = readOne();
    let high = low;
    if (characters[next] === '-') {
      next++;
      high = readOne();
    }
    // Go takes a range whose ends are the wrong way round as one that matches nothing.
    if (codePoint(low) <= codePoint(high)) ranges += `${escaped(low)}-${escaped(high)}`;
    count++;
  }
  const source = negated ? `[^/${ranges}]` : ranges === '' ? '(?!)' : `[${ranges}]`;
  return { source, end: next };
}

function codePoint(character: string): number {
  return character.codePointAt(0) ?? 0;
}

function escaped(character: string): string {
  return `\\u{${codePoint(character).toString(16)}}`;
}

function literal(character: string): string {
  return /[A-Za-z0-9_]/.test(character) ? character : escaped(character);
}

function malformed(pattern: string): CairnError {
  return new CairnError('EXCLUDE_INVALID', `the pattern ${JSON.stringify(pattern)} is malformed`, {
    hint: 'Brackets must be closed and not empty, and a backslash must be followed by a character.',
  });
}
