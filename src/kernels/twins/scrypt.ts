// scrypt's ROMix (RFC 7914 §3–5) as the RFC writes it, on 32-bit words.

/** Mixes a block of 32r words in place, with cost n, a power of two. */
export function scryptMix(block: Uint32Array, r: number, n: number): void {
  const remembered: Uint32Array[] = [];
  for (let i = 0; i < n; i++) {
    remembered.push(block.slice());
    blockMix(block, r);
  }
  for (let i = 0; i < n; i++) {
    const chosen = remembered[word(block, (2 * r - 1) * 16) & (n - 1)] ?? block;
    for (let k = 0; k < block.length; k++) block[k] = word(block, k) ^ word(chosen, k);
    blockMix(block, r);
  }
}

function blockMix(block: Uint32Array, r: number): void {
  const input = block.slice();
  const x = input.slice((2 * r - 1) * 16);
  for (let i = 0; i < 2 * r; i++) {
    for (let k = 0; k < 16; k++) x[k] = word(x, k) ^ word(input, i * 16 + k);
    salsa8(x);
    block.set(x, ((i >> 1) + (i % 2) * r) * 16);
  }
}

/** The words that each quarter round of a double round works on: columns, then rows. */
const QUARTERS: readonly (readonly [number, number, number, number])[] = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
];

function salsa8(x: Uint32Array): void {
  const before = x.slice();
  for (let round = 0; round < 4; round++) {
    for (const [a, b, c, d] of QUARTERS) {
      x[b] = word(x, b) ^ rotate(word(x, a) + word(x, d), 7);
      x[c] = word(x, c) ^ rotate(word(x, b) + word(x, a), 9);
      x[d] = word(x, d) ^ rotate(word(x, c) + word(x, b), 13);
      x[a] = word(x, a) ^ rotate(word(x, d) + word(x, c), 18);
    }
  }
  for (let k = 0; k < 16; k++) x[k] = word(x, k) + word(before, k);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function word(words: Uint32Array, at: number): number {
  return words[at] ?? 0;
}
