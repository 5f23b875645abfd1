import { bytesKey } from '../../base/bytes.ts';
import fs from 'node:fs';
import { CairnError, CairnArgumentError } from '../../base/errors.ts';
import { textOf } from './name-text.ts';

// Files that list patterns or paths. They are kept as Latin-1 held bytes, since a path need not be UTF-8.

/** Reads a list; `-` is standard input. Byte order marks are understood. Throws `EXCLUDE_INVALID` if it cannot be read. */
export function readListFile(file: string): string {
  try {
    return bytesKey(withoutByteOrderMark(fs.readFileSync(file === '-' ? 0 : file)));
  } catch (cause) {
    throw new CairnError('EXCLUDE_INVALID', `cannot read the list ${JSON.stringify(file)}`, { cause });
  }
}

function withoutByteOrderMark(bytes: Buffer): Buffer {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return bytes.subarray(3);
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return Buffer.from(bytes.subarray(2).toString('utf16le'));
  if (bytes[0] === 0xfe && bytes[1] === 0xff) {
    const even = bytes.subarray(2, bytes.length - (bytes.length % 2));
    return Buffer.from(Buffer.from(even).swap16().toString('utf16le'));
  }
  return bytes;
}

/**
 * Lines without surrounding white space, empty ones and those that start with `#` left out. Throws `ARGUMENT_INVALID`
 * if there is a NUL in them.
 */
export function listLines(latin1: string): string[] {
  return (
    linesOf(latin1)
      // `trim` would also take U+0085 and U+00A0, which here are parts of UTF-8 characters.
      .map((line) => line.replaceAll(/^[ \t\r\v\f]+|[ \t\r\v\f]+$/g, ''))
      .filter((line) => line !== '' && !line.startsWith('#'))
  );
}

/**
 * Lines as they are, for names that begin with `#` or a space; only empty ones are left out. Throws `ARGUMENT_INVALID`
 * if there is a NUL in them.
 */
export function verbatimLines(latin1: string): string[] {
  return linesOf(latin1)
    .map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
    .filter((line) => line !== '');
}

function linesOf(latin1: string): string[] {
  if (latin1.includes('\0')) {
    throw new CairnArgumentError('a list of lines has a NUL byte in it, which no path and no pattern can have', {
      hint: 'If it is a list of paths that each end with NUL, as `find -print0` makes it, give it with --files-from-raw.',
    });
  }
  return latin1.split('\n');
}

/** Names that each end with a NUL. Throws `ARGUMENT_INVALID` if the last has none or one is empty. */
export function rawNames(latin1: string): string[] {
  if (latin1 === '') return [];
  if (!latin1.endsWith('\0')) throw new CairnArgumentError('the list of paths does not end with a NUL byte');
  const names = latin1.slice(0, -1).split('\0');
  if (names.includes('')) throw new CairnArgumentError('the list of paths has an empty path');
  return names;
}

/** The patterns of an exclude file: lines, with `$NAME` and `${NAME}` replaced from `env` and `$$` by a dollar. */
export function readExcludeFile(file: string, env: NodeJS.ProcessEnv = process.env): string[] {
  return listLines(readListFile(file))
    .map((line) => expandVariables(textOf(line), env))
    .filter((line) => line !== '');
}

/** Variables as restic (Go's `os.Expand`) replaces them: unset ones by nothing; a lone `$` stays. */
export function expandVariables(line: string, env: NodeJS.ProcessEnv): string {
  return line.replaceAll(
    /\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*)|([$*#@!?0-9-]))/g,
    (_match, braced: string | undefined, plain: string | undefined, special: string | undefined) => {
      if (special === '$' || braced === '$') return '$';
      return env[braced ?? plain ?? special ?? ''] ?? '';
    },
  );
}
