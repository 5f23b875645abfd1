import { describe, expect, it } from 'vitest';
import type { BlobId, SnapshotId } from '../base/ids.ts';
import type { SnapshotRecord } from '../repository/snapshots.ts';
import { aSnapshot } from '../../test/support/repository-fixture.ts';
import { findParent } from './parent.ts';

let number = 0;

function record(hostname: string, paths: readonly string[], timeNs: bigint): SnapshotRecord {
  const id = String(++number).padStart(64, '0') as SnapshotId;
  return {
    id,
    snapshot: aSnapshot('ab'.repeat(32) as BlobId, { hostname, paths, time: { ns: timeNs, offsetMinutes: 0 } }),
  };
}

const query = { hostname: 'here', paths: ['/home'], time: { ns: 100n, offsetMinutes: 0 } };

describe('findParent', () => {
  it('takes the newest snapshot of the host and the paths, whatever the order', () => {
    const newest = record('here', ['/home'], 50n);
    const records = [record('here', ['/home'], 10n), newest, record('here', ['/home'], 20n)];
    expect(findParent(records, query)).toBe(newest);
  });

  it('ignores other hosts', () => {
    expect(findParent([record('elsewhere', ['/home'], 10n)], query)).toBeUndefined();
  });

  it('ignores snapshots that lack a target', () => {
    const two = { ...query, paths: ['/home', '/etc'] };
    const both = record('here', ['/etc', '/home', '/srv'], 5n);
    expect(findParent([both, record('here', ['/home'], 10n)], two)).toBe(both);
  });

  it('ignores snapshots from later than the new one', () => {
    const before = record('here', ['/home'], 99n);
    expect(findParent([before, record('here', ['/home'], 101n)], query)).toBe(before);
  });

  it('takes one from the same instant', () => {
    const same = record('here', ['/home'], 100n);
    expect(findParent([same], query)).toBe(same);
  });

  it('finds none in an empty repository', () => {
    expect(findParent([], query)).toBeUndefined();
  });
});
