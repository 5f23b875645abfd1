import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isIgnored, readIgnoreRules } from './ignore-rules.ts';

let root: string;
beforeAll(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'cairn-ignore-'));
  fs.mkdirSync(path.join(root, 'sub'));
  fs.writeFileSync(path.join(root, '.cairnignore'), '\ufeff*7\n/top\ndir/\n');
  fs.writeFileSync(path.join(root, 'sub/.cairnignore'), '!keep7\n');
});
afterAll(() => fs.rmSync(root, { recursive: true }));

it('stays right over more paths than the matcher remembers', () => {
  const rules = readIgnoreRules(root, ['.cairnignore'], undefined);
  let ignored = 0;
  for (let i = 0; i < 12_000; i++) if (isIgnored(rules, root, `f${i}`, false)) ignored++;
  expect(ignored).toBe(1200);
});

it('lets the nearest file decide and asks the outer one about the rest', () => {
  const outer = readIgnoreRules(root, ['.cairnignore'], undefined);
  const sub = `${root}/sub`;
  const rules = readIgnoreRules(sub, ['.cairnignore'], outer);
  expect(isIgnored(rules, sub, 'keep7', false)).toBe(false);
  expect(isIgnored(rules, sub, 'other7', false)).toBe(true);
  expect(isIgnored(rules, sub, 'top', false)).toBe(false);
  expect(isIgnored(rules, sub, 'dir', true)).toBe(true);
  expect(isIgnored(rules, sub, 'dir', false)).toBe(false);
});
