// Writers of values, killed at random instants, each by another clock: what was set is there, what was deleted is gone, and nothing
// in between is ever seen.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { checkValues } from '../../src/values/check-values.ts';
import { settleValues } from '../../src/values/delete-value.ts';
import { readValue } from '../../src/values/read-value.ts';
import type { ValuesContext } from '../../src/values/value-shelf.ts';

const ROUNDS = Number(process.env['CAIRN_CRASH_ROUNDS'] ?? 8);
const LANES = [0, 1, 2];
/** Hours by which the clocks of the machines are wrong, in turn. */
const SKEWS = [0, 9, -9, 30, -1];
const writer = join(import.meta.dirname, '../support/value-writer.ts');

let root: string;
let context: ValuesContext;
beforeAll(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'cairn-value-kill-'));
  const storage = openLocalStorage(root, { durable: false });
  context = { storage, clock: systemClock, warn: (message) => expect.fail(message) };
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

/** What it said until it was killed, after its `steps`-th word. */
async function runAndKill(label: string, skewHours: number, steps: number): Promise<string[]> {
  const child = spawn(process.execPath, [writer, root, label, String(skewHours)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.split('\n').length > steps) child.kill('SIGKILL');
  });
  await once(child, 'close');
  expect(complaints).toBe('');
  return said.split('\n').slice(0, -1);
}

/** What a lane may hold after these words, where it held `before` at first. */
function possible(before: string, words: readonly string[], lane: number): Set<string> {
  const own = words.map((line) => line.split(' ')).filter(([, of]) => of === String(lane));
  const done = own.findLast(([what]) => what === 'done')?.[2] ?? before;
  const [what, , begun = ''] = own.at(-1) ?? [];
  return new Set(what === 'begin' ? [done, begun] : [done]);
}

async function stepOf(lane: number): Promise<string> {
  const found = await readValue(context, `lane ${lane}`, {});
  return found === undefined ? 'deleted' : (found.value as { readonly step: string }).step;
}

async function findings(): Promise<string[]> {
  const kinds: string[] = [];
  await checkValues(context, { readData: true, onFinding: ({ kind, object }) => kinds.push(`${kind} ${object}`) });
  return kinds;
}

it(
  'a value that was set or deleted by a writer that was killed is so for everybody, whatever its clock said',
  async () => {
    const states = new Map(LANES.map((lane) => [lane, 'deleted']));
    for (let round = 0; round < ROUNDS; round++) {
      const skew = SKEWS[round % SKEWS.length] ?? 0;
      const words = await runAndKill(`r${round}`, skew, 1 + Math.floor(Math.random() * 60));
      for (const lane of LANES) {
        const step = await stepOf(lane);
        expect([round, lane, [...possible(states.get(lane) ?? '', words, lane)]]).toEqual([
          round,
          lane,
          expect.arrayContaining([step]),
        ]);
        states.set(lane, step);
      }
      expect((await findings()).filter((kind) => !kind.startsWith('value-leftover'))).toEqual([]);
      await settleValues(context, {});
      expect(await findings()).toEqual([]);
      for (const lane of LANES) expect(await stepOf(lane)).toBe(states.get(lane));
    }
  },
  60_000 + ROUNDS * 10_000,
);
