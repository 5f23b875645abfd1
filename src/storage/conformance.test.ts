import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { storageConformance } from './conformance.ts';

it('has every case in the guide for authors of drivers, in the same order, and no other', () => {
  const guide = readFileSync(new URL('../../docs/guides/write-a-driver.md', import.meta.url), 'utf8');
  const rows = guide.slice(guide.indexOf('| case |')).split('\n').slice(2);
  const listed = rows.filter((row) => row.startsWith('|')).map((row) => row.split('|')[1]?.trim());
  expect(listed).toEqual(storageConformance.map(({ name }) => name));
});
