// The two tables of restic's Rabin chunker for one polynomial (restic's format, chunker).

import { CairnArgumentError } from '../base/errors.ts';

/** Degree of every chunker polynomial. */
const DEGREE = 53n;
/** Bytes in the window; the first of them stands at x^(8 · 63). */
const LEAVING_POWER = 504;

export interface RabinTables {
  /** `out[b]` = b · x^504 mod P: what the oldest byte of the window contributes. */
  readonly out: BigUint64Array;
  /** `mod[b]` = (b · x^53 mod P) | b · 2^53: XOR with it clears the byte above bit 53 and reduces. */
  readonly mod: BigUint64Array;
}

/** Throws `ARGUMENT_INVALID` for a degree other than 53, which would make the kernel read beside its tables. */
export function rabinTables(polynomial: bigint): RabinTables {
  if (polynomial >> DEGREE !== 1n) throw new CairnArgumentError('a chunker polynomial has degree 53');
  const out = multiplesOf(powerOfX(LEAVING_POWER, polynomial), polynomial);
  const reduced = multiplesOf(powerOfX(Number(DEGREE), polynomial), polynomial);
  return { out, mod: reduced.map((value, byte) => value | (BigInt(byte) << DEGREE)) };
}

/** x^power mod P. */
function powerOfX(power: number, polynomial: bigint): bigint {
  let value = 1n;
  for (let i = 0; i < power; i++) value = timesX(value, polynomial);
  return value;
}

function timesX(value: bigint, polynomial: bigint): bigint {
  const shifted = value << 1n;
  return shifted >> DEGREE === 0n ? shifted : shifted ^ polynomial;
}

/** b · factor mod P for each byte b. */
function multiplesOf(factor: bigint, polynomial: bigint): BigUint64Array {
  const multiples = new BigUint64Array(256);
  let power = factor;
  for (let bit = 1; bit < 256; bit *= 2) {
    for (let low = 0; low < bit; low++) multiples[bit + low] = power ^ (multiples[low] ?? 0n);
    power = timesX(power, polynomial);
  }
  return multiples;
}
