// Prune by either program on one repository: the same figures, and each finds the other's work whole.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Home } from '../e2e/cairn-program.ts';
import { pruneVault, planPruneOfVault, type PruneOptions, type PruneResult } from '../../src/vault/care/prune-vault.ts';
import type { PrunePlan } from '../../src/repository/prune/prune-plan.ts';
import { contextOf } from '../support/fault-sweep.ts';
import { errorsIn, readAllSnapshots } from '../support/archive-fixture.ts';
import {
  filesOf,
  listTheirs,
  makeOurs,
  makeTheirs,
  openShared,
  type ResticName,
  resticText,
  runCairn,
} from '../support/interop.ts';
import { peersMissing } from '../support/peers.ts';
import { storeIndex, storePack } from '../support/repository-fixture.ts';

const CLEAN = 'no errors were found';

let home: Home;
let scratch: string;
let source: string;
let repo: string;

beforeAll(async () => void (home = await Home.make()));
afterAll(() => home[Symbol.asyncDispose]());
beforeEach(() => {
  scratch = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-prune-')));
  source = join(scratch, 'source');
  repo = join(scratch, 'repo');
  for (const folder of ['a', 'b', 'c']) fs.mkdirSync(join(source, folder), { recursive: true });
  for (let file = 0; file < 60; file++) write(file);
});
afterEach(() => fs.rmSync(scratch, { recursive: true, force: true }));

const pathOf = (file: number): string => join(source, 'abc'[file % 3] ?? '', `f${file}`);
const write = (file: number): void =>
  fs.writeFileSync(
    pathOf(file),
    file % 4 === 0 ? `text of ${file}\n`.repeat(20_000) : randomBytes(50_000 + file * 9000),
  );

async function ours<T>(use: (context: ReturnType<typeof contextOf>) => Promise<T>): Promise<T> {
  await using repository = await openShared(repo);
  return await use(contextOf(repository));
}
const pruneOurs = (options: PruneOptions = {}): Promise<PruneResult> => ours((context) => pruneVault(context, options));
const planOurs = (options: PruneOptions = {}): Promise<PrunePlan> =>
  ours((context) => planPruneOfVault(context, options));

/** Three backups by restic with files that come and go; the first is forgotten. */
async function historyOf(peer: ResticName, args: readonly string[] = []): Promise<void> {
  await resticText(peer, repo, ['backup', ...args, source]);
  for (let file = 0; file < 60; file += 2) write(file);
  await resticText(peer, repo, ['backup', ...args, source]);
  for (let file = 0; file < 60; file += 5) fs.rmSync(pathOf(file));
  await resticText(peer, repo, ['backup', ...args, source]);
  const [first] = await listTheirs(peer, repo);
  await resticText(peer, repo, ['forget', first!.id]);
}

async function expectWhole(peer: ResticName, snapshots = 2): Promise<void> {
  expect(await resticText(peer, repo, ['check', '--read-data'])).toContain(CLEAN);
  await using repository = await openShared(repo);
  expect(await errorsIn(repository)).toEqual([]);
  expect(await readAllSnapshots(repository)).toBe(snapshots);
}

/** The counts that `restic prune --dry-run -v` prints, such as `to repack: 3 packs`. */
async function figuresOf(peer: ResticName, args: readonly string[]): Promise<Record<string, number>> {
  const text = await resticText(peer, repo, ['prune', '--dry-run', '-v', ...args]);
  const figures: Record<string, number> = {};
  // Rows of packs either say so in their name or in their unit.
  for (const [, name = '', number, unit] of text.matchAll(/^([a-z ]+):\s+(\d+)(?: (blobs|packs))?(?: \/.*)?$/gmu)) {
    figures[unit === 'packs' ? `${name} packs` : name] = Number(number);
  }
  return figures;
}

function figuresOfPlan({ packs, ...plan }: PrunePlan): Record<string, number> {
  return {
    used: plan.used.blobs,
    ...(plan.duplicates.blobs > 0 ? { duplicates: plan.duplicates.blobs } : {}),
    unused: plan.unused.blobs,
    total: plan.total.blobs,
    'to repack': plan.repack.blobs,
    'this removes': plan.repackFrees.blobs,
    'to delete': plan.remove.blobs,
    'total prune': plan.freed.blobs,
    remaining: plan.remaining.blobs,
    'totally used packs': packs.used,
    'partly used packs': packs.partlyUsed,
    'unused packs': packs.unused,
    'to keep packs': packs.kept,
    'to repack packs': plan.repack.packs,
    'to delete packs': plan.remove.packs,
  };
}

const peers: readonly ResticName[] = ['restic', 'restic-newest'];

