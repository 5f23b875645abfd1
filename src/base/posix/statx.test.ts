import fc from 'fast-check';
import { expect, it } from 'vitest';
import { STAT_FIELDS, StatField } from './posix.ts';
import { createStatxBuffer, makeDevice } from './statx.ts';

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

const buffer = createStatxBuffer();
const view = new DataView(buffer.memory.buffer);
const isLittle = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
const out = new BigInt64Array(STAT_FIELDS);

const anyI64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const anyU32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
/** What 64 bits of nanoseconds can tell. */
const anySeconds = fc.oneof(
  fc.bigInt({ min: -9_000_000_000n, max: 9_000_000_000n }),
  fc.constantFrom(0n, -1n, 2n ** 32n - 1n, 2n ** 32n, 65_535n, 65_536n),
);
const anyNanoseconds = fc.integer({ min: 0, max: 999_999_999 });

it('stores what the system says of a time to the nanosecond', () => {
  fc.assert(
    fc.property(anySeconds, anyNanoseconds, (seconds, nanoseconds) => {
      view.setBigInt64(112, seconds, isLittle);
      view.setUint32(120, nanoseconds, isLittle);
      buffer.store(out);
      expect(out[StatField.mtimeNs]).toBe(seconds * 1_000_000_000n + BigInt(nanoseconds));
    }),
    { numRuns: 2000 },
  );
});

it('stores numbers of 64 and of 32 bits, each into its own field', () => {
  fc.assert(
    fc.property(anyI64, anyI64, anyU32, anyU32, anyU32, (inode, size, links, major, minor) => {
      view.setBigInt64(32, inode, isLittle);
      view.setBigInt64(40, size, isLittle);
      view.setUint32(16, links, isLittle);
      view.setUint32(136, major, isLittle);
      view.setUint32(140, minor, isLittle);
      buffer.store(out);
      expect(out[StatField.inode]).toBe(inode);
      expect(out[StatField.sizeBytes]).toBe(size);
      expect(out[StatField.links]).toBe(BigInt(links));
      expect(out[StatField.device]).toBe(BigInt.asIntN(64, makeDevice(major, minor)));
    }),
    { numRuns: 1000 },
  );
});

it('writes into a part of a larger array, and into several in turn', () => {
  const large = new BigInt64Array(3 * STAT_FIELDS);
  const part = large.subarray(STAT_FIELDS, 2 * STAT_FIELDS);
  view.setBigInt64(40, 1234n, isLittle);
  for (const target of [part, out, part]) {
    target.fill(0n);
    buffer.store(target);
    expect(target[StatField.sizeBytes]).toBe(1234n);
  }
  expect([large[0], large.at(-1)]).toEqual([0n, 0n]);
});
