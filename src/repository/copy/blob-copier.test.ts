import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { openBytes, sealBytes } from '../../formats/crypto/sealed.ts';
import { decodePackHeader, type PackEntry } from '../../formats/pack/pack-header.ts';
import { createCodec, type SealKey } from '../../kernels/codec.ts';
import { BlobDecoder } from '../blob-codec.ts';
import { BLOB_DATA, BLOB_TREE, type BlobTypeBit } from '../index/blob-index.ts';
import { BlobCopier } from './blob-copier.ts';
import type { CopierSetup, SealedJob } from './messages.ts';

const codec = createCodec();
const newKey = (): SealKey => ({
  encrypt: new Uint8Array(randomBytes(32)),
  macK: new Uint8Array(randomBytes(16)),
  macR: new Uint8Array(randomBytes(16)),
});
const sourceKey = newKey();
const targetKey = newKey();
const setup: CopierSetup = { sourceKey, targetKey, version: 2, level: 3, packSizeBytes: 100_000, verify: true };

const text = utf8('the same words again and again. '.repeat(500));
const noise = new Uint8Array(randomBytes(20_000));

interface Source {
  readonly plain: Uint8Array;
  readonly compressed: boolean;
}

const idOf = (plain: Uint8Array): Uint8Array => createHash('sha256').update(plain).digest();

/** zstd level 1, which is not the level of the copier. */
function encode({ plain, compressed }: Source): Uint8Array {
  if (!compressed) return plain;
  const room = new Uint8Array(plain.length + 1000);
  return room.slice(0, codec.compressInto(plain, room, 1));
}

function jobOf(type: BlobTypeBit, sources: readonly Source[]): SealedJob {
  const sealed = sources.map((source) => sealBytes(codec, sourceKey, encode(source)));
  let offset = 0;
  const places = sealed.flatMap(({ length }, at) => {
    offset += length;
    const { plain, compressed } = sources[at]!;
    return [offset - length, length, compressed ? plain.length : 0];
  });
  const bytes = new Uint8Array(Buffer.concat(sealed));
  const ids = new Uint8Array(Buffer.concat(sources.map(({ plain }) => idOf(plain))));
  return { kind: 'sealed', type, bytes, ids, places: Uint32Array.from(places) };
}

interface Copied {
  readonly entry: PackEntry;
  readonly encoded: Uint8Array;
  readonly plain: Uint8Array;
}

/** The one pack that a copier has not filled. */
function unfilled(copier: BlobCopier): Copied[] {
  const open = copier.flush();
  if (open === undefined) return [];
  const decoder = new BlobDecoder(codec, targetKey);
  return decodePackHeader(open.header, open.sizeBytes).map((entry) => {
    const sealed = open.buffer.subarray(entry.offset, entry.offset + entry.length);
    const plain = decoder.decode(sealed, Buffer.from(entry.id, 'hex'), entry.uncompressedLength).slice();
    return { entry, plain, encoded: openBytes(codec, targetKey, sealed) };
  });
}

describe('a copied blob', () => {
  it('that is compressed keeps its compressed bytes, under the other key', () => {
    const copier = new BlobCopier(codec, setup);
    const source = { plain: text, compressed: true };
    expect(copier.copy(jobOf(BLOB_DATA, [source])).bad).toEqual([]);
    const [copied] = unfilled(copier);
    expect(Buffer.from(copied!.encoded).equals(encode(source))).toBe(true);
    expect(copied!.entry).toMatchObject({ type: 'data', uncompressedLength: text.length });
  });

  it('that is not compressed is, if that helps', () => {
    const copier = new BlobCopier(codec, setup);
    copier.copy(
      jobOf(BLOB_DATA, [
        { plain: text, compressed: false },
        { plain: noise, compressed: false },
      ]),
    );
    const copied = unfilled(copier);
    expect(copied.map(({ entry }) => entry.uncompressedLength)).toEqual([text.length, 0]);
    expect(Buffer.from(copied[1]!.plain).equals(noise)).toBe(true);
  });

  it('stays as it is without compression, but for trees', () => {
    const copier = new BlobCopier(codec, { ...setup, level: undefined });
    copier.copy(jobOf(BLOB_DATA, [{ plain: text, compressed: false }]));
    expect(unfilled(copier).map(({ entry }) => entry.uncompressedLength)).toEqual([0]);
    copier.copy(jobOf(BLOB_TREE, [{ plain: text, compressed: false }]));
    expect(unfilled(copier).map(({ entry }) => entry.uncompressedLength)).toEqual([text.length]);
  });

  it('is decompressed for version 1, which knows no compression', () => {
    const copier = new BlobCopier(codec, { ...setup, version: 1, level: undefined });
    copier.copy(jobOf(BLOB_TREE, [{ plain: text, compressed: true }]));
    const [copied] = unfilled(copier);
    expect(copied!.entry).toMatchObject({ type: 'tree', uncompressedLength: 0 });
    expect(Buffer.from(copied!.encoded).equals(text)).toBe(true);
  });

  it('may be empty', () => {
    const copier = new BlobCopier(codec, setup);
    copier.copy(jobOf(BLOB_DATA, [{ plain: new Uint8Array(0), compressed: false }]));
    expect(unfilled(copier).map(({ entry }) => entry.length)).toEqual([32]);
  });

  it('that was read on another way is stored as any', () => {
    const copier = new BlobCopier(codec, setup);
    copier.copy({ kind: 'plain', type: BLOB_DATA, id: idOf(text), plain: text });
    expect(unfilled(copier).map(({ entry }) => entry.uncompressedLength)).toEqual([text.length]);
  });
});

