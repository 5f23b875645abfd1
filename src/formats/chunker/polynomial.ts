// Polynomials over GF(2), written as integers: bit i is the coefficient of x^i. restic's format asks
// for an irreducible one of degree 53 in the repository config, as lower-case hex.
import { randomBytes } from 'node:crypto';
import { CairnError } from '../../base/errors.ts';

const DEGREE = 53n;
const HEX = /^[0-9a-f]{14}$/;

/**
 * A random irreducible polynomial of degree 53. About one candidate in 26 passes, so this takes a few
 * milliseconds.
 */
export function randomPolynomial(random: (size: number) => Uint8Array = randomBytes): bigint {
  const free = (1n << DEGREE) - 1n;
  for (;;) {
    const drawn = BigInt(`0x${Buffer.from(random(7)).toString('hex')}`);
    // Without the lowest bit x divides it; without the highest its degree is not 53.
    const candidate = (drawn & free) | (1n << DEGREE) | 1n;
    if (isIrreducible(candidate)) return candidate;
  }
}

/** Reads the config's `chunker_polynomial`. Throws `FORMAT_INVALID` unless it is irreducible of degree 53. */
export function parsePolynomial(hex: string): bigint {
  const polynomial = HEX.test(hex) ? BigInt(`0x${hex}`) : 0n;
  if (degree(polynomial) !== Number(DEGREE) || !isIrreducible(polynomial)) {
    throw new CairnError('FORMAT_INVALID', `not a chunker polynomial: ${JSON.stringify(hex.slice(0, 40))}`, {
      hint: 'It has to be an irreducible polynomial of degree 53.',
    });
  }
  return polynomial;
}

export function formatPolynomial(polynomial: bigint): string {
  return polynomial.toString(16);
}

/**
 * Whether no polynomial of lower degree, other than 1, divides this one. Ben-Or's test: the product of
 * all irreducible polynomials whose degree divides i is x^(2^i) + x, so a factor of degree i ≤ half of
 * ours shows up in the greatest common divisor.
 */
export function isIrreducible(polynomial: bigint): boolean {
  const ownDegree = degree(polynomial);
  if (ownDegree < 1) return false;
  let power = remainder(2n, polynomial); // x^(2^i)
  for (let i = 1; i <= ownDegree / 2; i++) {
    power = squareModulo(power, polynomial);
    if (greatestCommonDivisor(polynomial, power ^ 2n) !== 1n) return false;
  }
  return true;
}

/** −1 for zero. */
function degree(polynomial: bigint): number {
  return polynomial <= 0n ? -1 : polynomial.toString(2).length - 1;
}

/** Squaring over GF(2) puts a zero between neighbouring bits. */
function squareModulo(value: bigint, modulus: bigint): bigint {
  return remainder(BigInt(`0b${value.toString(2).split('').join('0')}`), modulus);
}

function remainder(value: bigint, modulus: bigint): bigint {
  const modulusDegree = degree(modulus);
  let rest = value;
  for (let at = degree(rest); at >= modulusDegree; at = degree(rest)) {
    rest ^= modulus << BigInt(at - modulusDegree);
  }
  return rest;
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let larger = a;
  let smaller = b;
  while (smaller !== 0n) [larger, smaller] = [smaller, remainder(larger, smaller)];
  return larger;
}
