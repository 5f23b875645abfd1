import { describe, expect, it } from 'vitest';
import { hasCode } from '../base/errors.ts';
import { createCodec, SEAL_OVERHEAD, type Codec, type SealKey } from './codec.ts';

const sequence = (from: number, count: number): Uint8Array => Uint8Array.from({ length: count }, (_, i) => from + i);
const key: SealKey = { encrypt: sequence(0, 32), macK: sequence(0x20, 16), macR: sequence(0xf0, 16) };
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

// A message made for the format's description: IV 80…8f (16 bytes), ciphertext, MAC (16); plaintext {"hello":"world"}.
const vector = hex(
  '808182838485868788898a8b8c8d8e8fcb929d1ea7fbd8a19b71f898fcf60ce0832a6fb07f47620e18f5a5275d6aeb49ef',
);
const emptyVector = hex('808182838485868788898a8b8c8d8e8f254b1c41800c8d3df5fb5537bf3a961f');

function noise(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0, x = 1; i < size; i++) {
    x = (x * 1103515245 + 12345) >>> 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
}

const codecs: [string, Codec][] = [
  ['native', createCodec({ prefer: 'native' })],
  ['portable', createCodec({ prefer: 'portable' })],
];

describe.each(codecs)('%s codec', (_name, codec) => {
  it('opens the reference message', () => {
    const plain = new Uint8Array(vector.length - SEAL_OVERHEAD);
    codec.openInto(key, vector, plain);
    expect(Buffer.from(plain).toString()).toBe('{"hello":"world"}');
  });

  it('opens the reference message of no bytes', () => {
    expect(codec.openInto(key, emptyVector, new Uint8Array(0))).toBe(0);
  });

  it('opens what it sealed, at sizes around the block edges', () => {
    for (const size of [0, 1, 15, 16, 17, 63, 64, 65, 4096, 100_001]) {
      const plain = noise(size);
      const sealed = new Uint8Array(size + SEAL_OVERHEAD);
      expect(codec.sealInto(key, plain, sealed)).toBe(sealed.length);
      const opened = new Uint8Array(size);
      codec.openInto(key, sealed, opened);
      expect(Buffer.compare(opened, plain)).toBe(0);
    }
  });

  it('uses a fresh IV for every message', () => {
    const first = new Uint8Array(64);
    const second = new Uint8Array(64);
    codec.sealInto(key, noise(32), first);
    codec.sealInto(key, noise(32), second);
    expect(Buffer.compare(first.subarray(0, 16), second.subarray(0, 16))).not.toBe(0);
  });

  it('refuses a message in which any one bit is flipped and leaves the destination untouched', () => {
    for (let bit = 0; bit < vector.length * 8; bit++) {
      const damaged = vector.slice();
      damaged[bit >> 3] = damaged[bit >> 3]! ^ (1 << (bit & 7));
      const dst = new Uint8Array(17);
      let thrown: unknown;
      try {
        codec.openInto(key, damaged, dst);
      } catch (error) {
        thrown = error;
      }
      expect(hasCode(thrown, 'SEAL_BROKEN')).toBe(true);
      expect(dst.every((byte) => byte === 0)).toBe(true);
    }
  });

  it('refuses a message that is too short', () => {
    expect(() => codec.openInto(key, vector.subarray(0, 31), new Uint8Array(32))).toThrow(/at least 32 bytes/);
  });

  it('refuses a destination that is too small instead of writing past it', () => {
    expect(() => codec.sealInto(key, noise(10), new Uint8Array(41))).toThrow(RangeError);
    expect(() => codec.openInto(key, vector, new Uint8Array(16))).toThrow(RangeError);
  });

  it('switches between keys', () => {
    const other: SealKey = { encrypt: sequence(9, 32), macK: sequence(1, 16), macR: sequence(2, 16) };
    const sealed = new Uint8Array(40);
    codec.sealInto(other, noise(8), sealed);
    expect(() => codec.openInto(key, sealed, new Uint8Array(8))).toThrow();
    expect(codec.openInto(other, sealed, new Uint8Array(8))).toBe(8);
  });

  it('decompresses what it compressed', () => {
    const data = new TextEncoder().encode('cairn '.repeat(5000));
    const dst = new Uint8Array(data.length);
    const size = codec.compressInto(data, dst, 3);
    const back = new Uint8Array(data.length);
    expect(size).toBeLessThan(1000);
    expect(codec.decompressInto(dst.subarray(0, size), back)).toBe(data.length);
    expect(Buffer.compare(back, data)).toBe(0);
  });

  it('reports 0 when the compressed form does not fit', () => {
    expect(codec.compressInto(noise(1000), new Uint8Array(500), 3)).toBe(0);
  });

  it('refuses compressed data that is damaged or larger than announced', () => {
    const dst = new Uint8Array(1000);
    const size = codec.compressInto(new Uint8Array(5000), dst, 3);
    expect(() => codec.decompressInto(dst.subarray(0, size), new Uint8Array(4999))).toThrow(/not valid zstd/);
    expect(() => codec.decompressInto(noise(50), new Uint8Array(5000))).toThrow(/not valid zstd/);
  });

  it('hashes the empty input, one byte and a running input', () => {
    const out = new Uint8Array(32);
    codec.sha256(new Uint8Array(0), out);
    expect(Buffer.from(out).toString('hex')).toMatch(/^e3b0c44298fc1c149afbf4c8996fb924/);
    const whole = new Uint8Array(32);
    codec.sha256(noise(1000), whole);
    const running = codec.createSha256();
    for (let round = 0; round < 2; round++) {
      running.update(noise(1000).subarray(0, 333));
      running.update(noise(1000).subarray(333));
      running.digestInto(out);
      expect(Buffer.compare(out, whole)).toBe(0);
    }
  });
});

it('takes the native codec on this platform', () => {
  expect(createCodec().kind).toBe('native');
});
