import { expect, it } from 'vitest';
import { parseSize } from './size-text.ts';

it.each([
  ['0', 0n],
  ['500', 500n],
  ['500b', 500n],
  ['10k', 10_240n],
  ['10M', 10_485_760n],
  ['1GiB', 1_073_741_824n],
  ['2 TB', 2_199_023_255_552n],
  ['512K', 524_288n],
  ['1.5G', 1_610_612_736n],
  ['0.1KiB', 102n],
  ['7.999999999999999999E', 9_223_372_036_854_775_806n],
])('reads %j', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

it.each(['', '-1', 'M', '1.', '.5G', '1X', '1e3', '1,5G'])('refuses %j', (text) => {
  expect(() => parseSize(text)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
});
