// Every storage operation of a copy, gone wrong in every way, on either side: no finished backup suffers, what is
// visible in the target is whole, and the next run completes it.
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { encodeTree } from '../../src/formats/tree/tree-encoder.ts';
import { parseGoTime } from '../../src/formats/go-time.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { listSnapshots, saveSnapshot } from '../../src/repository/snapshots.ts';
import { copyBackups } from '../../src/vault/care/copy-backups.ts';
import { errorsIn, readAllSnapshots } from '../support/archive-fixture.ts';
import { contextOf, expectSound, newTrial, sweepFaults, type Sweep, type Trial } from '../support/fault-sweep.ts';
import {
  aSnapshot,
  blobIdOf,
  dirNode,
  fileNode,
  makeRepository,
  makeSampleRepository,
  type SampleRepository,
  storeIndex,
  storePack,
} from '../support/repository-fixture.ts';

/** Two backups that share a part; the second has a blob of its own. */
async function twoBackups(): Promise<SampleRepository> {
  const made = await makeSampleRepository();
  const plain = utf8('only in the second backup');
  const tree = encodeTree([fileNode('new', [blobIdOf(plain)], plain.length), dirNode('sub', made.subtree)]);
  await storeIndex(made.repository, [
    await storePack(made.repository, [{ type: 'data', plain }]),
    await storePack(made.repository, [{ type: 'tree', plain: tree }]),
  ]);
  const time = parseGoTime('2024-01-01T10:00:00Z');
  await saveSnapshot(made.repository, aSnapshot(blobIdOf(tree), { time }));
  return made;
}

const countOf = async (repository: Repository): Promise<number> => (await listSnapshots(repository)).length;

describe('on a storage that fails', () => {
  it('a copy leaves a target in which every backup is whole, and the next run completes it', async () => {
    const source = await twoBackups();
    const trials = await sweepFaults({
      base: await makeRepository(),
      run: ({ context }) => copyBackups(contextOf(source.repository), context, {}),
      done: async ({ repository }) => expect(await countOf(repository)).toBe(2),
    });
    expect(trials).toBeGreaterThan(60);
  });

  it('a copy into a vault with backups harms none of them', async () => {
    const source = await twoBackups();
    const base = await makeRepository();
    await copyBackups(contextOf(source.repository), contextOf(base.repository), { references: ['latest'] });
    await sweepFaults({
      base,
      run: ({ context }) => copyBackups(contextOf(source.repository), context, {}),
      done: async ({ repository }) => expect(await countOf(repository)).toBe(2),
    });
  });

  it('a copy from it leaves the source as it is, and what is visible in the target whole', async () => {
    const targets = new WeakMap<Trial, Repository>();
    const targetOf = async (trial: Trial): Promise<Repository> => {
      const known = targets.get(trial) ?? (await makeRepository()).repository;
      targets.set(trial, known);
      return known;
    };
    const base: Sweep['base'] = await twoBackups();
    const trials = await sweepFaults({
      base,
      run: async (trial) => copyBackups(trial.context, contextOf(await targetOf(trial)), {}),
      after: async (trial) => {
        await expectSound(trial);
        const target = await targetOf(trial);
        expect(await errorsIn(target)).toEqual([]);
        await readAllSnapshots(target);
        for await (const { name } of target.storage.list('locks/')) await target.storage.remove(name);
      },
      done: async (trial) => {
        const target = await targetOf(trial);
        expect(await countOf(target)).toBe(2);
        expect(await errorsIn(target)).toEqual([]);
        expect(await readAllSnapshots(target)).toBe(2);
      },
    });
    expect(trials).toBeGreaterThan(60);
  });

  it('a bad read from the source costs nothing but another one', async () => {
    const source = await newTrial(await twoBackups());
    source.storage.inject({ how: 'flip-bit', when: ({ name }) => name.startsWith('data/'), times: 1 });
    const target = await makeRepository();
    const { lost } = await copyBackups(source.context, contextOf(target.repository), {});
    expect(lost).toEqual([]);
    expect(await readAllSnapshots(target.repository)).toBe(2);
  });
});
