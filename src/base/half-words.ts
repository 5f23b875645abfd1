/**
 * Which half of a 64-bit number comes first in memory, for code that reads and writes such numbers as two of 32 bits: big integers
 * are objects, and cost more than the arithmetic.
 */
export const LOW_HALF: 0 | 1 = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 0 : 1;
export const HIGH_HALF: 0 | 1 = LOW_HALF === 0 ? 1 : 0;
