import { HIGH_HALF, LOW_HALF } from './half-words.ts';

const NS_PER_SECOND = 1e9;
const BIG_NS_PER_SECOND = 1_000_000_000n;
const TWO_16 = 0x1_0000;
/** What is surely below 2^63 still, after rounding to a number: the year 2262. */
const FAST_BELOW = 9.2e18;

/**
 * A time in nanoseconds since 1970 as whole seconds and the nanoseconds after them. Divides by hand, sixteen bits at a
 * time: a tree has three times for each file, and big integers cost more than all else that is written of one.
 */
export class SplitTime {
  seconds = 0;
  /** From 0 to 999,999,999, also before 1970. */
  nanoseconds = 0;
  readonly #ns = new BigInt64Array(1);
  readonly #halves = new Uint32Array(this.#ns.buffer);

  /** Valid until the next call. */
  of(ns: bigint): Readonly<Pick<SplitTime, 'seconds' | 'nanoseconds'>> {
    const about = Number(ns);
    if (about < 0 || about >= FAST_BELOW) return this.#ofAny(ns);
    this.#ns[0] = ns;
    const high = this.#halves[HIGH_HALF] ?? 0;
    const low = this.#halves[LOW_HALF] ?? 0;
    this.seconds = 0;
    this.nanoseconds = 0;
    this.#append(high >>> 16);
    this.#append(high & 0xffff);
    this.#append(low >>> 16);
    this.#append(low & 0xffff);
    return this;
  }

  /** The next digit of a long division to the base 2^16. */
  #append(digit: number): void {
    const rest = this.nanoseconds * TWO_16 + digit;
    const quotient = Math.floor(rest / NS_PER_SECOND);
    this.seconds = this.seconds * TWO_16 + quotient;
    this.nanoseconds = rest - quotient * NS_PER_SECOND;
  }

  #ofAny(ns: bigint): this {
    this.seconds = Number(ns / BIG_NS_PER_SECOND);
    this.nanoseconds = Number(ns % BIG_NS_PER_SECOND);
    if (this.nanoseconds < 0) {
      this.seconds--;
      this.nanoseconds += NS_PER_SECOND;
    }
    return this;
  }
}
