import type { Clock } from '../../base/clock.ts';

/** A token bucket that may be overdrawn by one piece: the next taker waits until the debt is paid. */
export class Bandwidth {
  readonly #bytesPerSecond: number;
  readonly #clock: Clock;
  /** When all bytes taken so far would have passed at the allowed rate. */
  #paidAtNs: bigint;

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#bytesPerSecond = Math.max(1, bytesPerSecond);
    this.#clock = clock;
    this.#paidAtNs = clock.nowNs();
  }

  /** Waits for earlier bytes to be paid, then takes `bytes`. */
  async take(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    const waitNs = this.#paidAtNs - this.#clock.nowNs();
    this.charge(bytes);
    if (waitNs > 0n) await this.#clock.sleep(Number(waitNs) / 1e6, signal);
  }

  /** Takes `bytes` that have passed already. */
  charge(bytes: number): void {
    const now = this.#clock.nowNs();
    const start = this.#paidAtNs > now ? this.#paidAtNs : now;
    this.#paidAtNs = start + BigInt(Math.ceil((bytes / this.#bytesPerSecond) * 1e9));
  }
}
