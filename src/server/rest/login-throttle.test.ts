import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../base/clock.ts';
import { LoginThrottle } from './login-throttle.ts';

let nowNs = 0n;
const clock: Clock = { nowNs: () => nowNs, sleep: async () => {} };
const fail = (throttle: LoginThrottle, address: string, times: number): void => {
  for (let count = 0; count < times; count++) throttle.failed(address);
};

beforeEach(() => {
  nowNs = 0n;
});

describe('a throttle', () => {
  it('lets nine wrong passwords pass, then doubles the wait up to a minute', () => {
    const throttle = new LoginThrottle(clock);
    fail(throttle, '10.0.0.1', 9);
    const waits = Array.from({ length: 9 }, () => {
      const wait = throttle.waitMs('10.0.0.1');
      throttle.failed('10.0.0.1');
      return wait;
    });
    expect(waits).toEqual([0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  it('forgives with time and with a right password', () => {
    const throttle = new LoginThrottle(clock);
    fail(throttle, 'a', 10);
    nowNs = 1_000_000_000n;
    expect(throttle.waitMs('a')).toBe(0);
    throttle.succeeded('a');
    fail(throttle, 'a', 9);
    expect(throttle.waitMs('a')).toBe(0);
  });

  it('holds the half of an IPv6 address that names its network', () => {
    const throttle = new LoginThrottle(clock);
    fail(throttle, '2001:db8:1:2::1', 10);
    expect(throttle.waitMs('2001:db8:1:2:ffff::9')).toBe(1000);
    expect(throttle.waitMs('2001:db8:1:3::1')).toBe(0);
  });

  it('forgets the oldest address when there are too many', () => {
    const throttle = new LoginThrottle(clock);
    fail(throttle, 'first', 10);
    for (let count = 0; count < 10_000; count++) throttle.failed(`10.1.${count >> 8}.${count & 255}`);
    expect(throttle.waitMs('first')).toBe(0);
  });
});
