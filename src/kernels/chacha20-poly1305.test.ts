import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  CHACHA_TAG_SIZE,
  type ChaChaMessage,
  type ChaChaSealer,
  nativeChachaSealer,
  portableChachaSealer,
} from './chacha20-poly1305.ts';

const native = nativeChachaSealer();
const portable = portableChachaSealer();
const sealers = [portable, ...(native === undefined ? [] : [native])];

function seal(sealer: ChaChaSealer, message: ChaChaMessage): string {
  const out = new Uint8Array(message.plain.length + CHACHA_TAG_SIZE);
  expect(sealer.seal(message, out)).toBe(out.length);
  return Buffer.from(out).toString('hex');
}

const message = (size: number): ChaChaMessage => ({
  key: randomBytes(32),
  nonce: randomBytes(12),
  plain: randomBytes(size),
});

describe.each(sealers)('the $kind sealer', (sealer) => {
  it('gives the example of RFC 8439 §2.8.2 without its associated data', () => {
    // The ciphertext is that of the RFC, which the associated data does not change.
    const sealed = seal(sealer, {
      key: Uint8Array.from({ length: 32 }, (_, at) => 0x80 + at),
      nonce: Buffer.from('070000004041424344454647', 'hex'),
      plain: Buffer.from("Ladies and Gentlemen of the class of '99: If I could offer you only one tip"),
    });
    expect(sealed).toMatch(/^d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6/u);
  });

  it('refuses what has no room, and keys and nonces of another size', () => {
    const { key, nonce, plain } = message(10);
    expect(() => sealer.seal({ key, nonce, plain }, new Uint8Array(25))).toThrow(RangeError);
    expect(() => sealer.seal({ key: key.subarray(1), nonce, plain }, new Uint8Array(26))).toThrow(RangeError);
    expect(() => sealer.seal({ key, nonce: nonce.subarray(1), plain }, new Uint8Array(26))).toThrow(RangeError);
  });
});

describe.skipIf(native === undefined)('the native sealer', () => {
  it('gives what node:crypto gives, whatever the size and in whatever order keys change', () => {
    const first = message(65_536);
    const messages = [first, message(0), message(1), { ...first, nonce: randomBytes(12) }, message(65_537), first];
    for (const one of messages) expect(seal(native ?? portable, one)).toBe(seal(portable, one));
  });
});
