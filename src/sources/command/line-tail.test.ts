import { expect, it } from 'vitest';
import { createLineTail } from './line-tail.ts';

it('keeps the last lines, joined across pieces, and stays small', () => {
  const tail = createLineTail();
  for (let i = 0; i < 100; i++) tail.add(Buffer.from(`line ${i}\n`));
  tail.add(Buffer.from('par'));
  tail.add(Buffer.from('tial'));
  tail.add(Buffer.alloc(100_000, 'x'));
  const lines = tail.lines();
  expect(lines.length).toBe(20);
  expect(lines[0]).toBe('line 81');
  expect(lines.at(-1)?.startsWith('partialxxx')).toBe(true);
  expect(lines.at(-1)?.length).toBeLessThanOrEqual(500);
});
