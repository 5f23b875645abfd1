import { describe, expect, it } from 'vitest';
import type { Clock } from '../base/clock.ts';
import { isCairnError } from '../base/errors.ts';
import { openMemoryStorage } from '../storage/drivers/memory.ts';
import { type Fault, faulty, type FaultyStorage } from '../storage/layers/faulty.ts';
import { checkValues, type ValueFinding } from './check-values.ts';
import { deleteValue, settleValues } from './delete-value.ts';
import { readValue } from './read-value.ts';
import type { ValuesContext } from './value-shelf.ts';
import { setValue } from './write-value.ts';

interface Trial extends ValuesContext {
  readonly storage: FaultyStorage;
}

/** A key with three versions, the last one `old`, and another one. */
async function newTrial(): Promise<Trial> {
  let nowMs = Date.UTC(2026, 10, 25);
  const clock: Clock = { nowNs: () => BigInt(nowMs++) * 1_000_000n, sleep: async () => {} };
  const trial: Trial = { storage: faulty(openMemoryStorage()), clock, warn: () => {}, workFactor: 4 };
  for (const value of [1, 2, 'old']) await setValue(trial, 'k', value, {});
  await setValue(trial, 'other', 'untouched', {});
  return trial;
}

const act = {
  set: (trial: Trial): Promise<unknown> => setValue(trial, 'k', 'new', { keep: 2 }),
  delete: (trial: Trial): Promise<unknown> => deleteValue(trial, 'k', {}),
};

/** Each operation of the action fails, its answer is lost, or it never happens: once, and from then on for good. */
async function faultsOf(action: (trial: Trial) => Promise<unknown>): Promise<Fault[]> {
  const trial = await newTrial();
  const before = trial.storage.operations.length;
  await action(trial);
  const numbers = trial.storage.operations.slice(before).map(({ number }) => number);
  expect(numbers.length).toBeGreaterThan(2);
  const effects = ['fail', 'fail-after', 'lost-write'] as const;
  return effects.flatMap((how) =>
    numbers.flatMap((number): Fault[] => [
      { how, at: number },
      { how, from: number },
    ]),
  );
}

async function findings(trial: Trial): Promise<string[]> {
  const kinds: ValueFinding['kind'][] = [];
  await checkValues(trial, { readData: true, onFinding: ({ kind }) => kinds.push(kind) });
  return kinds;
}

const valueOf = async (trial: Trial, key: string): Promise<unknown> => (await readValue(trial, key, {}))?.value;

describe('whatever fails, and when', () => {
  it.each([
    ['set', 'new'],
    ['delete', undefined],
  ] as const)('a key that %s was asked of has its old or its new value', async (action, after) => {
    for (const fault of await faultsOf(act[action])) {
      const trial = await newTrial();
      trial.storage.inject(fault);
      const error = await act[action](trial).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error === undefined || isCairnError(error)).toBe(true);
      trial.storage.heal();
      expect(['old', after]).toContain(await valueOf(trial, 'k'));
      expect(await valueOf(trial, 'other')).toBe('untouched');
      expect((await findings(trial)).every((kind) => kind === 'value-leftover')).toBe(true);
      // The next write, of another key, ends what this one began, and changes nothing by that.
      const seen = await valueOf(trial, 'k');
      await setValue(trial, 'other', 'next', {});
      await settleValues(trial, {});
      expect(await findings(trial)).toEqual([]);
      expect(await valueOf(trial, 'k')).toEqual(seen);
      await act[action](trial);
      expect(await valueOf(trial, 'k')).toBe(after);
    }
  });

  it('a reader sees an error, never another value', async () => {
    const trial = await newTrial();
    for (const how of ['fail', 'truncate-read', 'flip-bit'] as const) {
      trial.storage.inject({ how, when: ({ kind }) => kind === 'read' });
      await expect(valueOf(trial, 'k')).rejects.toMatchObject({
        code: how === 'fail' ? 'STORAGE_IO' : 'VALUE_CORRUPT',
      });
      trial.storage.heal();
    }
    expect(await valueOf(trial, 'k')).toBe('old');
  });
});

describe('a delete that others write into', () => {
  it('ends, and hides nothing that comes after it', async () => {
    const trial = await newTrial();
    const writes = [1, 2, 3, 4, 5].map((value) => setValue(trial, 'k', value, {}));
    await Promise.all([...writes, deleteValue(trial, 'k', {}), deleteValue(trial, 'k', {})]);
    await setValue(trial, 'k', 'after', {});
    expect(await valueOf(trial, 'k')).toBe('after');
    expect(await findings(trial)).toEqual([]);
  });
});
