import { scryptSync } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { scrypt } from '../scrypt.ts';
import { beginScryptThread, takeScryptThread } from './scrypt-thread.ts';

const password = Buffer.from('correct horse');
const salt = Buffer.from('battery staple');

function derive(cost: { N: number; r: number; p: number }): Promise<Uint8Array> {
  return scrypt({ password, salt, sizeBytes: 64, ...cost });
}

function expected(cost: { N: number; r: number; p: number }): Uint8Array {
  return new Uint8Array(scryptSync(password, salt, 64, { ...cost, maxmem: 2 ** 30 }));
}

describe('a thread begun for a key derivation', () => {
  afterEach(() => takeScryptThread()?.end());

  it.each([
    { N: 32_768, r: 8, p: 1 },
    { N: 16_384, r: 8, p: 3 },
    { N: 8192, r: 8, p: 5 },
  ])('mixes what the derivation needs for N = $N, r = $r, p = $p', async (cost) => {
    beginScryptThread();
    expect(new Uint8Array(await derive(cost))).toEqual(expected(cost));
  });

  it('leaves its thread free for other work', async () => {
    const thread = beginScryptThread();
    const deriving = derive({ N: 32_768, r: 8, p: 3 });
    let turns = 0;
    const other = setInterval(() => turns++, 1);
    await thread?.mixing;
    await deriving;
    clearInterval(other);
    expect(turns).toBeGreaterThan(10);
  });

  it('is taken by one derivation, and the next does without', async () => {
    const cost = { N: 16_384, r: 8, p: 1 };
    beginScryptThread();
    await derive(cost);
    expect(takeScryptThread()).toBeUndefined();
    expect(new Uint8Array(await derive(cost))).toEqual(expected(cost));
  });

  it('that has ended too soon is done without', async () => {
    const cost = { N: 16_384, r: 8, p: 1 };
    beginScryptThread()?.end();
    expect(new Uint8Array(await derive(cost))).toEqual(expected(cost));
  });
});
