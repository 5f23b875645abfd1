import { describe, expect, it } from 'vitest';
import { groupByName, type NamedBackup, parseNameGroups } from './group-by-name.ts';

const backup = (name: string, path: string, parts: Partial<NamedBackup> = {}): NamedBackup => ({
  form: 'snapshot',
  name,
  host: 'desk',
  paths: [path],
  ...parts,
});

const sizes = (backups: readonly NamedBackup[], fields: Parameters<typeof groupByName>[1]): number[] =>
  groupByName(backups, fields).map((group) => group.backups.length);

describe('backups', () => {
  it('of one given name belong together, wherever their files lay', () => {
    expect(sizes([backup('main', '/tmp/a1/dump.sql'), backup('main', '/tmp/b2/dump.sql')], ['host', 'paths'])).toEqual([
      2,
    ]);
  });

  it('of different paths do not, where the name is only their last component', () => {
    const both = [backup('documents', '/home/ann/documents'), backup('documents', '/srv/documents')];
    expect(sizes(both, ['host', 'paths'])).toEqual([1, 1]);
    expect(sizes(both, ['host'])).toEqual([2]);
  });

  it('of other hosts do not, unless asked', () => {
    const both = [backup('main', '/a'), backup('main', '/a', { host: 'lab' })];
    expect(sizes(both, ['host'])).toEqual([1, 1]);
    expect(sizes(both, [])).toEqual([2]);
  });

  it('of another form never do', () => {
    expect(sizes([backup('main', '/a'), backup('main', '/a', { form: 'archive' })], [])).toEqual([1, 1]);
  });

  it('with a name that is a part of another name do not', () => {
    expect(sizes([backup('main', '/a'), backup('main-old', '/a')], [])).toEqual([1, 1]);
  });
});

describe('what tells apart', () => {
  it.each([
    ['host,paths', ['host', 'paths']],
    ['path', ['paths']],
    ['', []],
  ])('%j', (text, wanted) => {
    expect(parseNameGroups(text)).toEqual(wanted);
  });

  it('is nothing else', () => {
    expect(() => parseNameGroups('tags')).toThrow(TypeError);
  });
});
