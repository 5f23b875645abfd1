import { describe, expect, it } from 'vitest';
import { documents, namedTests, textOf, titlesIn } from './documents.ts';

const rows = textOf('docs/bakthat.md')
  .split('\n')
  .filter((line) => /^\| B\d/u.test(line));

describe('the rows of bakthat', () => {
  it('are all there, each once and in order', () => {
    const expected = Array.from({ length: 70 }, (_, i) => `B${String(i + 1).padStart(2, '0')}`);
    expect(rows.map((line) => line.slice(2, 5))).toEqual(expected);
  });

  it.each(rows.map((line) => [line.slice(2, 5), line] as const))('%s has a test that is called by it', (row, line) => {
    expect(namedTests(line).filter(({ title }) => title?.split(':')[0]?.includes(row))).not.toEqual([]);
  });
});

describe('the tests that documents name', () => {
  it.each(documents)('are there: %s', (document) => {
    const missing = namedTests(textOf(document)).filter(
      ({ file, title }) => title !== undefined && !titlesIn(file).has(title),
    );
    expect(missing).toEqual([]);
  });
});
