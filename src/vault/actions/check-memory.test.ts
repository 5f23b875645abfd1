import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PackId, RepositoryId } from '../../base/ids.ts';
import { CheckMemory } from './check-memory.ts';

const REPOSITORY = 'ab'.repeat(32) as RepositoryId;
const [one, two, three] = ['11', '22', '33'].map((digits) => digits.repeat(32) as PackId) as [PackId, PackId, PackId];
const DAY_MS = 24 * 3600 * 1000;
const NOW = 1_700_000_000_000;

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'cairn-checked-'))));
afterEach(() => rm(folder, { recursive: true }));

const open = (nowMs = NOW): Promise<CheckMemory> => CheckMemory.open(folder, REPOSITORY, nowMs);
const path = (): string => join(folder, REPOSITORY, 'checked-packs');

async function saved(...ids: readonly PackId[]): Promise<void> {
  const memory = await open();
  for (const id of ids) memory.add(id);
  await memory.save();
}

const known = (memory: CheckMemory): boolean[] => [one, two, three].map((id) => memory.has(id));

describe('what a check remembers', () => {
  it('is nothing at first', async () => {
    expect(known(await open())).toEqual([false, false, false]);
  });

  it('grows from run to run', async () => {
    await saved(one);
    await saved(two);
    const memory = await open(NOW + DAY_MS);
    expect(known(memory)).toEqual([true, true, false]);
    expect(memory.started).toEqual(new Date(NOW));
  });

  it('is forgotten after a round, and grows again', async () => {
    await saved(one, two);
    const memory = await open();
    memory.startOver();
    memory.add(three);
    await memory.save();
    expect(known(await open(Date.now()))).toEqual([false, false, true]);
  });

  it('is too old after ninety days', async () => {
    await saved(one);
    expect(known(await open(NOW + 91 * DAY_MS))).toEqual([false, false, false]);
  });

  it('survives a write that was cut off', async () => {
    await saved(one, two);
    await truncate(path(), 24 + 40);
    await saved(three);
    expect(known(await open())).toEqual([true, false, true]);
  });

  it.each(['', 'something else entirely, of some length'])('is nothing where the file holds %j', async (text) => {
    await saved(one);
    await writeFile(path(), text);
    expect(known(await open())).toEqual([false, false, false]);
  });

  it('does not grow where nothing was added', async () => {
    await saved(one);
    const before = await readFile(path());
    await saved();
    expect(await readFile(path())).toEqual(before);
  });
});
