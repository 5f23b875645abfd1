import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes } from '../base/bytes.ts';
import { idToBytes } from '../base/ids.ts';
import { newMasterKey } from '../formats/crypto/key-file.ts';
import { openBytes } from '../formats/crypto/sealed.ts';
import { decodePackHeader, decodePackTrailer, PACK_TRAILER, type PackEntry } from '../formats/pack/pack-header.ts';
import { createCodec, type Codec } from '../kernels/codec.ts';
import { decodeBlob } from './blob-codec.ts';
import { BLOB_DATA, BLOB_TREE } from './index/blob-index.ts';
import { PACK_HEADER_ROOM, PackBuilder, type FinishedPack } from './pack-builder.ts';
import { blobIdOf } from '../../test/support/repository-fixture.ts';

const codec = createCodec();
const key = newMasterKey();
const BUFFER_BYTES = 256 * 1024 + PACK_HEADER_ROOM;

const text = Buffer.from('the same line again and again\n'.repeat(200));
const noise = randomBytes(5000);

const newBuffer = (): Uint8Array => new Uint8Array(BUFFER_BYTES);
const idOf = (plain: Uint8Array): Uint8Array => idToBytes(blobIdOf(plain));

/** The entries of a finished pack, read as another program would: from its end. */
function entriesOf(pack: FinishedPack, buffer: Uint8Array): PackEntry[] {
  const bytes = buffer.subarray(0, pack.sizeBytes);
  const { headerOffset, headerLength } = decodePackTrailer(bytes.subarray(-PACK_TRAILER), bytes.length);
  const sealed = bytes.subarray(headerOffset, headerOffset + headerLength);
  return decodePackHeader(openBytes(codec, key, sealed), headerOffset);
}

