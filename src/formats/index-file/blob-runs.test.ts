import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryPacks, type ListedPack } from '../../../test/support/pack-arbitrary.ts';
import { vector } from '../../../test/support/vectors.ts';
import { CairnError, hasCode } from '../../base/errors.ts';
import type { PackId } from '../../base/ids.ts';
import { idFromBytes } from '../../base/ids.ts';
import { RECORD_WORDS } from '../../kernels/blob-record.ts';
import type { PackEntry } from '../pack/pack-header.ts';
import { type BlobRun, createBlobRunReader } from './blob-runs.ts';
import { decodeIndexFile, encodeIndexFile } from './index-file.ts';

const packs = arbitraryPacks();
const a = 'a1'.repeat(32);
const b = 'b2'.repeat(32);

function makePack(n: number, blobs: number): ListedPack {
  return {
    id: n.toString(16).padStart(64, 'c') as PackId,
    blobs: Array.from({ length: blobs }, (_, i) => ({
      type: i % 7 === 0 ? ('tree' as const) : ('data' as const),
      id: (n * 100_000 + i).toString(16).padStart(64, 'b') as PackEntry['id'],
      offset: i * 1001,
      length: i,
      uncompressedLength: i % 3 === 0 ? 0 : i * 17,
    })),
  };
}

function withoutKernels(): never {
  throw new CairnError('KERNEL_UNAVAILABLE', 'no kernels');
}

