import { bytesKey, bytesOf } from '../../base/bytes.ts';
import fs from 'node:fs';
import ignore from 'ignore';
import type { Ignore } from 'ignore';

// gitignore(5). git matches bytes, so names and patterns are compared byte by byte here too: each byte above
// 0x7f becomes one character of the private use area, which has no upper case and is no white space.

/** Rules of the ignore files of one directory and, through `outer`, of those above it. */
export interface IgnoreRules {
  readonly outer: IgnoreRules | undefined;
  /** Directory of the ignore files, Latin-1 held, with a slash at the end. */
  readonly base: string;
  readonly test: (relativePath: string) => 'ignored' | 'kept' | 'unknown';
}

// The package remembers every path that it has seen; a fresh copy, which shares the compiled rules, forgets them.
const REMEMBERED_PATHS = 5_000;

/** Reads the ignore files `names` of `directory`, rules of a later file winning. Throws what reading throws. */
export function readIgnoreRules(
  directory: string,
  names: readonly string[],
  outer: IgnoreRules | undefined,
): IgnoreRules {
  const base = directory === '/' ? '/' : `${directory}/`;
  const text = names.map((name) => bytesKey(fs.readFileSync(bytesOf(base + name)))).join('\n');
  return { outer, base, test: createTest(text.replace(/^\u00ef\u00bb\u00bf/, '')) };
}

function createTest(latin1: string): IgnoreRules['test'] {
  let rules: Ignore = ignore({ ignorecase: false }).add(byteText(latin1));
  let remembered = 0;
  return (relativePath) => {
    if (++remembered > REMEMBERED_PATHS) {
      rules = ignore({ ignorecase: false }).add(rules);
      remembered = 0;
    }
    const { ignored, unignored } = rules.test(byteText(relativePath));
    return ignored ? 'ignored' : unignored ? 'kept' : 'unknown';
  };
}

/** Whether an entry is ignored. The file nearest to it that has something to say decides. */
export function isIgnored(rules: IgnoreRules, directory: string, name: string, isDirectory: boolean): boolean {
  const path = `${directory === '/' ? '' : directory}/${name}${isDirectory ? '/' : ''}`;
  for (let level: IgnoreRules | undefined = rules; level !== undefined; level = level.outer) {
    const verdict = level.test(path.slice(level.base.length));
    if (verdict !== 'unknown') return verdict === 'ignored';
  }
  return false;
}

function byteText(latin1: string): string {
  return latin1.replaceAll(/[\u0080-\u00ff]/g, (byte) => String.fromCharCode(0xe100 + byte.charCodeAt(0)));
}
