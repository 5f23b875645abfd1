import { generateHybridIdentity, generateX25519Identity, identityToRecipient } from 'age-encryption';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes, utf8 } from '../../base/bytes.ts';
import { isCairnError } from '../../base/errors.ts';
import { generateKey } from '../../base/generated-key.ts';
import { Secret } from '../../base/secret.ts';
import { ageDecryptor, ageEncryptor, openAge, sealAge } from './age-file.ts';
import { ageHeaderSize } from './age-header.ts';
import { agePayloadKey, agePayloadSize, AgePayloadReader, AgePayloadWriter } from './age-payload.ts';

const CHUNK = 65_536;
const cheap = { workFactor: 4 };
const passphrase = new Secret('correct horse');
const key = agePayloadKey(new Uint8Array(16).fill(7), new Uint8Array(16).fill(9));

function bytesOfSize(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
}

function seal(plaintext: Uint8Array): Uint8Array {
  const writer = new AgePayloadWriter(key);
  return concatBytes([writer.update(plaintext), writer.final()]);
}

function open(sealed: Uint8Array): Uint8Array {
  const reader = new AgePayloadReader(key);
  return concatBytes([reader.update(sealed), reader.final()]);
}

const broken = expect.objectContaining({ code: 'SEAL_BROKEN' });

