import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasCode } from '../../base/errors.ts';
import { formatPolynomial, isIrreducible, parsePolynomial, randomPolynomial } from './polynomial.ts';

describe('irreducibility', () => {
  it('finds as many irreducible polynomials of each degree as there are', () => {
    const counts = Array.from({ length: 10 }, (_, degree) => {
      const ofDegree = Array.from({ length: 2 ** degree }, (_, low) => BigInt(2 ** degree + low));
      return ofDegree.filter(isIrreducible).length;
    });
    expect(counts).toEqual([0, 2, 1, 2, 3, 6, 9, 18, 30, 56]);
  });

  it.each([0x3da3358b4dc173n, 0x25b468838dcb75n])('accepts %d, which restic made', (polynomial) => {
    expect(isIrreducible(polynomial)).toBe(true);
  });

  it('refuses zero', () => {
    expect(isIrreducible(0n)).toBe(false);
  });

  it('refuses every product', () => {
    const factor = fc.bigInt({ min: 2n, max: 2n ** 26n });
    fc.assert(
      fc.property(factor, factor, (a, b) => {
        expect(isIrreducible(carrylessProduct(a, b))).toBe(false);
      }),
    );
  });
});

describe('a random polynomial', () => {
  it('is irreducible and has degree 53', () => {
    const polynomial = randomPolynomial();
    expect([isIrreducible(polynomial), polynomial >> 53n]).toEqual([true, 1n]);
  });

  it('is the first draw that passes', () => {
    const draws = ['00000000000000', 'ffffffffffffff', '1da3358b4dc172', '25b468838dcb75'];
    const polynomial = randomPolynomial(() => Buffer.from(draws.shift()!, 'hex'));
    expect(polynomial).toBe(0x3da3358b4dc173n);
  });
});

describe('the config’s text', () => {
  it('reads back what it wrote', () => {
    const polynomial = randomPolynomial();
    expect(parsePolynomial(formatPolynomial(polynomial))).toBe(polynomial);
  });

  it.each(['', '3DA3358B4DC173', '0x3da3358b4dc173', '3da3358b4dc172', '5da3358b4dc173', '3da3358b4dc1730'])(
    'refuses %j',
    (text) => {
      expect(() => parsePolynomial(text)).toThrow(expect.toSatisfy((error) => hasCode(error, 'FORMAT_INVALID')));
    },
  );
});

function carrylessProduct(a: bigint, b: bigint): bigint {
  let product = 0n;
  for (let bit = 0n; b >> bit > 0n; bit++) if ((b >> bit) & 1n) product ^= a << bit;
  return product;
}
