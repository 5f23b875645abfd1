import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { buildUnlessThere } from './build-program.ts';

const missing = fileURLToPath(new URL('./not-there', import.meta.url));

it('the build that fails says why, and that it failed', () => {
  const script = ['--eval', 'console.log("building"); console.error("src/a.ts: no such type"); process.exit(2)'];
  expect(() => buildUnlessThere(missing, script)).toThrow(
    'the build ended with 2:\nbuilding\nsrc/a.ts: no such type\n',
  );
});

it('a build that makes nothing is one that failed', () => {
  expect(() => buildUnlessThere(missing, ['--eval', ''])).toThrow(`made no ${missing}`);
});

it('what is there is not built again', () => {
  expect(() => buildUnlessThere(fileURLToPath(import.meta.url), ['--eval', 'process.exit(2)'])).not.toThrow();
});
