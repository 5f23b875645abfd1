import { describe, expect, it } from 'vitest';
import { type Expiring, RenewedValue } from './renewed-value.ts';

const MINUTE = 60_000;

interface Numbered extends Expiring {
  readonly number: number;
}

interface State {
  readonly renewed: RenewedValue<Numbered>;
  nowMs: number;
  fails: boolean;
}

/** Values that are valid for an hour each, by a clock that the test moves; `fails` makes the next ones fail. */
function values(): State {
  let number = 0;
  const state: State = {
    nowMs: 0,
    fails: false,
    renewed: new RenewedValue<Numbered>(
      async () => {
        if (state.fails) throw new Error('not now');
        return { number: ++number, expiresAtMs: state.nowMs + 60 * MINUTE };
      },
      () => state.nowMs,
    ),
  };
  return state;
}

describe('a value that ends', () => {
  it('is asked for once for all who want it, and again before it ends', async () => {
    const state = values();
    const [first, second] = await Promise.all([state.renewed.get(), state.renewed.get()]);
    state.nowMs = 54 * MINUTE;
    expect([first.number, second.number, (await state.renewed.get()).number]).toEqual([1, 1, 1]);
    state.nowMs = 56 * MINUTE;
    expect((await state.renewed.get()).number).toBe(2);
  });

  it('serves to its end where no new one can be had', async () => {
    const state = values();
    await state.renewed.get();
    state.fails = true;
    state.nowMs = 56 * MINUTE;
    expect((await state.renewed.get()).number).toBe(1);
    state.nowMs = 60 * MINUTE;
    await expect(state.renewed.get()).rejects.toThrow('not now');
  });

  it('serves no more once it was dropped', async () => {
    const state = values();
    state.renewed.drop(await state.renewed.get());
    state.fails = true;
    await expect(state.renewed.get()).rejects.toThrow('not now');
  });
});
