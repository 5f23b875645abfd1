import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseValueKey } from './value-key.ts';
import {
  compareStamps,
  formatStamp,
  parseEntryName,
  parseStamp,
  stampAfter,
  tombstoneObject,
  versionObject,
} from './value-name.ts';

const stamps = fc.record({ timeMs: fc.nat({ max: 253_402_300_799_999 }), number: fc.integer({ min: 1, max: 99_999 }) });
const versions = fc.record({
  stamp: stamps,
  checksum: fc.nat().map((number) => number.toString(16).padStart(16, '0')),
  compressed: fc.boolean(),
  encrypted: fc.boolean(),
});
const key = parseValueKey('k');

describe('the name of an object', () => {
  it('says all of a version', () => {
    fc.assert(
      fc.property(versions, (version) => {
        const name = versionObject(key, version).slice('values/k/'.length);
        expect(parseEntryName(name)).toEqual({ kind: 'version', ...version });
      }),
    );
  });

  it('says until when a tombstone deletes', () => {
    fc.assert(
      fc.property(stamps, (stamp) => {
        const name = tombstoneObject(key, stamp).slice('values/k/'.length);
        expect(parseEntryName(name)).toEqual({ kind: 'tombstone', stamp });
        expect(parseStamp(formatStamp(stamp))).toEqual(stamp);
      }),
    );
  });

  it.each([
    '20260230T000000.000Z.deleted',
    '20261125T233000.123Z-1.deleted',
    '20261125T233000.123Z-02.deleted',
    '20261125T233000Z.deleted',
    '20261125T233000.123Z.json',
    '20261125T233000.123Z.0123456789ABCDEF.json',
    '20261125T233000.123Z.0123456789abcdef.json.age.gz',
    '20261125T233000.123Z.0123456789abcdef.json.gz.age.x',
    '20261125T233000.123Z.0123456789abcdef.json\n',
    '',
  ])('is not %j', (name) => {
    expect(parseEntryName(name)).toBeUndefined();
  });
});

describe('the stamp of something new', () => {
  it('is later than all there is, and the time of the clock where that is later', () => {
    fc.assert(
      fc.property(fc.nat(), stamps, (nowMs, newest) => {
        const stamp = stampAfter(nowMs, newest);
        expect(compareStamps(stamp, newest)).toBeGreaterThan(0);
        expect(stamp.timeMs).toBe(Math.max(nowMs, newest.timeMs));
      }),
    );
  });
});