describe.each(peers)('beside %s', (peer) => {
  describe.skipIf(peersMissing(peer))('a prune', () => {
    it.each([
      ['version 1', 1, []],
      ['version 2', 2, []],
      ['compression off', 2, ['--compression', 'off']],
      ['packs of 4 MiB', 2, ['--pack-size', '4']],
      ['packs of 128 MiB', 2, ['--pack-size', '128']],
    ] as const)('of a repository of restic with %s leaves it whole', async (_, version, backup) => {
      await makeTheirs(peer, repo, { version });
      await historyOf(peer, backup);
      const result = await pruneOurs({ maxUnused: { bytes: 0 } });
      expect(result).toMatchObject({ status: 'complete', plan: { unusedAfterBytes: 0 } });
      await expectWhole(peer);
      expect(await figuresOf(peer, ['--max-unused', '0'])).toMatchObject({ 'to delete': 0, 'to repack': 0 });
    });

    it('compresses what is stored as it is, so that restic finds nothing more to compress', async () => {
      await makeTheirs(peer, repo);
      await historyOf(peer, ['--compression', 'off']);
      const result = await pruneOurs({ repackUncompressed: true });
      expect(result.status).toBe('complete');
      await expectWhole(peer);
      expect(await figuresOf(peer, ['--repack-uncompressed'])).toMatchObject({ 'to repack': 0 });
    });

    it('rewrites mixed packs and keeps one of several copies', async () => {
      await makeTheirs(peer, repo);
      await historyOf(peer);
      await addMixedCopies();
      const result = await pruneOurs();
      expect(result.plan.duplicates.blobs).toBeGreaterThan(0);
      await expectWhole(peer);
      expect(await figuresOf(peer, [])).toMatchObject({ 'to delete': 0, 'to repack': 0 });
    });

    it('by restic of what we wrote leaves nothing for us to do', async () => {
      await makeOurs(repo, 'rabin');
      await runCairn(home, repo, ['backup', source, '--pack-size', '4M']);
      for (let file = 0; file < 60; file += 2) write(file);
      await runCairn(home, repo, ['backup', source, '--pack-size', '4M']);
      const [first] = await listTheirs(peer, repo);
      await runCairn(home, repo, ['delete', first!.id, '--yes']);
      await resticText(peer, repo, ['prune', '--max-unused', '0']);
      expect((await pruneOurs({ maxUnused: { bytes: 0 } })).status).toBe('nothing');
      await expectWhole(peer, 1);
    });

    it('lets restic back up between its steps', async () => {
      await makeTheirs(peer, repo);
      await historyOf(peer);
      const result = await ours((context) =>
        pruneVault(context, { onPlan: async () => void (await resticText(peer, repo, ['backup', join(source, 'a')])) }),
      );
      expect(result).toMatchObject({ status: 'complete', newBackups: 1 });
      await expectWhole(peer, 3);
      expect(filesOf(repo, 'locks')).toEqual([]);
    });
  });
});

// The older one has no rule of its own for small packs.
describe.skipIf(peersMissing('restic-newest'))('beside the newest restic, a prune', () => {
  const newest = 'restic-newest';
  it('plans what restic plans, whatever the limits', async () => {
    await makeTheirs(newest, repo);
    await historyOf(newest, ['--pack-size', '4']);
    const cases: readonly (readonly [string, PruneOptions])[] = [
      ['--max-unused 5%', {}],
      ['--max-unused 0', { maxUnused: { bytes: 0 } }],
      ['--max-unused unlimited', { maxUnused: 'unlimited' }],
      ['--max-unused 30%', { maxUnused: { percent: 30 } }],
      ['--max-unused 3M', { maxUnused: { bytes: 3 * 1024 * 1024 } }],
      ['--max-repack-size 9M', { maxRepackBytes: 9 * 1024 * 1024 }],
      ['--max-repack-size 0', { maxRepackBytes: 0 }],
      ['--repack-cacheable-only', { repackCacheableOnly: true }],
    ];
    for (const [args, options] of cases) {
      const plan = figuresOfPlan(await planOurs(options));
      expect([args, plan]).toEqual([args, await figuresOf(newest, args.split(' '))]);
    }
  });
});

/** A pack with the first tree and the first data blob of the index, each a second time. */
async function addMixedCopies(): Promise<void> {
  await using repository = await openShared(repo);
  const { loadIndex } = await import('../../src/repository/index/load-index.ts');
  const { readBlob } = await import('../../src/repository/blob-reader.ts');
  const { listSnapshots } = await import('../../src/repository/snapshots.ts');
  const index = await loadIndex(repository);
  const [snapshot] = await listSnapshots(repository);
  const tree = await readBlob(repository, index, 'tree', snapshot!.snapshot.tree);
  let data: Uint8Array | undefined;
  for (let record = 0; record < index.size && data === undefined; record++) {
    if (index.blobType(record) === 0) data = await readBlob(repository, index, 'data', index.blobId(record));
  }
  const pack = await storePack(repository, [
    { type: 'tree', plain: tree },
    { type: 'data', plain: data! },
  ]);
  await storeIndex(repository, [pack]);
}
