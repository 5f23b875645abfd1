import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { goModeFromStat, statModeFromGo } from './go-mode.ts';

describe('goModeFromStat', () => {
  it.each([
    ['a directory', 0o040755, 2_147_484_141],
    ['a file', 0o100644, 0o644],
    ['a symbolic link', 0o120777, 134_218_239],
    ['a block device', 0o060644, 67_109_284],
    ['a character device', 0o020644, 69_206_436],
    ['a FIFO', 0o010644, 33_554_852],
    ['a socket', 0o140755, 16_777_709],
    ['setuid, setgid', 0o106751, 0o751 + 2 ** 23 + 2 ** 22],
    ['a sticky directory', 0o041777, 2_148_532_735],
    ['an unknown type', 0o000644, 0o644 + 2 ** 19],
  ])('gives the bits of Go for %s', (_what, stMode, mode) => {
    expect(goModeFromStat(stMode)).toBe(mode);
  });

  it('is undone by statModeFromGo', () => {
    const types = fc.constantFrom(0o100000, 0o040000, 0o120000, 0o060000, 0o020000, 0o010000, 0o140000);
    fc.assert(
      fc.property(types, fc.nat(0o7777), (type, bits) => {
        expect(statModeFromGo(goModeFromStat(type | bits))).toBe(type | bits);
      }),
    );
  });
});
