import { describe, expect, it } from 'vitest';
import { aSnapshot } from '../../../test/support/repository-fixture.ts';
import type { BlobId, SnapshotId } from '../../base/ids.ts';
import type { Snapshot } from '../../formats/snapshot/snapshot.ts';
import type { SnapshotRecord } from '../snapshots.ts';
import { CopiedSnapshots } from './copied-snapshots.ts';

const id = (digit: string): SnapshotId => digit.repeat(64) as SnapshotId;
const tree = 'e'.repeat(64) as BlobId;
const record = (digit: string, more: Partial<Snapshot> = {}): SnapshotRecord => ({
  id: id(digit),
  snapshot: aSnapshot(tree, { paths: ['/a', '/b'], tags: ['x', 'y'], excludes: ['*.tmp'], ...more }),
});

const source = record('1');

describe('a snapshot is there already', () => {
  it('as a copy that names it as its original', () => {
    const copy = record('2', { original: id('1') });
    expect(new CopiedSnapshots([copy]).find(source)).toBe(copy);
  });

  it('under its own id, as in a clone of the vault', () => {
    const same = record('1');
    expect(new CopiedSnapshots([same]).find(source)).toBe(same);
  });

  it('where it is itself a copy of what the target made', () => {
    const first = record('2');
    expect(new CopiedSnapshots([first]).find(record('1', { original: id('2') }))).toBe(first);
  });

  it('where both are copies of a third one', () => {
    const copy = record('2', { original: id('3') });
    expect(new CopiedSnapshots([copy]).find(record('1', { original: id('3') }))).toBe(copy);
  });

  it('with another parent, and with tags and paths in another order', () => {
    const copy = record('2', { original: id('1'), parent: id('9'), tags: ['y', 'x'], paths: ['/b', '/a'] });
    expect(new CopiedSnapshots([copy]).find(source)).toBe(copy);
  });

  it('when one of several versions with that original is the same', () => {
    const tagged = record('2', { original: id('1'), tags: ['x', 'y', 'z'] });
    const copy = record('3', { original: id('1') });
    expect(new CopiedSnapshots([tagged, copy]).find(source)).toBe(copy);
  });
});

describe('a snapshot is not there', () => {
  it('where nothing has its id or original', () => {
    expect(new CopiedSnapshots([record('2')]).find(source)).toBeUndefined();
  });

  it.each<[string, Partial<Snapshot>]>([
    ['time', { time: { ns: 1n, offsetMinutes: 0 } }],
    ['tree', { tree: 'd'.repeat(64) as BlobId }],
    ['host', { hostname: 'other' }],
    ['user', { username: 'other' }],
    ['uid', { uid: 7 }],
    ['gid', { gid: 7 }],
    ['paths', { paths: ['/a', '/c'] }],
    ['number of paths', { paths: ['/a', '/b', '/c'] }],
    ['tags', { tags: ['x', 'z'] }],
    ['excludes', { excludes: ['*.bak'] }],
  ])('where its copy has another %s', (_, more) => {
    expect(new CopiedSnapshots([record('2', { original: id('1'), ...more })]).find(source)).toBeUndefined();
  });

  it('where excludes stand in another order, since the last one wins', () => {
    const wanted = record('1', { excludes: ['a', '!b'] });
    const copy = record('2', { original: id('1'), excludes: ['!b', 'a'] });
    expect(new CopiedSnapshots([copy]).find(wanted)).toBeUndefined();
  });
});
