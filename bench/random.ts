// Seeded randomness: the same seed gives the same corpus on every machine.
import { createCipheriv, createHash } from 'node:crypto';

/** sfc32: small, fast, and good enough to shape test data. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string) {
    const digest = createHash('sha256').update(seed).digest();
    this.#a = digest.readInt32LE(0);
    this.#b = digest.readInt32LE(4);
    this.#c = digest.readInt32LE(8);
  }

  /** A whole number in [0, 2^32). */
  next(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) | 0;
    return t >>> 0;
  }

  /** A whole number in [0, limit), limit ≤ 2^32. The bias of at most limit / 2^32 does not matter here. */
  below(limit: number): number {
    return Math.floor((this.next() / 4_294_967_296) * limit);
  }

  /** True with the given chance. */
  chance(probability: number): boolean {
    return this.next() < probability * 4_294_967_296;
  }

  /** Log-normal with this median and this standard deviation of the logarithm. */
  logNormal(median: number, sigma: number): number {
    const u = (this.next() + 1) / 4_294_967_297;
    const v = this.next() / 4_294_967_296;
    return median * Math.exp(sigma * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v));
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }
}

const zeros = new Uint8Array(1 << 20);

/** Fills `target` with incompressible bytes: the AES-CTR keystream of the seed. */
export function fillRandom(seed: string, target: Uint8Array): void {
  const key = createHash('sha256').update(seed).digest();
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  for (let at = 0; at < target.length; at += zeros.length) {
    target.set(cipher.update(zeros.subarray(0, Math.min(zeros.length, target.length - at))), at);
  }
}

/** A table of 2^16 numbers below `size`, in which low numbers are as much more frequent as Zipf's law says. */
export function zipfTable(size: number, exponent: number): Uint16Array {
  const weights = Array.from({ length: size }, (_, rank) => 1 / (rank + 2) ** exponent);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const table = new Uint16Array(65_536);
  let cumulative = 0;
  let at = 0;
  for (const [rank, weight] of weights.entries()) {
    cumulative += weight;
    const end = rank === size - 1 ? 65_536 : Math.round((cumulative / total) * 65_536);
    table.fill(rank, at, end);
    at = end;
  }
  return table;
}
