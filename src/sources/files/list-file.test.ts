import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { expandVariables, listLines, rawNames, readExcludeFile, verbatimLines } from './list-file.ts';

function withFile<T>(content: Buffer, use: (file: string) => T): T {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'cairn-list-'));
  try {
    const file = path.join(directory, 'list');
    fs.writeFileSync(file, content);
    return use(file);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

describe('lists', () => {
  it('leaves out comments, blank lines and surrounding space', () => {
    expect(listLines('# note\n  *.tmp \r\n\n\t/a b\n#x')).toEqual(['*.tmp', '/a b']);
  });

  it('does not take a byte of a UTF-8 character for space', () => {
    const line = Buffer.from('voilà').toString('latin1');
    expect(listLines(`${line}\n`)).toEqual([line]);
  });

  it('takes verbatim lines as they are', () => {
    expect(verbatimLines('#a\n b \n\nc')).toEqual(['#a', ' b ', 'c']);
  });

  it('reads names that end with NUL and refuses a list that is cut', () => {
    expect(rawNames('a\nb\0c\0')).toEqual(['a\nb', 'c']);
    expect(rawNames('')).toEqual([]);
    expect(() => rawNames('a\0b')).toThrow('does not end with a NUL');
    expect(() => rawNames('a\0\0')).toThrow('empty path');
  });

  it.each([
    ['$HOME/x', '/h/x'],
    ['${HOME}x', '/hx'],
    ['$UNSET/x', '/x'],
    ['$$HOME', '$HOME'],
    ['cost$', 'cost$'],
    ['a$/b', 'a$/b'],
  ])('expands %j', (line, expected) => {
    expect(expandVariables(line, { HOME: '/h' })).toBe(expected);
  });

  it.each([
    ['UTF-8 with mark', Buffer.from('\ufeff*.é\n')],
    ['UTF-16LE', Buffer.from('\ufeff*.é\n', 'utf16le')],
    ['UTF-16BE', Buffer.from('\ufeff*.é\n', 'utf16le').swap16()],
  ])('reads %s', (_name, content) => {
    expect(withFile(content, (file) => readExcludeFile(file, {}))).toEqual(['*.é']);
  });

  it('says which list cannot be read', () => {
    expect(() => readExcludeFile('/nonexistent/list')).toThrow(expect.objectContaining({ code: 'EXCLUDE_INVALID' }));
  });
});
