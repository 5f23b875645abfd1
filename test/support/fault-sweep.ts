// Every operation of an action gone wrong in turn: what holds afterwards is the same for all of them.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { mapConcurrent } from '../../src/base/concurrency.ts';
import { isCairnError } from '../../src/base/errors.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import {
  faulty,
  type Fault,
  type FaultEffect,
  type FaultyStorage,
  type Operation,
} from '../../src/storage/layers/faulty.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { ActionContext } from '../../src/vault/actions/backup-action.ts';
import { errorsIn, readAllSnapshots } from './archive-fixture.ts';
import { findPeer } from './peer-catalog.ts';
import { peersMissing } from './peers.ts';
import { withOrigin } from './repository-fixture.ts';

/** Trials after which restic is asked: it takes half a second. */
const RESTIC_EVERY = 25;
/** Each waits most of its time, as a lock does before it is relied on. */
const TRIALS_AT_ONCE = 64;

export interface Trial {
  readonly storage: FaultyStorage;
  readonly repository: Repository;
  readonly context: ActionContext;
}

export interface Sweep {
  /** The vault before; each trial gets a copy. */
  readonly base: { readonly storage: Storage; readonly repository: Repository };
  readonly run: (trial: Trial) => Promise<unknown>;
  /** What holds after the trouble, before anything is done about it; by default no damage, and every backup reads. */
  readonly after?: (trial: Trial) => Promise<void>;
  /** What holds when the action has run again on a healthy storage. */
  readonly done: (trial: Trial) => Promise<void>;
}

/** What an action needs beside a repository; locks are taken without waiting for others. */
export function contextOf(repository: Repository): ActionContext {
  return {
    repository,
    settings: { retryLockMs: 0, lock: true, jobs: 1, memoryFolder: undefined, notify: () => {} },
    signal: new AbortController().signal,
    report: () => {},
  };
}

export async function newTrial({ storage: from, repository: base }: Sweep['base']): Promise<Trial> {
  const inner = openMemoryStorage();
  for await (const { name } of from.list('')) await inner.write(name, await from.read(name));
  const storage = faulty(inner);
  const repository = withOrigin(base, storage);
  return { storage, repository, context: contextOf(repository) };
}

const effects: readonly FaultEffect[] = [
  { how: 'fail' },
  { how: 'fail-after' },
  { how: 'truncate-read' },
  { how: 'flip-bit' },
];

/** Each effect at each operation, once and from then on for good. Returns the number of trials. */
export async function sweepFaults(sweep: Sweep): Promise<number> {
  const clean = await newTrial(sweep.base);
  await sweep.run(clean);
  await sweep.done(clean);
  const faults = effects.flatMap((effect) =>
    targets(clean.storage.operations, effect).flatMap((number): Fault[] => [
      { ...effect, at: number },
      { ...effect, from: number },
    ]),
  );
  const asksRestic = sweep.after === undefined && !peersMissing('restic-newest');
  await mapConcurrent(faults, { limit: TRIALS_AT_ONCE }, async (fault, number) => {
    const trial = await tryFault(sweep, fault);
    if (asksRestic && number % RESTIC_EVERY === 0) await expectResticAgrees(trial.storage);
  });
  return faults.length;
}

async function tryFault(sweep: Sweep, fault: Fault): Promise<Trial> {
  const trial = await newTrial(sweep.base);
  trial.storage.inject(fault);
  try {
    // Ends well, or with an error that says what is wrong: never hangs, never throws something else.
    const error = await failureOf(sweep.run(trial));
    if (error !== undefined && !isCairnError(error)) throw error;
    trial.storage.heal();
    await (sweep.after ?? expectSound)(trial);
    await removeLocks(trial.storage);
    await sweep.run(trial);
    await sweep.done(trial);
    if (sweep.after === undefined) await expectSound(trial);
    return trial;
  } catch (error) {
    throw new Error(`with ${JSON.stringify(fault)} (${nameOf(trial, fault)})`, { cause: error });
  }
}

/** The newest restic reads every byte and finds nothing wrong. */
async function expectResticAgrees(storage: Storage): Promise<void> {
  const repo = fs.mkdtempSync(join(tmpdir(), 'cairn-sweep-'));
  try {
    const local = openLocalStorage(repo, { durable: false });
    for await (const { name } of storage.list('')) await local.write(name, await storage.read(name));
    const { path } = findPeer('restic-newest') ?? { path: 'restic' };
    const { stdout, stderr } = await promisify(execFile)(path, ['-r', repo, '--no-cache', 'check', '--read-data'], {
      env: { ...process.env, RESTIC_PASSWORD: 'correct horse' },
    });
    expect(`${stdout}${stderr}`).toContain('no errors were found');
  } finally {
    fs.rmSync(repo, { recursive: true, force: true });
  }
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error;
  }
}

export async function expectSound({ repository, storage }: Trial): Promise<void> {
  // A lock that could not be removed, or is torn, is what `unlock` is for.
  await removeLocks(storage);
  expect(await errorsIn(repository)).toEqual([]);
  await readAllSnapshots(repository);
}

/** The process that left them is this one, which lives; in another they would be found stale. */
async function removeLocks(storage: Storage): Promise<void> {
  for await (const { name } of storage.list('locks/')) await storage.remove(name);
}

function targets(operations: readonly Operation[], { how }: FaultEffect): number[] {
  const kind = how.includes('read') || how.includes('flip') ? 'read' : undefined;
  return operations.filter((operation) => kind === undefined || operation.kind === kind).map(({ number }) => number);
}

function nameOf({ storage }: Trial, { at, from }: Fault): string {
  const operation = storage.operations[(at ?? from ?? 1) - 1];
  return `${operation?.kind} ${operation?.name}`;
}
