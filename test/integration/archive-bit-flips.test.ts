// One bit flipped anywhere in a repository: it is found and named, and nothing wrong is read as right.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { isCairnError } from '../../src/base/errors.ts';
import type { PackId } from '../../src/base/ids.ts';
import { decodePackTrailer, PACK_TRAILER } from '../../src/formats/pack/pack-header.ts';
import { loadIndex } from '../../src/repository/index/load-index.ts';
import { BLOB_TREE } from '../../src/repository/index/blob-index.ts';
import { objectName } from '../../src/repository/layout.ts';
import { lockRepository } from '../../src/repository/lock/repository-lock.ts';
import { openRepository } from '../../src/repository/open-repository.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { listSnapshots } from '../../src/repository/snapshots.ts';
import { restore } from '../../src/restorer/restore.ts';
import { openMemoryStorage } from '../../src/storage/drivers/memory.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { backUpFolder, contentsOf, errorsIn } from '../support/archive-fixture.ts';
import { flipBit, makeRepository, TEST_PASSWORD } from '../support/repository-fixture.ts';

const POSITIONS = process.env['CAIRN_FUZZ'] === 'full' ? 1000 : 100;
const SEED = 20_261_120;

const files: Readonly<Record<string, Uint8Array>> = {
  'a/noise': randomBytes(60_000),
  'a/text': Buffer.from('the same line again\n'.repeat(3000)),
  'b/c/noise': randomBytes(700_000),
  'b/empty': new Uint8Array(0),
  small: Buffer.from('x'),
};

let root: string;
let objects: Map<string, Uint8Array>;

beforeAll(async () => {
  root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-flips-')));
  const source = join(root, 'source');
  for (const [name, bytes] of Object.entries(files)) {
    fs.mkdirSync(join(source, name, '..'), { recursive: true });
    fs.writeFileSync(join(source, name), bytes);
  }
  const { storage, repository } = await makeRepository();
  await backUpFolder(repository, source, { packSizeBytes: 200_000 });
  await using _lock = await lockRepository(repository, { mode: 'shared' });
  objects = new Map();
  for await (const { name } of storage.list('')) objects.set(name, await storage.read(name));
});
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

/** A damaged lock is read again for half a minute, in case it is just being written. */
const impatient: Clock = { nowNs: () => systemClock.nowNs(), sleep: async () => {} };

type Part = 'config' | 'keys' | 'index' | 'snapshots' | 'locks' | 'header' | 'data blob' | 'tree blob';
const parts: readonly Part[] = ['config', 'keys', 'index', 'snapshots', 'locks', 'header', 'data blob', 'tree blob'];

interface Range {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

function whole(prefix: string): Range[] {
  return [...objects].flatMap(([name, { length }]) =>
    name.startsWith(prefix) ? [{ name, start: 0, end: length }] : [],
  );
}

/** The places in the repository that belong to a part. */
async function rangesOf(part: Part): Promise<Range[]> {
  if (part === 'header') {
    return whole('data/').map(({ name, end }) => {
      const { headerOffset } = decodePackTrailer(objects.get(name)!.subarray(-PACK_TRAILER), end);
      return { name, start: headerOffset, end };
    });
  }
  if (!part.endsWith('blob')) return whole(part === 'config' ? part : `${part}/`);
  const index = await loadIndex(await open(await copyOf()));
  return Array.from({ length: index.size }, (_, record) => record).flatMap((record) => {
    const place = index.location(record);
    const isTree = index.blobType(record) === BLOB_TREE;
    if (place === undefined || isTree !== (part === 'tree blob')) return [];
    const pack: PackId = index.packId(place.packNumber);
    return [{ name: objectName('pack', pack), start: place.offset, end: place.offset + place.length }];
  });
}

async function copyOf(): Promise<Storage> {
  const storage = openMemoryStorage();
  for (const [name, bytes] of objects) await storage.write(name, bytes);
  return storage;
}

const open = (storage: Storage): Promise<Repository> => openRepository(storage, { password: TEST_PASSWORD });

/** Pseudo-random numbers in [0, 1), the same in every run. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    yield (state >>> 4) / 2 ** 28;
  }
}

interface Damage {
  readonly storage: Storage;
  readonly name: string;
}

/** Repositories with one flipped bit each, at different places of a part. */
async function* damaged(part: Part, count: number): AsyncGenerator<Damage> {
  const ranges = await rangesOf(part);
  const random = numbers(SEED + parts.indexOf(part));
  const next = (limit: number): number => Math.floor(random.next().value * limit);
  for (let i = 0; i < count; i++) {
    const { name, start, end } = ranges[i % ranges.length]!;
    const storage = await copyOf();
    await flipBit(storage, name, 8 * (start + next(end - start)) + next(8));
    yield { storage, name };
  }
}

const PER_PART = Math.ceil(POSITIONS / parts.length);

/** What is thrown, which must be one of our errors. */
async function errorOf(run: () => Promise<unknown>): Promise<{ code: string; text: string } | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    if (!isCairnError(error)) throw error;
    return { code: error.code, text: `${error.message} ${JSON.stringify(error.facts)}` };
  }
}

