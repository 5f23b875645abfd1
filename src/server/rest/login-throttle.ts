import { isIPv6 } from 'node:net';
import { type Clock, msToNs, systemClock } from '../../base/clock.ts';

/** So many wrong passwords in a row cost an address nothing: a user mistypes, and programs ask several times at once. */
const FREE_FAILURES = 10;
const LONGEST_WAIT_MS = 60_000;
/** Addresses remembered at most; beyond that the oldest is forgotten. */
const MOST_ADDRESSES = 10_000;

interface Failures {
  count: number;
  blockedUntilNs: bigint;
}

/** Slows down who tries passwords: after ten wrong ones an address waits for a second, doubled each time, up to a minute. */
export class LoginThrottle {
  readonly #clock: Clock;
  readonly #failures = new Map<string, Failures>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Milliseconds that this address has to wait before its next try; 0 for most. */
  waitMs(address: string): number {
    const failures = this.#failures.get(networkOf(address));
    if (failures === undefined) return 0;
    return Math.max(0, Number(failures.blockedUntilNs - this.#clock.nowNs()) / 1e6);
  }

  failed(address: string): void {
    const network = networkOf(address);
    const failures = this.#failures.get(network) ?? { count: 0, blockedUntilNs: 0n };
    failures.count++;
    const over = failures.count - FREE_FAILURES;
    if (over >= 0) {
      const waitMs = Math.min(1000 * 2 ** Math.min(over, 16), LONGEST_WAIT_MS);
      failures.blockedUntilNs = this.#clock.nowNs() + msToNs(waitMs);
    }
    // Taken out and put in again, so that the map stays in the order of the last failure.
    this.#failures.delete(network);
    this.#failures.set(network, failures);
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > MOST_ADDRESSES && oldest !== undefined) this.#failures.delete(oldest);
  }

  succeeded(address: string): void {
    this.#failures.delete(networkOf(address));
  }
}

/** The network half of an IPv6 address: its owner can change the other half at will. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head.split(':');
  if (tail === undefined) return groups.slice(0, 4).join(':');
  const missing = 8 - groups.length - tail.split(':').length;
  return [...groups, ...Array.from({ length: missing }, () => '0'), ...tail.split(':')].slice(0, 4).join(':');
}
