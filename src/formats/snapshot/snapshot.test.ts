import { describe, expect, it } from 'vitest';
import { vector, vectorNames } from '../../../test/support/vectors.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts';

const tree = 'e5'.repeat(32);
const time = '2024-07-03T11:46:40.123456789+02:00';
const snapshot = (fields = ''): Uint8Array =>
  Buffer.from(`{"time":"${time}","tree":"${tree}","paths":["/home/a"]${fields}}`);
const encodedAgain = (json: Uint8Array): string => Buffer.from(encodeSnapshot(decodeSnapshot(json))).toString();

describe('snapshot', () => {
  it.each(vectorNames('snapshot'))('encodes %s as it was', (name) => {
    expect(encodedAgain(vector(name))).toBe(Buffer.from(vector(name)).toString());
  });

  it('decodes the fields of a snapshot of restic', () => {
    expect(decodeSnapshot(vector('snapshot/restic-0.19.1-first.json'))).toMatchObject({
      hostname: 'vector-host',
      username: 'root',
      uid: 0,
      tags: ['odd <&>', 'b'],
      excludes: ['*.\u2028tmp'],
      programVersion: 'restic 0.19.1',
      summary: { filesNew: 297, dataAddedPacked: 5825, extra: {} },
      extra: {},
    });
  });

  it('keeps the text of the time when it is saved again', () => {
    expect(encodedAgain(snapshot())).toContain(time);
  });

  it('takes absent lists and null lists as empty', () => {
    const json = Buffer.from(`{"time":"${time}","tree":"${tree}","paths":null,"tags":null}`);
    expect(decodeSnapshot(json)).toMatchObject({ paths: [], tags: [], excludes: [] });
  });

  it('keeps the fields of other programs, also in the summary', () => {
    const json = snapshot(
      ',"summary":{"backup_start":"2024-01-01T00:00:00Z","backup_end":"2024-01-01T00:00:01Z","files_new":1,"files_changed":0,' +
        '"files_unmodified":0,"dirs_new":0,"dirs_changed":0,"dirs_unmodified":0,"data_blobs":0,"tree_blobs":0,"data_added":0,' +
        '"data_added_packed":0,"total_files_processed":0,"total_bytes_processed":0,"command":"x"},"label":"l","delete":{"At":"y"}',
    );
    expect(encodedAgain(json)).toBe(Buffer.from(json).toString());
  });

  it('takes a summary that lacks fields', () => {
    const decoded = decodeSnapshot(snapshot(',"summary":{"files_new":7}'));
    expect(decoded.summary).toMatchObject({ filesNew: 7, dataAdded: 0, backupStart: decoded.time });
  });

  it('keeps a summary that it cannot read', () => {
    const json = snapshot(',"summary":{"files_new":"many"}');
    expect([decodeSnapshot(json).summary, encodedAgain(json)]).toEqual([undefined, Buffer.from(json).toString()]);
  });

  it('takes the all-zero tree of old snapshots', () => {
    const zero = '0'.repeat(64);
    expect(decodeSnapshot(Buffer.from(`{"time":"${time}","tree":"${zero}","paths":[]}`)).tree).toBe(zero);
  });

  it.each([
    ['no tree', `{"time":"${time}","paths":[]}`],
    ['a null tree', `{"time":"${time}","tree":null,"paths":[]}`],
    ['no time', `{"tree":"${tree}","paths":[]}`],
    ['paths that are no text', `{"time":"${time}","tree":"${tree}","paths":[1]}`],
    ['a parent that is no id', `{"time":"${time}","tree":"${tree}","parent":"x"}`],
    ['a negative uid', `{"time":"${time}","tree":"${tree}","uid":-1}`],
    ['a list', '[]'],
    ['no document', ''],
  ])('refuses %s', (_what, text) => {
    expect(() => decodeSnapshot(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'SNAPSHOT_CORRUPT' }));
  });
});