describe('the payload', () => {
  it.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])(
    'of %i bytes comes back, and has the size it should',
    (size) => {
      const sealed = seal(bytesOfSize(size));
      expect(sealed.length).toBe(agePayloadSize(size) - 16);
      expect(equalBytes(open(sealed), bytesOfSize(size))).toBe(true);
    },
  );

  it('is the same whatever the pieces are in which it is written and read', () => {
    const whole = bytesOfSize(2 * CHUNK + 100);
    const sealed = seal(whole);
    const cuts = fc.array(fc.integer({ min: 1, max: CHUNK + 50 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(cuts, (sizes) => {
        const writer = new AgePayloadWriter(key);
        const reader = new AgePayloadReader(key);
        const written = concatBytes([
          ...pieces(whole, sizes).map((piece) => writer.update(piece).slice()),
          writer.final(),
        ]);
        const read = concatBytes([...pieces(sealed, sizes).map((piece) => reader.update(piece)), reader.final()]);
        expect(equalBytes(written, sealed) && equalBytes(read, whole)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('in which any bit is flipped is refused', () => {
    const sealed = seal(bytesOfSize(CHUNK + 300));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: sealed.length * 8 - 1 }), (bit) => {
        const damaged = sealed.slice();
        damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(() => open(damaged)).toThrow(broken);
      }),
      { numRuns: 60 },
    );
  });

  it('that ends too early is refused, also where a chunk ends', () => {
    const sealed = seal(bytesOfSize(2 * CHUNK + 300));
    for (const size of [0, 15, 16, CHUNK + 16, 2 * (CHUNK + 16), 2 * (CHUNK + 16) + 16, sealed.length - 1]) {
      expect(() => open(sealed.subarray(0, size))).toThrow(broken);
    }
  });

  it('whose chunks changed places, or that goes on after its end, is refused', () => {
    const sealed = seal(bytesOfSize(2 * CHUNK + 300));
    const [a, b, rest] = [
      sealed.subarray(0, CHUNK + 16),
      sealed.subarray(CHUNK + 16, 2 * (CHUNK + 16)),
      sealed.subarray(2 * (CHUNK + 16)),
    ];
    expect(() => open(concatBytes([b, a, rest]))).toThrow(broken);
    expect(() => open(concatBytes([a, a, b, rest]))).toThrow(broken);
    expect(() => open(concatBytes([sealed, new Uint8Array(1)]))).toThrow(broken);
  });

  it('with an empty last chunk after others is refused', () => {
    const writer = new AgePayloadWriter(key);
    const first = concatBytes([writer.update(bytesOfSize(CHUNK + 1))]);
    const empty = new AgePayloadWriter(key);
    expect(() => open(concatBytes([first, empty.final()]))).toThrow(broken);
  });
});

describe('a file', () => {
  it('opens with its passphrase, and says so at its header with another one', async () => {
    const sealed = await sealAge(utf8('hello'), { passphrase }, cheap);
    expect(await openAge(sealed, { passphrase })).toEqual(utf8('hello'));
    const header = sealed.subarray(0, ageHeaderSize(sealed));
    await expect(ageDecryptor(header, { passphrase: new Secret('wrong') })).rejects.toMatchObject({
      code: 'PASSWORD_WRONG',
    });
  });

  it.each([
    ['X25519', generateX25519Identity],
    ['post-quantum', generateHybridIdentity],
  ])('opens with the secret key of any of its recipients: %s', async (_, generate) => {
    const keys = [await generate(), await generate()];
    const recipients = [];
    for (const identity of keys) recipients.push(await identityToRecipient(identity));
    const sealed = await sealAge(utf8('hello'), { recipients });
    for (const identity of keys) {
      expect(await openAge(sealed, { identities: [new Secret(identity)] })).toEqual(utf8('hello'));
    }
    await expect(openAge(sealed, { identities: [new Secret(await generate())] })).rejects.toMatchObject({
      code: 'IDENTITY_WRONG',
    });
  });

  it('of the other kind asks for what would open it', async () => {
    const identity = await generateX25519Identity();
    const forKey = await sealAge(utf8('x'), { recipients: [await identityToRecipient(identity)] });
    const forPassphrase = await sealAge(utf8('x'), { passphrase }, cheap);
    await expect(openAge(forKey, { passphrase })).rejects.toMatchObject({ code: 'IDENTITY_MISSING' });
    await expect(openAge(forPassphrase, { identities: [new Secret(identity)] })).rejects.toMatchObject({
      code: 'PASSWORD_MISSING',
    });
  });

  it.each([
    ['a generated key, which nobody can guess, a cheap derivation', generateKey(), 10],
    ['a password of a person the cost that age itself takes', 'pass phrase', 18],
  ])('gives %s', async (_, password, workFactor) => {
    const sealed = await sealAge(utf8('x'), { passphrase: new Secret(password) });
    expect(Buffer.from(sealed).toString('latin1')).toMatch(new RegExp(`^-> scrypt \\S+ ${workFactor}$`, 'mu'));
  });

  it('is not made for a generated key with a slip in it: the copy that was saved would not open it', async () => {
    const miscopied = new Secret(generateKey().slice(0, -1));
    await expect(sealAge(utf8('x'), { passphrase: miscopied })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  });

  it('never uses the nonce of another one', async () => {
    const [one, two] = [await ageEncryptor({ passphrase }, cheap), await ageEncryptor({ passphrase }, cheap)];
    expect(one.header.slice(-16)).not.toEqual(two.header.slice(-16));
  });

  it('whose passphrase would take too much memory is refused before it is tried', async () => {
    const sealed = await sealAge(utf8('x'), { passphrase }, cheap);
    const text = Buffer.from(sealed)
      .toString('latin1')
      .replace(/( scrypt \S+) 4\n/u, '$1 30\n');
    await expect(openAge(Buffer.from(text, 'latin1'), { passphrase })).rejects.toMatchObject({
      code: 'FORMAT_INVALID',
      facts: { workFactor: 30 },
    });
  });

  it('with any damage in its header is refused with an error of ours', async () => {
    const sealed = await sealAge(utf8('x'), { passphrase }, cheap);
    const size = ageHeaderSize(sealed) ?? 0;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: size * 8 - 1 }), async (bit) => {
        const damaged = sealed.slice();
        damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const error: unknown = await openAge(damaged, { passphrase }).catch((thrown: unknown) => thrown);
        expect(isCairnError(error)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it.each(['', 'age1xyz', 'ssh-ed25519 AAAA', 'AGE-SECRET-KEY-1QQ'])('for %j is none', async (recipient) => {
    await expect(ageEncryptor({ recipients: [recipient] })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  });

  it('never shows a secret key that cannot be read', async () => {
    const sealed = await sealAge(utf8('x'), {
      recipients: [await identityToRecipient(await generateX25519Identity())],
    });
    const error: unknown = await openAge(sealed, { identities: [new Secret('AGE-SECRET-KEY-1HIDDEN')] }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'ARGUMENT_INVALID' });
    expect(error).not.toHaveProperty('cause', expect.anything());
    expect(String(error)).not.toContain('HIDDEN');
  });
});

function pieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    out.push(bytes.subarray(at, at + size));
    at += size;
  }
  return out;
}
