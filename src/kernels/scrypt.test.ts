import { scryptSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { scrypt, scryptByKernel } from './scrypt.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

// RFC 7914 §12; the fourth vector there needs a gigabyte.
const vectors = [
  { password: '', salt: '', N: 16, r: 1, p: 1, begin: '77d6576238657b203b19ca42c18a0497' },
  { password: 'password', salt: 'NaCl', N: 1024, r: 8, p: 16, begin: 'fdbabe1c9d3472007856e7190d01e9fe' },
  {
    password: 'pleaseletmein',
    salt: 'SodiumChloride',
    N: 16_384,
    r: 8,
    p: 1,
    begin: '7023bdcb3afd7348461c06cd81fd38eb',
  },
];

describe('scrypt', () => {
  it.each(vectors)('gives the RFC’s vector for N = $N, r = $r, p = $p', async ({ password, salt, begin, ...cost }) => {
    const request = { password: text(password), salt: text(salt), sizeBytes: 64, ...cost };
    expect(hex(await scryptByKernel(request)).slice(0, 32)).toBe(begin);
    expect(hex(await scrypt(request)).slice(0, 32)).toBe(begin);
  });

  it.each([
    { N: 2, r: 1, p: 1 },
    { N: 64, r: 3, p: 2 },
    { N: 128, r: 8, p: 3 },
    { N: 32, r: 5, p: 7 },
    { N: 4096, r: 8, p: 4 },
    { N: 32_768, r: 8, p: 1 },
  ])('agrees with OpenSSL for N = $N, r = $r, p = $p', async (cost) => {
    const password = text('correct horse');
    const salt = text('battery staple');
    const expected = scryptSync(password, salt, 80, { ...cost, maxmem: 2 ** 30 });
    expect(hex(await scryptByKernel({ password, salt, sizeBytes: 80, ...cost }))).toBe(hex(expected));
  });

  it('lets other work run while it mixes', async () => {
    let turns = 0;
    const other = setInterval(() => turns++, 1);
    await scrypt({ password: text('x'), salt: text('y'), sizeBytes: 32, N: 32_768, r: 8, p: 3 });
    clearInterval(other);
    expect(turns).toBeGreaterThan(2);
  });

  it('rejects a cost that is no power of two, also a large one', async () => {
    const request = { password: text('x'), salt: text('y'), sizeBytes: 32, r: 8, p: 3 };
    await expect(scrypt({ ...request, N: 1000 })).rejects.toThrow();
    await expect(scrypt({ ...request, N: 100_000 })).rejects.toThrow();
  });
});
