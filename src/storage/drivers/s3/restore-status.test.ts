import { describe, expect, it } from 'vitest';
import { parseXml, textOf } from './xml.ts';
import { objectState, publishedRetrievalMs, restoreRequest } from './restore-status.ts';

const ongoing = 'ongoing-request="true"';
const done = 'ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"';

describe('objectState', () => {
  it.each([
    [{}, { kind: 'hot' }],
    [{ 'x-amz-storage-class': 'STANDARD_IA' }, { kind: 'hot' }],
    // Its name says glacier, and it is read like any other.
    [{ 'x-amz-storage-class': 'GLACIER_IR' }, { kind: 'hot' }],
    [{ 'x-amz-storage-class': 'INTELLIGENT_TIERING' }, { kind: 'hot' }],
    [{ 'x-amz-storage-class': 'GLACIER' }, { kind: 'cold', storageClass: 'GLACIER' }],
    [
      { 'x-amz-storage-class': 'GLACIER', 'x-amz-restore': ongoing },
      { kind: 'retrieving', storageClass: 'GLACIER' },
    ],
    [
      { 'x-amz-storage-class': 'DEEP_ARCHIVE', 'x-amz-restore': done },
      { kind: 'retrieved', storageClass: 'DEEP_ARCHIVE', until: new Date('2012-12-21T00:00:00Z') },
    ],
    [
      { 'x-amz-storage-class': 'GLACIER', 'x-amz-restore': 'ongoing-request="false", expiry-date="soon"' },
      { kind: 'cold', storageClass: 'GLACIER' },
    ],
    [
      { 'x-amz-storage-class': 'INTELLIGENT_TIERING', 'x-amz-archive-status': 'DEEP_ARCHIVE_ACCESS' },
      { kind: 'cold', storageClass: 'INTELLIGENT_TIERING:DEEP_ARCHIVE_ACCESS' },
    ],
  ])('of %j is %j', (headers, state) => {
    expect(objectState(headers)).toEqual(state);
  });
});

describe('restoreRequest', () => {
  it('names the days and the tier', () => {
    const root = parseXml(restoreRequest('GLACIER', 'bulk', 7));
    expect(root.name).toBe('RestoreRequest');
    expect(textOf(root, 'Days')).toBe('7');
    expect(restoreRequest('GLACIER', 'bulk', 7)).toContain('<Tier>Bulk</Tier>');
  });

  it('names no days for an object that comes back for good', () => {
    expect(restoreRequest('INTELLIGENT_TIERING:ARCHIVE_ACCESS', 'standard', 7)).not.toContain('Days');
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses %d days', (days) => {
    expect(() => restoreRequest('GLACIER', 'bulk', days)).toThrow('whole number of days');
  });
});

describe('publishedRetrievalMs', () => {
  it('knows no expedited retrieval from the deep archive', () => {
    expect(publishedRetrievalMs('DEEP_ARCHIVE', 'expedited')).toBeUndefined();
    expect(publishedRetrievalMs('DEEP_ARCHIVE', 'standard')).toBe(12 * 3_600_000);
  });
});