describe('one flipped bit', () => {
  it('in `config` or in the key keeps the repository from being opened, and is named', async () => {
    const expected: Readonly<Record<string, string>> = { config: 'CONFIG_CORRUPT', keys: 'KEY_CORRUPT' };
    for (const part of ['config', 'keys'] as const) {
      for await (const { storage, name } of damaged(part, PER_PART)) {
        const error = await errorOf(() => open(storage));
        expect(error?.code).toBe(expected[part]);
        expect(error?.text).toContain(name);
      }
    }
  });

  it('in an index is named by whoever loads it, and by the check', async () => {
    for await (const { storage, name } of damaged('index', PER_PART)) {
      const repository = await open(storage);
      const error = await errorOf(() => loadIndex(repository));
      expect(error?.code).toBe('INDEX_CORRUPT');
      expect(error?.text).toContain(name);
      expect((await errorsIn(repository)).join('\n')).toContain(`index-damaged ${name}`);
    }
  });

  it('in a snapshot is told when they are listed, and by the check', async () => {
    for await (const { storage, name } of damaged('snapshots', PER_PART)) {
      const repository = await open(storage);
      const told: string[] = [];
      const records = await listSnapshots(repository, { onWarning: ({ message }) => told.push(message) });
      expect(records).toEqual([]);
      expect(told.join()).toContain(name);
      expect((await errorsIn(repository)).join('\n')).toContain(`snapshot-damaged ${name}`);
    }
  });

  it('in a lock is named by the check, and locks nobody out in silence', async () => {
    for await (const { storage, name } of damaged('locks', PER_PART)) {
      const repository = await open(storage);
      expect((await errorsIn(repository)).join('\n')).toContain(`lock-damaged ${name}`);
      const error = await errorOf(() => lockRepository(repository, { mode: 'exclusive', clock: impatient }));
      expect(error?.code).toBe('LOCK_CORRUPT');
      expect(error?.text).toContain(name);
    }
  });

  it.each(['header', 'data blob', 'tree blob'] as const)('in the %s of a pack is named by the check', async (part) => {
    for await (const { storage, name } of damaged(part, PER_PART)) {
      expect((await errorsIn(await open(storage))).join('\n')).toContain(name);
    }
  });

  it.each(['data blob', 'tree blob'] as const)('in a %s is never read as something else', async (part) => {
    for await (const { storage, name } of damaged(part, PER_PART)) {
      const repository = await open(storage);
      const [record] = await listSnapshots(repository);
      const error = await errorOf(() => contentsOf(repository, record!.snapshot.tree));
      expect(error?.code).toBe('BLOB_CORRUPT');
      expect(error?.text).toContain(name.split('/').at(-1));
    }
  });

  it.each(['data blob', 'tree blob'] as const)(
    'in a %s spoils no file that does not need it; those that do are named',
    async (part) => {
      let round = 0;
      for await (const { storage } of damaged(part, Math.ceil(PER_PART / 3))) {
        const repository = await open(storage);
        const [record] = await listSnapshots(repository);
        const target = join(root, `${part}-${round++}`);
        const options = { snapshot: record!.snapshot, target, overwrite: 'always', jobs: 1 } as const;
        const told: string[] = [];
        const error = await errorOf(async () => {
          const { status, problems } = await restore(repository, options);
          expect(status).toBe('partial');
          told.push(...problems.map(({ path }) => path));
        });
        // Without the root tree there is nothing to restore.
        if (error !== undefined) expect(error.code).toBe('BLOB_CORRUPT');
        for (const [name, bytes] of Object.entries(files)) {
          const path = join(target, name);
          const isTold = error !== undefined || told.some((one) => `/${name}`.startsWith(one) || one.endsWith(name));
          if (isTold) expect(fs.existsSync(path)).toBe(false);
          else expect(fs.readFileSync(path).equals(bytes)).toBe(true);
        }
      }
    },
  );
});
