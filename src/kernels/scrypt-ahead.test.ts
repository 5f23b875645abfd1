import { scryptSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ScryptRequest } from './scrypt.ts';
import { deriveAhead, deriveOnce, isDerivingAhead } from './scrypt-ahead.ts';

const request: ScryptRequest = {
  password: Buffer.from('correct horse'),
  salt: Buffer.from('battery staple'),
  sizeBytes: 64,
  N: 1024,
  r: 8,
  p: 1,
};

function expected({ password, salt, sizeBytes, N, r, p }: ScryptRequest): Uint8Array {
  return new Uint8Array(scryptSync(password, salt, sizeBytes, { N, r, p }));
}

describe('a key derivation that was begun ahead', () => {
  it('is what the same request gets, once', async () => {
    deriveAhead(request);
    expect(isDerivingAhead()).toBe(true);
    const copy = { ...request, password: Buffer.from(request.password), salt: Buffer.from(request.salt) };
    expect(new Uint8Array(await deriveOnce(copy))).toEqual(expected(request));
    expect(isDerivingAhead()).toBe(false);
  });

  it.each([
    { what: 'password', change: { password: Buffer.from('incorrect horse') } },
    { what: 'salt', change: { salt: Buffer.from('battery stapler') } },
    { what: 'cost', change: { N: 2048 } },
    { what: 'number of lanes', change: { p: 2 } },
    { what: 'size', change: { sizeBytes: 32 } },
  ])('is left aside by a request with another $what', async ({ change }) => {
    deriveAhead(request);
    const other = { ...request, ...change };
    expect(new Uint8Array(await deriveOnce(other))).toEqual(expected(other));
    expect(isDerivingAhead()).toBe(false);
  });

  it('fails for the request that takes it, and for nobody else', async () => {
    const impossible = { ...request, N: 1000 };
    deriveAhead(impossible);
    await expect(deriveOnce(request)).resolves.toBeDefined();
    deriveAhead(impossible);
    await expect(deriveOnce(impossible)).rejects.toThrow();
  });
});
