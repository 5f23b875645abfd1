// restic and we on one repository by turns, and at the same time.
import fs from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Home } from '../e2e/cairn-program.ts';
import { treeAt } from '../support/archive-fixture.ts';
import { describeTree } from '../support/describe-tree.ts';
import {
  cairnJson,
  checkOurs,
  type ChunkerName,
  listOurs,
  makeOurs,
  openShared,
  type ResticName,
  resticJsonLines,
  resticText,
  restoreOurs,
  restoreTheirs,
  runCairn,
} from '../support/interop.ts';
import { makeMatrixSource } from '../support/matrix-source.ts';
import { peersMissing } from '../support/peers.ts';
import { listSnapshots } from '../../src/repository/snapshots.ts';

const ROUNDS = 4;

let home: Home;
let source: string;

beforeAll(async () => {
  home = await Home.make();
  source = await home.folder('source');
  makeMatrixSource(source);
});
afterAll(() => home[Symbol.asyncDispose]());

interface BackupCounts {
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly filesUnmodified: number;
  readonly dirsUnmodified: number;
}

interface ResticLine {
  readonly message_type: string;
  readonly action?: string;
  readonly item?: string;
}

function namesOf(type: 'dir' | 'file'): string[] {
  const entries = fs.readdirSync(source, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => (type === 'dir' ? entry.isDirectory() : entry.isFile()))
    .map((entry) => join(entry.parentPath, entry.name));
  return type === 'dir' ? [source, ...names] : names;
}

/** The tree of the source in each snapshot, oldest first. */
async function sourceTrees(repo: string): Promise<string[]> {
  await using repository = await openShared(repo);
  const trees: string[] = [];
  for (const { snapshot } of await listSnapshots(repository)) {
    trees.push(await treeAt(repository, snapshot.tree, source));
  }
  return trees;
}

describe.each(['restic', 'restic-newest'] as const)('%s and we', (peer) => {
  describe.skipIf(peersMissing(peer)).each(['gear', 'rabin'] as const)('in a repository cut by %s', (chunker) => {
    it('lets restic find all files and directories of our backup unmodified', () => restAfterUs(peer, chunker));
    it('finds all files and directories of a backup of restic unmodified', () => weAfterThem(peer, chunker));
    describe('writing at the same time', () => {
      mixedWriters(peer, chunker);
    });
  });
});

async function restAfterUs(peer: ResticName, chunker: ChunkerName): Promise<void> {
  const repo = home.file(`ours-${peer}-${chunker}`);
  await makeOurs(repo, chunker);
  await runCairn(home, repo, ['backup', source]);
  const lines = await resticJsonLines<ResticLine>(peer, repo, ['backup', source, '--verbose=2']);
  const seen = lines.filter(({ message_type: type, item }) => type === 'verbose_status' && item?.startsWith(source));
  expect(seen.filter(({ action }) => action !== 'unchanged')).toEqual([]);
  // It names directories with a slash at the end, and does not name symbolic links.
  const expected = [...namesOf('file'), ...namesOf('dir').map((name) => `${name}/`)];
  expect(seen.map(({ item }) => String(item)).sort()).toEqual(expected.sort());
}

async function weAfterThem(peer: ResticName, chunker: ChunkerName): Promise<void> {
  const repo = home.file(`theirs-${peer}-${chunker}`);
  await makeOurs(repo, chunker);
  await resticText(peer, repo, ['backup', source]);
  const { counts } = await cairnJson<{ counts: BackupCounts }>(home, repo, ['backup', source]);
  expect(counts).toMatchObject({ filesNew: 0, filesChanged: 0, filesUnmodified: namesOf('file').length });
  expect(counts.dirsUnmodified).toBeGreaterThanOrEqual(namesOf('dir').length);
  const [theirs, ours] = await sourceTrees(repo);
  expect(ours).toBe(theirs);
}

function mixedWriters(peer: ResticName, chunker: ChunkerName): void {
  let repo: string;
  const folders = { theirs: '', ours: '' };
  beforeAll(async () => {
    repo = home.file(`mixed-${peer}-${chunker}`);
    folders.theirs = await home.folder(`mixed-${peer}-${chunker}-theirs`);
    folders.ours = await home.folder(`mixed-${peer}-${chunker}-ours`);
    await makeOurs(repo, chunker);
    for (let round = 0; round < ROUNDS; round++) {
      // The same in both folders, so that both store it, and of each folder alone.
      const shared = randomBytes(2 * 1024 * 1024);
      for (const folder of Object.values(folders)) {
        fs.writeFileSync(join(folder, `shared-${round}`), shared);
        fs.writeFileSync(join(folder, `own-${round}`), randomBytes(1024 * 1024));
        for (let i = 0; i < 50; i++) fs.writeFileSync(join(folder, `small-${round}-${i}`), `${folder} ${i}`);
      }
      await Promise.all([
        resticText(peer, repo, ['backup', folders.theirs]),
        runCairn(home, repo, ['backup', folders.ours]),
      ]);
    }
  });

  it('keeps the backups of both', async () => {
    const paths = (await listOurs(home, repo)).map((backup) => backup.paths[0]);
    expect(paths.filter((path) => path === folders.theirs)).toHaveLength(ROUNDS);
    expect(paths.filter((path) => path === folders.ours)).toHaveLength(ROUNDS);
  });

  it('leaves no lock', () => {
    expect(fs.readdirSync(join(repo, 'locks'))).toEqual([]);
  });

  it('is good, says restic', async () => {
    expect(await resticText(peer, repo, ['check', '--read-data'])).toContain('no errors were found');
  });

  it('is good, say we', async () => {
    expect(await checkOurs(home, repo)).toMatchObject({ exit: 0, isGood: true, findings: [] });
  });

  it.each(['theirs', 'ours'] as const)('lets either restore the last of %s', async (writer) => {
    const folder = folders[writer];
    const all = await listOurs(home, repo);
    const { id } = all.findLast(({ paths }) => paths[0] === folder)!;
    const expected = describeTree(folder);
    expect(await restoreOurs(home, repo, id, `${repo}-${writer}-by-us`)).toEqual(expected);
    expect(await restoreTheirs(peer, repo, id, folder, `${repo}-${writer}-by-them`)).toEqual(expected);
  });
}
