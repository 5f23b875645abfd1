import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryPacks, type ListedPack } from '../../../test/support/pack-arbitrary.ts';
import { vector } from '../../../test/support/vectors.ts';
import type { PackId } from '../../base/ids.ts';
import { idFromBytes } from '../../base/ids.ts';
import type { PackEntry } from '../pack/pack-header.ts';
import { decodeIndexFile, encodeIndexFile } from './index-file.ts';

function decode(json: Uint8Array): ListedPack[] {
  const packs: ListedPack[] = [];
  decodeIndexFile(json, {
    pack: (id) => packs.push({ id: idFromBytes(id), blobs: [] }),
    blob: (type, id, offset, length, uncompressedLength) =>
      packs
        .at(-1)
        ?.blobs.push({ type: type === 1 ? 'tree' : 'data', id: idFromBytes(id), offset, length, uncompressedLength }),
  });
  return packs;
}

const packs = arbitraryPacks();
const a = 'a1'.repeat(32);
const b = 'b2'.repeat(32);

describe('index file', () => {
  it('decodes to what was encoded', () => {
    fc.assert(
      fc.property(packs, (list) => {
        expect(decode(encodeIndexFile(list))).toEqual(list);
      }),
    );
  });

  it('has the canonical form', () => {
    const blob: PackEntry = { type: 'data', id: b as PackEntry['id'], offset: 0, length: 38, uncompressedLength: 0 };
    const blobs = [blob, { ...blob, offset: 38, uncompressedLength: 511 }];
    expect(Buffer.from(encodeIndexFile([{ id: a as PackId, blobs }])).toString()).toBe(
      `{"packs":[{"id":"${a}","blobs":[{"id":"${b}","type":"data","offset":0,"length":38},` +
        `{"id":"${b}","type":"data","offset":38,"length":38,"uncompressed_length":511}]}]}\n`,
    );
  });

  it.each(['index-file/restic-0.14.0.json', 'index-file/restic-0.19.1.json'])('decodes and encodes %s', (name) => {
    const json = vector(name);
    expect(Buffer.from(encodeIndexFile(decode(json)))).toEqual(Buffer.from(json));
  });

  it('is the same when empty', () => {
    expect(Buffer.from(encodeIndexFile([])).toString()).toBe('{"packs":[]}\n');
  });

  it('takes keys in any order, white space, and keys it does not know', () => {
    const text = ` { "supersedes" : ["${b}"], "time":{"x":[1,{}]}, "packs" : [ { "size":5, "blobs" : [
      { "length":38, "x":null, "type":"tree", "uncompressed_length":null, "offset":7, "id":"${b.toUpperCase()}" } ], "id":"${a}" },
      {"id":"${b}","blobs":null} ], "packs_to_delete":[{"id":"${a}"}] } `;
    expect(decode(Buffer.from(text))).toEqual([
      { id: a, blobs: [{ type: 'tree', id: b, offset: 7, length: 38, uncompressedLength: 0 }] },
      { id: b, blobs: [] },
    ]);
  });

  it.each([
    ['no list of packs', '{}', 0],
    ['null packs', '{"packs":null}', 0],
  ])('takes %s as empty', (_what, text, count) => {
    expect(decode(Buffer.from(text))).toHaveLength(count);
  });

  const blob = `"id":"${b}","type":"data","offset":0,"length":38`;
  it.each([
    ['the list of restic 0.1', '[]'],
    ['an id that is too short', `{"packs":[{"id":"${a.slice(2)}","blobs":[]}]}`],
    ['an id with a letter that is no digit', `{"packs":[{"id":"g${a.slice(1)}","blobs":[]}]}`],
    ['a pack without id', '{"packs":[{"blobs":[]}]}'],
    ['a pack with two lists', `{"packs":[{"id":"${a}","blobs":[],"blobs":[]}]}`],
    ['a blob without length', `{"packs":[{"id":"${a}","blobs":[{"id":"${b}","type":"data","offset":0}]}]}`],
    ['an unknown type', `{"packs":[{"id":"${a}","blobs":[{${blob.replace('data', 'dada')}}]}]}`],
    ['an offset of 2^32', `{"packs":[{"id":"${a}","blobs":[{${blob.replace('"offset":0', '"offset":4294967296')}}]}]}`],
    ['a negative length', `{"packs":[{"id":"${a}","blobs":[{${blob.replace('38', '-38')}}]}]}`],
    ['a fraction', `{"packs":[{"id":"${a}","blobs":[{${blob.replace('38', '38.5')}}]}]}`],
    ['text after the end', '{"packs":[]}x'],
    ['an unfinished document', '{"packs":['],
  ])('refuses %s', (_what, text) => {
    expect(() => decode(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'INDEX_CORRUPT' }));
  });
});
