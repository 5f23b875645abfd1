// A merge that keeps both sides leaves a passage twice, and nobody reads the whole document after it.
import { describe, expect, it } from 'vitest';
import { documents, textOf } from './documents.ts';

const LONG = 80;

function prose(document: string): readonly string[] {
  return textOf(document)
    .replaceAll(/^```.*?^```/gmsu, '')
    .split('\n');
}

function twice(texts: readonly string[]): readonly string[] {
  return texts.filter((text, i) => texts.indexOf(text) !== i);
}

/** The first cells of its rows, table by table. */
function tablesOf(document: string): readonly (readonly string[])[] {
  return prose(document)
    .join('\n')
    .split(/\n(?!\|)/u)
    .map((table) => [...table.matchAll(/^\| (.+?) \|/gmu)].map(([, cell = '']) => cell).filter((cell) => cell !== ''));
}

describe.each(documents)('%s', (document) => {
  it('has no heading of the first level but one, and no other twice below the same', () => {
    const headings = prose(document).filter((line) => /^#{1,2} /u.test(line));
    expect(headings.filter((line) => line.startsWith('# '))).toHaveLength(1);
    expect(twice(headings)).toEqual([]);
  });

  it('has no long line twice', () => {
    expect(twice(prose(document).filter((line) => line.length > LONG))).toEqual([]);
  });

  it('has no two rows of a table about the same', () => {
    expect(tablesOf(document).flatMap(twice)).toEqual([]);
  });
});
