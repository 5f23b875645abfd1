import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isObjectName } from '../storage/object-name.ts';
import { archiveFolder, formatStoredName, parseStoredName } from './stored-name.ts';

const time = new Date('2026-11-25T23:30:05Z');

describe('B15: stored names', () => {
  it.each([
    [{ codec: 'zstd', encrypted: true }, 'mydir.20261125T233005Z.tar.zst.age'],
    [{ codec: 'gzip', encrypted: false }, 'mydir.20261125T233005Z.tar.gz'],
    [{ codec: 'none', encrypted: false, sequence: 2 }, 'mydir.20261125T233005Z-2.tar'],
  ] as const)('say what an archive is: %j', (parts, stored) => {
    const parsed = { name: 'mydir', time, sequence: 1, ...parts };
    expect(formatStoredName(parsed)).toBe(stored);
    expect(parseStoredName(stored)).toEqual({ ...parsed, origin: 'cairn' });
  });

  it.each([
    ['mydir.20130305193615.tgz.enc', { name: 'mydir', codec: 'gzip', encrypted: true }],
    ['mydir20130305193615.tgz', { name: 'mydir', codec: 'gzip', encrypted: false }],
    ['my.file.txt.20130305193615', { name: 'my.file.txt', codec: 'none', encrypted: false }],
  ] as const)('of bakthat are known: %s', (stored, wanted) => {
    expect(parseStoredName(stored)).toEqual({
      ...wanted,
      time: new Date('2013-03-05T19:36:15Z'),
      sequence: 1,
      origin: 'bakthat',
    });
  });

  it.each(['', 'mydir', 'mydir.tar.zst', 'x.20260230T000000Z.tar', 'x.20130305193615.zip', '%zz.20261125T233005Z.tar'])(
    '%j is none',
    (stored) => {
      expect(parseStoredName(stored)).toBeUndefined();
    },
  );

  it('are object names that come back as they were, whatever the name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), (name) => {
        const stored = formatStoredName({ name, time, sequence: 1, codec: 'zstd', encrypted: true });
        expect(isObjectName(`archives/${archiveFolder(name)}/${stored}.deleted.json`)).toBe(true);
        if (archiveFolder(name).includes('~')) return;
        // What is no Unicode text cannot come back.
        expect(parseStoredName(stored)?.name).toBe(Buffer.from(name).toString());
      }),
    );
  });

  it('that are too long are cut, and stay apart', () => {
    const [one, two] = [archiveFolder(`${'ä'.repeat(300)}1`), archiveFolder(`${'ä'.repeat(300)}2`)];
    expect(one).not.toBe(two);
    expect(isObjectName(`archives/${one}/${one}.20261125T233005Z-99999.tar.zst.age.deleted.json`)).toBe(true);
  });
});
