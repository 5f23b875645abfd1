import { describe, expect, it } from 'vitest';
import type { BlobId, SnapshotId } from '../../base/ids.ts';
import { parseGoTime } from '../../formats/go-time.ts';
import type { Snapshot } from '../../formats/snapshot/snapshot.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import { matcherOf } from './backup-filter.ts';
import { displayName, nameTag } from '../actions/backup-name.ts';
import { backupRecord } from './backup-record.ts';
import { chooseSnapshot, sourcesOfSameName } from './choose-snapshot.ts';
import { momentEnd, momentStart } from './moment.ts';

function record(id: string, time: string, parts: Partial<Snapshot> = {}): SnapshotRecord {
  const snapshot: Snapshot = {
    time: parseGoTime(time),
    tree: '0'.repeat(64) as BlobId,
    paths: ['/home/ann/documents'],
    hostname: 'desk',
    username: 'ann',
    uid: 1000,
    gid: 1000,
    excludes: [],
    tags: [],
    extra: {},
    ...parts,
  };
  return { id: id.padEnd(64, '0') as SnapshotId, snapshot };
}

const monday = record('aa11', '2026-11-16T10:00:00.5Z');
const tuesday = record('aa22', '2026-11-17T10:00:00Z', { tags: ['nightly', 'full'] });
const other = record('bb33', '2026-11-18T10:00:00Z', { hostname: 'lab', paths: ['/srv/documents'] });
const named = record('cc44', '2026-11-15T10:00:00Z', { paths: ['/a', '/b'], tags: ['name:both', 'nightly'] });
const all = [named, monday, tuesday, other];

describe('names', () => {
  it('are the tag, or the last part of the only path, or the paths', () => {
    expect(all.map(({ snapshot }) => displayName(snapshot))).toEqual(['both', 'documents', 'documents', 'documents']);
    expect(displayName({ ...named.snapshot, tags: [] })).toBe('/a, /b');
  });

  it.each(['', 'latest', 'a@b', 'a,b', 'a\nb'])('%j cannot be one', (name) => {
    expect(() => nameTag(name)).toThrow(TypeError);
  });
});

describe('a record', () => {
  it('has exactly the fields of the JSON, and no tag for the name', () => {
    expect(JSON.parse(JSON.stringify(backupRecord(named)))).toEqual({
      id: named.id,
      form: 'snapshot',
      name: 'both',
      time: '2026-11-15T10:00:00.000Z',
      tags: ['nightly'],
      host: 'desk',
      paths: ['/a', '/b'],
      bytes: null,
      storedBytes: null,
    });
  });
});

describe('moments', () => {
  it.each([
    ['2026-11-16T10:00:00Z', '2026-11-16T10:00:00Z', '2026-11-16T10:00:00.999999999Z'],
    ['2026-11-16T10:00:00.5Z', '2026-11-16T10:00:00.5Z', '2026-11-16T10:00:00.599999999Z'],
    ['2026-11-16 10:00+01:00', '2026-11-16T09:00:00Z', '2026-11-16T09:00:59.999999999Z'],
    ['2026-11-16Z', '2026-11-16T00:00:00Z', '2026-11-16T23:59:59.999999999Z'],
  ])('%s spans what it leaves open', (text, start, end) => {
    expect([momentStart(text), momentEnd(text)]).toEqual([parseGoTime(start).ns, parseGoTime(end).ns]);
  });

  it.each(['', 'yesterday', '2026-13-01', '2026-11-16T25:00'])('%j is refused with an example', (text) => {
    expect(() => momentStart(text)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
    expect(() => momentEnd(text)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
  });

  it('a Date that is none is refused', () => {
    expect(() => momentEnd(new Date('x'))).toThrow(TypeError);
  });
});

const ids = (filter: Parameters<typeof matcherOf>[0]): string[] =>
  all.filter(matcherOf(filter)).map(({ id }) => id.slice(0, 4));

describe('B18, B35: filters', () => {
  it.each([
    [{}, ['cc44', 'aa11', 'aa22', 'bb33']],
    [{ name: 'documents' }, ['aa11', 'aa22', 'bb33']],
    [{ host: 'lab' }, ['bb33']],
    [{ tags: { all: ['nightly', 'full'] } }, ['aa22']],
    [{ tags: { any: ['nightly', 'other'] } }, ['cc44', 'aa22']],
    [{ paths: ['/a'] }, ['cc44']],
    [{ after: '2026-11-16Z', before: '2026-11-17Z' }, ['aa11', 'aa22']],
    [{ before: new Date('2026-11-16T10:00:00.500Z') }, ['cc44', 'aa11']],
  ])('%j', (filter, wanted) => {
    expect(ids(filter)).toEqual(wanted);
  });

  it('a span that cannot match is an error, not an empty list', () => {
    expect(() => matcherOf({ after: '2026-11-18Z', before: '2026-11-17Z' })).toThrow('no backup can match');
  });
});

const chosen = (reference: string, options = {}): string => chooseSnapshot(all, reference, options).id.slice(0, 4);

describe('references', () => {
  it.each([
    ['latest', {}, 'bb33'],
    ['documents', {}, 'bb33'],
    ['both', {}, 'cc44'],
    ['aa1', {}, 'aa11'],
    ['documents@2026-11-17Z', {}, 'aa22'],
    ['documents', { at: '2026-11-16T10:00:00Z' }, 'aa11'],
    ['documents', { filter: { host: 'desk' } }, 'aa22'],
    ['latest', { filter: { tags: { all: ['nightly'] } } }, 'aa22'],
  ])('%s %j', (reference, options, wanted) => {
    expect(chosen(reference, options)).toBe(wanted);
  });

  it('an ambiguous one lists the candidates', () => {
    expect(() => chosen('aa')).toThrow(
      expect.objectContaining({ code: 'REF_AMBIGUOUS', message: expect.stringContaining('aa110000') as string }),
    );
  });

  it('an unknown one is an error', () => {
    expect(() => chosen('nothing')).toThrow(expect.objectContaining({ code: 'REF_UNKNOWN' }));
    expect(() => chosen('documents@2020-01-01')).toThrow(expect.objectContaining({ code: 'REF_UNKNOWN' }));
  });

  it('by name, other sources of that name are known', () => {
    expect(sourcesOfSameName(all, 'documents', other)).toEqual(['desk:/home/ann/documents']);
    expect(sourcesOfSameName(all, 'documents@2026-11-17', tuesday)).toEqual(['lab:/srv/documents']);
    expect(sourcesOfSameName(all, 'bb33', other)).toEqual([]);
  });
});
