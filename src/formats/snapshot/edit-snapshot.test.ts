import { describe, expect, it } from 'vitest';
import { vector } from '../../../test/support/vectors.ts';
import { utf8 } from '../../base/bytes.ts';
import { editSnapshot, type SnapshotEdits } from './edit-snapshot.ts';
import { decodeSnapshot } from './snapshot.ts';

const edit = (json: string, edits: SnapshotEdits): string => Buffer.from(editSnapshot(utf8(json), edits)).toString();
const ID = 'ab'.repeat(32);

describe('a changed snapshot', () => {
  it.each<[string, SnapshotEdits, string]>([
    [
      '{"time":"t","tree":"x","paths":null}',
      { tags: ['a', 'b'] },
      '{"time":"t","tree":"x","paths":null,"tags":["a","b"]}',
    ],
    ['{"tree":"x","program_version":"p"}', { original: ID }, `{"tree":"x","original":"${ID}","program_version":"p"}`],
    ['{"tree":"x","tags":["a"],"uid":7}', { tags: undefined }, '{"tree":"x","uid":7}'],
    ['{"tree":"x","tags":["a"]}', { tags: ['<'] }, '{"tree":"x","tags":["\\u003c"]}'],
    ['{"tree":"x"}', { tags: undefined }, '{"tree":"x"}'],
    ['{}', { hostname: 'h' }, '{"hostname":"h"}'],
  ])('%s with %j', (json, edits, wanted) => {
    expect(edit(json, edits)).toBe(wanted);
  });

  it('keeps what others put into it, byte for byte', () => {
    const foreign = '"label":"\\u0041","delete":{"At":1.50e2},"big":123456789012345678901234567890';
    expect(edit(`{ ${foreign} , "tree" : "x" }`, { tags: ['a'] })).toBe(`{${foreign},"tree":"x","tags":["a"]}`);
  });

  it('is the document of restic where nothing changes', () => {
    const json = vector('snapshot/restic-0.19.1-second.json');
    expect(Buffer.from(editSnapshot(json, {}))).toEqual(Buffer.from(json));
  });

  it('has new totals in its summary and the rest of it as it was', () => {
    const json = '{"tree":"x","summary":{"more":1.0,"total_files_processed":9,"total_bytes_processed":8}}';
    const wanted = '{"tree":"x","summary":{"more":1.0,"total_files_processed":2,"total_bytes_processed":1}}';
    expect(edit(json, { totals: { files: 2, bytes: 1 } })).toBe(wanted);
  });

  it('gets no summary that it had not', () => {
    expect(edit('{"tree":"x"}', { totals: { files: 2, bytes: 1 } })).toBe('{"tree":"x"}');
  });

  it('can be read', () => {
    const json = editSnapshot(vector('snapshot/restic-0.19.1-first.json'), { tags: ['new'], original: ID });
    expect(decodeSnapshot(json)).toMatchObject({ tags: ['new'], original: ID });
  });

  it.each(['{"tags":[],"tags":[]}', '{"Tags":["a"]}', '{"TREE":"x"}'])('%s is refused', (json) => {
    expect(() => edit(json, { tags: ['b'] })).toThrow(expect.objectContaining({ code: 'REWRITE_REFUSED' }));
  });

  it.each(['', '[]', '{"a":', '{} {}'])('%j is damage', (json) => {
    expect(() => edit(json, {})).toThrow(expect.objectContaining({ code: 'SNAPSHOT_CORRUPT' }));
  });
});