describe('a damaged blob', () => {
  const sources = [noise, text, utf8('third')].map((plain) => ({ plain, compressed: plain === text }));

  it('is named, and those around it are copied', () => {
    const copier = new BlobCopier(codec, setup);
    const job = jobOf(BLOB_DATA, sources);
    job.bytes[job.places[3]! + 20]! ^= 1;
    expect(copier.copy(job).bad).toEqual([1]);
    expect(unfilled(copier).map(({ entry }) => entry.id)).toEqual(
      [noise, utf8('third')].map((plain) => Buffer.from(idOf(plain)).toString('hex')),
    );
  });

  it('is one too whose content is intact and another one', () => {
    const copier = new BlobCopier(codec, setup);
    const job = jobOf(BLOB_DATA, sources);
    job.ids.set(randomBytes(32), 0);
    expect(copier.copy(job).bad).toEqual([0]);
  });

  it('is one too that lies outside of what was read', () => {
    const copier = new BlobCopier(codec, setup);
    const job = jobOf(BLOB_DATA, sources);
    expect(copier.copy({ ...job, bytes: job.bytes.slice(0, -1) }).bad).toEqual([2]);
  });
});

describe('a pack', () => {
  const many = Array.from({ length: 12 }, () => ({ plain: new Uint8Array(randomBytes(20_000)), compressed: false }));

  it('is handed over by the blob that fills it', () => {
    const copier = new BlobCopier(codec, setup);
    const { packs } = copier.copy(jobOf(BLOB_DATA, many));
    expect(packs.map(({ pack }) => pack.blobCount)).toEqual([5, 5]);
    expect(unfilled(copier)).toHaveLength(2);
  });

  it('has the hash of its bytes as its id', () => {
    const { packs } = new BlobCopier(codec, setup).copy(jobOf(BLOB_DATA, many));
    for (const { pack, buffer } of packs) {
      expect(Buffer.from(pack.id).equals(idOf(buffer.subarray(0, pack.sizeBytes)))).toBe(true);
    }
  });

  it('takes a blob that is larger than any pack', () => {
    const copier = new BlobCopier(codec, setup);
    const huge = new Uint8Array(randomBytes(10_000_000));
    const { packs } = copier.copy(jobOf(BLOB_DATA, [many[0]!, { plain: huge, compressed: false }, many[1]!]));
    expect(packs.map(({ pack }) => pack.blobCount)).toEqual([1, 1]);
    expect(unfilled(copier)).toHaveLength(1);
  });

  it('may go to another thread half full, and the next type is copied all the same', () => {
    const copier = new BlobCopier(codec, setup);
    // Of one blob, part of the pack has been hashed beside the next.
    copier.copy(jobOf(BLOB_DATA, many.slice(0, 3)));
    const { buffer } = copier.flush()!;
    structuredClone(buffer.buffer, { transfer: [buffer.buffer] });
    expect(copier.copy(jobOf(BLOB_TREE, [{ plain: text, compressed: true }])).bad).toEqual([]);
    expect(unfilled(copier)).toHaveLength(1);
  });

  it('is built in memory that was given back', () => {
    const copier = new BlobCopier(codec, setup);
    const [first] = copier.copy(jobOf(BLOB_DATA, many)).packs;
    copier.flush();
    copier.addSpare(first!.buffer.buffer);
    copier.copy(jobOf(BLOB_DATA, [many[0]!]));
    expect(copier.flush()?.buffer.buffer).toBe(first!.buffer.buffer);
  });
});