describe('an index file read in runs', () => {
  const reader = createBlobRunReader();

  /** What a sink is told of `json`, call by call, and how it ended. */
  function told(json: Uint8Array, inRuns: boolean): { calls: string[]; error: string; longestRun: number } {
    const calls: string[] = [];
    let longestRun = 0;
    const pack = (id: Uint8Array): void => void calls.push(idFromBytes(id));
    const blob = (...[type, id, ...place]: [number, Uint8Array, number, number, number]): void =>
      void calls.push([type, idFromBytes(id), ...place].join(' '));
    const run = ({ records, packs: begun }: BlobRun): void => {
      longestRun = Math.max(longestRun, records.length / RECORD_WORDS);
      const ids = new Uint8Array(begun.buffer, begun.byteOffset, begun.byteLength);
      let current = 0;
      for (let at = 0; at < records.length; at += RECORD_WORDS) {
        const record = records.slice(at, at + RECORD_WORDS);
        const [word = 0, offset = 0, length = 0, plain = 0] = record.subarray(8);
        for (; current < (word & 0x3fffffff); current++) pack(ids.subarray(32 * current));
        blob(word < 0 ? 1 : 0, new Uint8Array(record.buffer), offset >>> 0, length >>> 0, plain >>> 0);
      }
      expect(current).toBe(begun.length / 8);
    };
    try {
      decodeIndexFile(json, inRuns ? { pack, blob, run } : { pack, blob }, reader);
      return { calls, error: '', longestRun };
    } catch (error) {
      if (!hasCode(error, 'INDEX_CORRUPT')) throw error;
      return { calls, error: error.message, longestRun };
    }
  }

  it('tells the same as one read blob by blob, over the ends of windows and packs', () => {
    const packs = Array.from({ length: 300 }, (_, n) => makePack(n, n % 50 === 0 ? 1500 : n % 9));
    const json = encodeIndexFile(packs);
    expect(json.length).toBeGreaterThan(1_000_000);
    const inRuns = told(json, true);
    expect(inRuns.calls).toEqual(told(json, false).calls);
    expect(inRuns.longestRun).toBeGreaterThan(500);
  });

  it.each(['index-file/restic-0.14.0.json', 'index-file/restic-0.19.1.json'])('tells all of %s in one run', (name) => {
    const { calls, longestRun } = told(vector(name), true);
    const packs = calls.filter((call) => !call.includes(' ')).length;
    expect([calls, packs + longestRun]).toEqual([told(vector(name), false).calls, calls.length]);
  });

  it('tells the same wherever the document lies in memory', () => {
    const json = encodeIndexFile([makePack(1, 1500), makePack(2, 1500)]);
    const expected = told(json, false).calls;
    for (let shift = 0; shift < 8; shift++) {
      const moved = new Uint8Array(json.length + shift).subarray(shift);
      moved.set(json);
      expect(told(moved, true).calls).toEqual(expected);
    }
  });

  const mutation = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    remove: fc.nat(3),
    insert: fc.oneof(
      fc.stringMatching(/^[{}[\]",:0129afAF.e \\\n-]{0,3}$/),
      fc.constantFrom(']},{"id":"', ',"x":[{}]', '"uncompressed_length":null', ' ', ',"size":5', ',"blobs":[]'),
    ),
  });

  it('tells the same, or fails the same, after any change of the text', () => {
    let readable = 0;
    fc.assert(
      fc.property(packs, fc.array(mutation, { maxLength: 3 }), (list, mutations) => {
        let text = Buffer.from(encodeIndexFile(list)).toString('latin1');
        for (const { at, remove, insert } of mutations) {
          const from = Math.floor(at * text.length);
          text = text.slice(0, from) + insert + text.slice(from + remove);
        }
        const json = Buffer.from(text, 'latin1');
        const one = told(json, false);
        const many = told(json, true);
        expect([many.calls, many.error]).toEqual([one.calls, one.error]);
        readable += many.longestRun;
      }),
      { numRuns: 500 },
    );
    expect(readable).toBeGreaterThan(0);
  });

  const id = `"id":"${b}"`;
  it.each([
    ['white space', `{${id}, "type":"data","offset":0,"length":38}`],
    ['keys in another order', `{"type":"data",${id},"offset":0,"length":38}`],
    ['a key it does not know', `{${id},"type":"data","offset":0,"length":38,"x":1}`],
    ['digits in capitals', `{"id":"${b.toUpperCase()}","type":"data","offset":0,"length":38}`],
    ['an escape', `{${id},"typ\\u0065":"data","type":"data","offset":0,"length":38}`],
    ['null for a size', `{${id},"type":"data","offset":0,"length":38,"uncompressed_length":null}`],
  ])('goes on in runs behind a blob with %s', (_what, odd) => {
    const usual = `{${id},"type":"data","offset":0,"length":38}`;
    const json = Buffer.from(`{"packs":[{"id":"${a}","blobs":[${usual},${odd},${usual},${usual}]}]}`);
    const inRuns = told(json, true);
    expect([inRuns.calls, inRuns.error]).toEqual([told(json, false).calls, '']);
    expect(inRuns.longestRun).toBe(2);
  });

  it('tells the packs of rustic, with a time and a size, and nothing of packs to delete', () => {
    const packs = [makePack(1, 20), makePack(2, 0), makePack(3, 20)];
    const text = Buffer.from(encodeIndexFile(packs)).toString('latin1').trim();
    const list = text.slice('{"packs":'.length, -1).replaceAll(']}', '],"time":"2024-01-02T03:04:05+01:00","size":9}');
    const json = Buffer.from(`{"supersedes":["${a}"],"packs":${list},"packs_to_delete":${list}}`);
    expect(told(json, true)).toEqual({ calls: told(encodeIndexFile(packs), false).calls, error: '', longestRun: 20 });
  });

  it('does not run on from a list that came before the id of its pack', () => {
    const usual = `{${id},"type":"data","offset":0,"length":38}`;
    const json = Buffer.from(`{"packs":[{"blobs":[${usual}],"id":"${a}"},{"id":"${b}","blobs":[${usual}]}]}`);
    expect(told(json, true).calls).toEqual(told(json, false).calls);
  });

  it('is none where the kernels are missing', () => {
    expect(createBlobRunReader(withoutKernels)).toBeUndefined();
  });
});
