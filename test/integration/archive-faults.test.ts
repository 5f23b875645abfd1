// Every operation of a small backup and of a restore, gone wrong in every way the storage can go wrong.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ArchiveResult } from '../../src/archiver/archive.ts';
import { isCairnError } from '../../src/base/errors.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { listSnapshots } from '../../src/repository/snapshots.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import { faulty, type FaultEffect, type FaultyStorage, type Operation } from '../../src/storage/layers/faulty.ts';
import type { Storage } from '../../src/storage/storage.ts';
import {
  backUpFolder,
  contentsOf,
  errorsIn,
  expectedContents,
  readAllSnapshots,
  recordOf,
} from '../support/archive-fixture.ts';
import { makeRepository, withOrigin } from '../support/repository-fixture.ts';

const first = {
  'a/same': Buffer.from('the same in both '.repeat(1000)),
  'a/b/changed': randomBytes(100_000),
  gone: Buffer.from('only in the first'),
};
const second = {
  'a/same': first['a/same'],
  'a/b/changed': randomBytes(120_000),
  'c/new': randomBytes(700_000),
  'c/text': Buffer.from('text '.repeat(30_000)),
};

let root: string;
let base: { readonly storage: Storage; readonly repository: Repository; readonly parent: ArchiveResult };

beforeAll(async () => {
  root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-faults-')));
  const { storage, repository } = await makeRepository();
  write(first);
  const parent = await backUpFolder(repository, root, { jobs: 1 });
  fs.rmSync(join(root, 'gone'));
  write(second);
  base = { storage, repository, parent };
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

function write(files: Readonly<Record<string, Uint8Array>>): void {
  for (const [name, bytes] of Object.entries(files)) {
    fs.mkdirSync(join(root, name, '..'), { recursive: true });
    const path = join(root, name);
    if (!fs.existsSync(path) || !fs.readFileSync(path).equals(bytes)) fs.writeFileSync(path, bytes);
  }
}

interface Trial {
  readonly storage: FaultyStorage;
  readonly repository: Repository;
}

/** A copy of the repository with its first snapshot, on a storage that can be made to fail. */
async function newTrial(): Promise<Trial> {
  const inner = openMemoryStorage();
  for await (const { name } of base.storage.list('')) await inner.write(name, await base.storage.read(name));
  const storage = faulty(inner);
  return { storage, repository: withOrigin(base.repository, storage) };
}

const run = ({ repository }: Trial): Promise<ArchiveResult> =>
  backUpFolder(repository, root, { parent: recordOf(base.parent), jobs: 1 });

/** Ends well, or with an error that says what is wrong: never hangs, never throws something else. */
async function outcome(trial: Trial): Promise<ArchiveResult | undefined> {
  try {
    return await run(trial);
  } catch (error) {
    if (!isCairnError(error)) throw error;
    return undefined;
  }
}

/** The operations of a run in which nothing goes wrong; their numbers count from 1. */
async function operationsOfRun(): Promise<readonly Operation[]> {
  const trial = await newTrial();
  await run(trial);
  return trial.storage.operations;
}

/** Numbers of the operations that the effect can hit. */
function targets(operations: readonly Operation[], { how }: FaultEffect): number[] {
  const kind = how.endsWith('write') ? 'write' : how.includes('read') || how.includes('flip') ? 'read' : undefined;
  return operations.filter((operation) => kind === undefined || operation.kind === kind).map(({ number }) => number);
}

async function expectSound(trial: Trial, result: ArchiveResult | undefined): Promise<void> {
  expect(await errorsIn(trial.repository)).toEqual([]);
  expect(await readAllSnapshots(trial.repository)).toBeGreaterThanOrEqual(1);
  if (result !== undefined) await expectSecond(trial, result);
}

async function expectSecond({ repository }: Trial, { snapshot }: ArchiveResult): Promise<void> {
  expect(await contentsOf(repository, snapshot.tree)).toEqual(expectedContents(second));
}

/** After the trouble: everything that was finished is whole, and after a failure the next run is as good as any. */
async function expectRecovery(trial: Trial, result: ArchiveResult | undefined): Promise<void> {
  trial.storage.heal();
  await expectSound(trial, result);
  if (result === undefined) await expectSound(trial, await run(trial));
}

const once: readonly FaultEffect[] = [
  { how: 'fail' },
  { how: 'fail-after' },
  { how: 'truncate-read' },
  { how: 'flip-bit' },
  { how: 'delay', delayMs: 20 },
];

describe('a backup on a storage that fails', () => {
  it.each(once)('once with $how, at each operation in turn, loses nothing', async (effect) => {
    const numbers = targets(await operationsOfRun(), effect);
    expect(numbers.length).toBeGreaterThan(1);
    for (const at of numbers) {
      const trial = await newTrial();
      trial.storage.inject({ ...effect, at });
      await expectRecovery(trial, await outcome(trial));
    }
  });

  it.each([{ how: 'fail' }, { how: 'truncate-read' }, { how: 'flip-bit' }] as const)(
    'for good with $how, from each operation on, loses nothing',
    async (effect) => {
      for (const from of targets(await operationsOfRun(), effect)) {
        const trial = await newTrial();
        trial.storage.inject({ ...effect, from });
        await expectRecovery(trial, await outcome(trial));
      }
    },
  );

  it('saves no snapshot when a write failed', async () => {
    for (const at of targets(await operationsOfRun(), { how: 'torn-write' })) {
      const trial = await newTrial();
      trial.storage.inject({ how: 'fail', at, when: ({ kind }) => kind === 'write' });
      const result = await outcome(trial);
      const didFail = trial.storage.operations[at - 1]?.kind === 'write';
      expect(result === undefined).toBe(didFail);
      trial.storage.heal();
      expect(await listSnapshots(trial.repository)).toHaveLength(didFail ? 1 : 2);
    }
  });
});

// These break the storage contract, so that something is lost; the check has to say what.
describe('a backup on a storage that lies', () => {
  it('leaves what a torn write left to be named by the check, and is whole without it', async () => {
    for (const at of targets(await operationsOfRun(), { how: 'torn-write' })) {
      const trial = await newTrial();
      trial.storage.inject({ how: 'torn-write', at });
      expect(await outcome(trial)).toBeUndefined();
      trial.storage.heal();
      const name = nameOf(trial, at);
      const errors = (await errorsIn(trial.repository)).join('\n');
      // A torn pack is in no index and harms nobody.
      if (name.startsWith('data/')) expect(errors).toBe('');
      else expect(errors).toContain(name);
      await trial.storage.remove(name);
      await expectSound(trial, undefined);
      await expectSound(trial, await run(trial));
    }
  });

  it('is found out by the check when a write was lost, or made good by the next run', async () => {
    for (const at of targets(await operationsOfRun(), { how: 'lost-write' })) {
      const trial = await newTrial();
      trial.storage.inject({ how: 'lost-write', at });
      expect(await outcome(trial)).toBeDefined();
      trial.storage.heal();
      const name = nameOf(trial, at);
      const errors = (await errorsIn(trial.repository)).join('\n');
      if (name.startsWith('data/')) {
        expect(errors).toContain(name);
        continue;
      }
      if (name.startsWith('index/')) expect(errors).toContain('blob-missing');
      await expectSound(trial, await run(trial));
    }
  });
});

function nameOf({ storage }: Trial, at: number): string {
  return storage.operations[at - 1]?.name ?? '';
}