function plainOf(entry: PackEntry, buffer: Uint8Array): Uint8Array {
  return decodeBlob(codec, key, buffer.slice(entry.offset, entry.offset + entry.length), entry);
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

describe('PackBuilder', () => {
  it('lays blobs, header and length out so that they decode to what was added', () => {
    const buffer = newBuffer();
    const builder = new PackBuilder(codec, key, buffer);
    builder.addRaw(BLOB_DATA, idOf(noise), noise);
    builder.addCompressed(BLOB_DATA, idOf(text), text, 3);
    const pack = builder.finish();
    const entries = entriesOf(pack, buffer);
    expect(entries.map(({ type, id }) => ({ type, id }))).toEqual([
      { type: 'data', id: blobIdOf(noise) },
      { type: 'data', id: blobIdOf(text) },
    ]);
    expect(
      entries.map((entry) => equalBytes(plainOf(entry, buffer), entry.id === blobIdOf(text) ? text : noise)),
    ).toEqual([true, true]);
  });

  it('names the pack by the SHA-256 of its bytes', () => {
    const buffer = newBuffer();
    const builder = new PackBuilder(codec, key, buffer);
    builder.addCompressed(BLOB_TREE, idOf(text), text, 3);
    builder.addRaw(BLOB_TREE, idOf(noise), noise);
    const { id, sizeBytes } = builder.finish();
    expect(equalBytes(id, sha256(buffer.subarray(0, sizeBytes)))).toBe(true);
  });

  it('hands out the plaintext of its header', () => {
    const buffer = newBuffer();
    const builder = new PackBuilder(codec, key, buffer);
    builder.addCompressed(BLOB_TREE, idOf(text), text, 3);
    const pack = builder.finish();
    expect(decodePackHeader(pack.header)).toEqual(entriesOf(pack, buffer));
    expect(pack.blobCount).toBe(1);
  });

  it('stores a blob that does not shrink as it is', () => {
    const buffer = newBuffer();
    const builder = new PackBuilder(codec, key, buffer);
    builder.addCompressed(BLOB_DATA, idOf(noise), noise, 3);
    const [entry] = entriesOf(builder.finish(), buffer);
    expect(entry).toMatchObject({ uncompressedLength: 0, length: noise.length + 32 });
    expect(equalBytes(plainOf(entry as PackEntry, buffer), noise)).toBe(true);
  });

  it.each([0, 1, 2])('takes a blob of %i bytes', (size) => {
    const plain = new Uint8Array(size).fill(7);
    const buffer = newBuffer();
    const builder = new PackBuilder(codec, key, buffer);
    builder.addCompressed(BLOB_DATA, idOf(plain), plain, 3);
    const [entry] = entriesOf(builder.finish(), buffer);
    expect(equalBytes(plainOf(entry as PackEntry, buffer), plain)).toBe(true);
  });

  it('tells the bytes that a blob takes with its header entry', () => {
    const builder = new PackBuilder(codec, key, newBuffer());
    const raw = builder.addRaw(BLOB_DATA, idOf(noise), noise);
    const compressed = builder.addCompressed(BLOB_DATA, idOf(text), text, 3);
    expect(raw).toEqual({ length: noise.length + 32, packedLength: noise.length + 32 + 37 });
    expect(compressed.packedLength - compressed.length).toBe(41);
    expect(builder.sizeBytes).toBe(raw.length + compressed.length);
  });

  it('joins the sealed blobs of several builders into one pack', () => {
    const blobs = [noise, text, randomBytes(300), Buffer.from('x')];
    const merged = newBuffer();
    const target = new PackBuilder(codec, key, merged);
    for (const half of [blobs.slice(0, 2), blobs.slice(2)]) {
      const source = new PackBuilder(codec, key, newBuffer());
      for (const plain of half) source.addCompressed(BLOB_DATA, idOf(plain), plain, 3);
      target.addSealed(source.blobs, source.header, source.blobCount);
    }
    const pack = target.finish();
    expect(equalBytes(pack.id, sha256(merged.subarray(0, pack.sizeBytes)))).toBe(true);
    const plains = entriesOf(pack, merged).map((entry) => plainOf(entry, merged));
    expect(equalBytes(concatBytes(plains), concatBytes(blobs))).toBe(true);
  });

  it('takes over the blobs that lie in its own buffer already', () => {
    const buffer = newBuffer();
    const first = new PackBuilder(codec, key, buffer);
    first.addRaw(BLOB_DATA, idOf(noise), noise);
    const second = new PackBuilder(codec, key, buffer);
    second.addSealed(first.blobs, first.header, first.blobCount);
    const pack = second.finish();
    expect(equalBytes(pack.id, sha256(buffer.subarray(0, pack.sizeBytes)))).toBe(true);
    expect(equalBytes(plainOf(entriesOf(pack, buffer)[0] as PackEntry, buffer), noise)).toBe(true);
  });

  it('begins anew after a pack that was finished', () => {
    const builder = new PackBuilder(codec, key, newBuffer());
    builder.addRaw(BLOB_DATA, idOf(noise), noise);
    builder.finish();
    const buffer = newBuffer();
    builder.restart(buffer);
    builder.addRaw(BLOB_DATA, idOf(text), text);
    const pack = builder.finish();
    expect(entriesOf(pack, buffer).map(({ id }) => id)).toEqual([blobIdOf(text)]);
    expect(equalBytes(pack.id, sha256(buffer.subarray(0, pack.sizeBytes)))).toBe(true);
  });

  it('begins anew after a pack that was left unfinished', () => {
    const builder = new PackBuilder(codec, key, newBuffer());
    builder.addRaw(BLOB_DATA, idOf(noise), noise);
    const buffer = newBuffer();
    builder.restart(buffer);
    builder.addRaw(BLOB_DATA, idOf(text), text);
    const pack = builder.finish();
    expect(equalBytes(pack.id, sha256(buffer.subarray(0, pack.sizeBytes)))).toBe(true);
  });

  it('goes on in a larger buffer', () => {
    const small = new Uint8Array(noise.length + 32 + PACK_HEADER_ROOM);
    const builder = new PackBuilder(codec, key, small);
    expect(builder.hasRoomFor(noise.length)).toBe(true);
    builder.addRaw(BLOB_TREE, idOf(noise), noise);
    expect(builder.hasRoomFor(1)).toBe(false);
    const large = newBuffer();
    builder.moveTo(large);
    builder.addCompressed(BLOB_TREE, idOf(text), text, 3);
    const pack = builder.finish();
    expect(equalBytes(pack.id, sha256(large.subarray(0, pack.sizeBytes)))).toBe(true);
    expect(entriesOf(pack, large)).toHaveLength(2);
  });

  it('refuses to finish an empty pack', () => {
    expect(() => new PackBuilder(codec, key, newBuffer()).finish()).toThrow(
      expect.objectContaining({ code: 'PACK_CORRUPT' }),
    );
  });
});

describe('PackBuilder that verifies', () => {
  /** One bit of what it compresses is another one: faults of memory, processor and library look like this. */
  const flipsCompressed: Codec = {
    kind: codec.kind,
    sha256: (data, out) => codec.sha256(data, out),
    sha256Each: (messages, out) => codec.sha256Each(messages, out),
    createSha256: () => codec.createSha256(),
    createGrowingSha256: () => codec.createGrowingSha256(),
    sealInto: (sealKey, plain, dst) => codec.sealInto(sealKey, plain, dst),
    openInto: (sealKey, sealed, dst) => codec.openInto(sealKey, sealed, dst),
    decompressInto: (data, dst) => codec.decompressInto(data, dst),
    compressInto: (data, dst, level) => {
      const changed = data.map((byte, at) => (at === 1000 ? byte ^ 1 : byte));
      return codec.compressInto(changed, dst, level);
    },
  };

  it('refuses a blob that does not come back as it went in', () => {
    const builder = new PackBuilder(flipsCompressed, key, newBuffer(), { verify: true });
    expect(() => builder.addCompressed(BLOB_DATA, idOf(text), text, 3)).toThrow(
      expect.objectContaining({ code: 'WRITE_VERIFY_FAILED', facts: { blob: blobIdOf(text) } }),
    );
    expect(builder.blobCount).toBe(0);
  });

  it('refuses content that changed after its id was computed', () => {
    const builder = new PackBuilder(codec, key, newBuffer(), { verify: true });
    expect(() => builder.addRaw(BLOB_DATA, idOf(noise), randomBytes(5000))).toThrow(
      expect.objectContaining({ code: 'WRITE_VERIFY_FAILED' }),
    );
  });

  it('gives the packs of one that does not', () => {
    const buffer = newBuffer();
    const builder = new PackBuilder(codec, key, buffer, { verify: true });
    builder.addRaw(BLOB_DATA, idOf(noise), noise);
    builder.addCompressed(BLOB_TREE, idOf(text), text, 3);
    const entries = entriesOf(builder.finish(), buffer);
    expect(entries.map((entry) => plainOf(entry, buffer))).toEqual([new Uint8Array(noise), new Uint8Array(text)]);
  });
});
