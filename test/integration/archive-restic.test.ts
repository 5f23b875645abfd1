// What we back up, seen by restic: it checks, restores and goes on from our snapshots.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ArchiveResult } from '../../src/archiver/archive.ts';
import type { BlobId } from '../../src/base/ids.ts';
import { Secret } from '../../src/base/secret.ts';
import { loadIndex } from '../../src/repository/index/load-index.ts';
import { initRepository } from '../../src/repository/init-repository.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { walkTree } from '../../src/repository/walk/walk-tree.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { backUpPath, recordOf, treeAt } from '../support/archive-fixture.ts';
import { describeTree } from '../support/describe-tree.ts';
import { addAttributes, makeOddTree } from '../support/odd-tree.ts';
import { peersMissing } from '../support/peers.ts';
import { RESTIC_PASSWORD, resticBackup, resticTrees, runRestic } from '../support/restic.ts';

const KDF = { N: 1024, r: 8, p: 1 };
const KIB = 1024;
const MIB = 1024 * KIB;

let scratch: string;
beforeAll(() => {
  scratch = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-archive-')));
});
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

async function newRepository(name: string, version: 1 | 2 = 2): Promise<{ repo: string; repository: Repository }> {
  const repo = join(scratch, name);
  const storage = openLocalStorage(repo);
  const password = new Secret(RESTIC_PASSWORD);
  return { repo, repository: await initRepository(storage, { password, version, chunker: 'rabin', kdf: KDF }) };
}

function newFolder(name: string): string {
  return fs.mkdtempSync(join(scratch, `${name}-`));
}

/** Blob ids of each file's content, by path. */
async function contentLists(repository: Repository, tree: BlobId): Promise<Record<string, readonly BlobId[]>> {
  const index = await loadIndex(repository);
  const lists: Record<string, readonly BlobId[]> = {};
  for await (const { path, node } of walkTree(repository, index, tree)) {
    if (node.type === 'file')
      lists[`/${path.map((part) => Buffer.from(part).toString('latin1')).join('/')}`] = node.content;
  }
  return lists;
}

describe.skipIf(peersMissing('restic-newest', 'setfacl'))('a tree with everything, backed up by us', () => {
  describe.each([1, 2] as const)('into a repository of version %i', (version) => {
    let source: string;
    let repo: string;
    let repository: Repository;
    let result: ArchiveResult;

    beforeAll(async () => {
      source = newFolder(`odd-${version}`);
      makeOddTree(source, { manyFiles: version === 2 ? 10_000 : 200 });
      addAttributes(source);
      ({ repo, repository } = await newRepository(`repo-${version}`, version));
      result = await backUpPath(repository, source);
    });

    it('has no problem', () => {
      expect(result.problems).toEqual([]);
      expect(result.status).toBe('complete');
    });

    it('passes the check of restic, all data read', () => {
      expect(runRestic('restic-newest', repo, ['check', '--read-data'])).toContain('no errors were found');
    });

    it('passes the check of the oldest restic we support', ({ skip }) => {
      if (peersMissing('restic')) skip();
      expect(runRestic('restic', repo, ['check', '--read-data'])).toContain('no errors were found');
    });

    it('is restored by restic the same in every respect', () => {
      const target = newFolder('restored');
      runRestic('restic-newest', repo, ['restore', 'latest', '--target', target]);
      expect(describeTree(join(target, source))).toEqual(describeTree(source));
    });

    it('has nothing to add and the same tree when restic reads it all again', async () => {
      const summary = resticBackup('restic-newest', repo, ['--force', source]);
      expect(summary.data_blobs).toBe(0);
      const theirs = resticTrees('restic-newest', repo).get(summary.snapshot_id) as BlobId;
      expect(await treeAt(repository, theirs, source)).toBe(await treeAt(repository, result.snapshot.tree, source));
    });

    it('lets restic find every file unmodified', () => {
      const summary = resticBackup('restic-newest', repo, ['--host', 'here', source]);
      expect({ new: summary.files_new, changed: summary.files_changed }).toEqual({ new: 0, changed: 0 });
    });

    it('has nothing to add when we back it up again', async () => {
      const tree = await treeAt(repository, result.snapshot.tree, source);
      const again = await backUpPath(repository, source, { parent: recordOf(result) });
      expect(await treeAt(repository, again.snapshot.tree, source)).toBe(tree);
      expect(again.snapshot.summary).toMatchObject({ dataBlobs: 0, filesNew: 0, filesChanged: 0 });
      const forced = await backUpPath(repository, source, { parent: recordOf(result), force: true });
      expect(await treeAt(repository, forced.snapshot.tree, source)).toBe(tree);
      expect(forced.snapshot.summary).toMatchObject({ dataBlobs: 0, filesUnmodified: 0 });
    });
  });

  it('goes on from a snapshot of restic', async () => {
    const source = newFolder('theirs');
    makeOddTree(source, { manyFiles: 100 });
    addAttributes(source);
    const { repo, repository } = await newRepository('repo-theirs');
    const { snapshot_id: id } = resticBackup('restic-newest', repo, [source]);
    const tree = resticTrees('restic-newest', repo).get(id) as BlobId;
    const parent = { ...recordOf(await backUpPath(repository, newFolder('empty'))) };
    const ours = await backUpPath(repository, source, {
      parent: { ...parent, snapshot: { ...parent.snapshot, tree } },
    });
    expect(await treeAt(repository, ours.snapshot.tree, source)).toBe(await treeAt(repository, tree, source));
    expect(ours.snapshot.summary).toMatchObject({ dataBlobs: 0, filesNew: 0, filesChanged: 0 });
  });
});

/** Noise, long runs of zeros across the places where segments meet, text, a pattern. */
function writeBigFile(path: string): void {
  const fd = fs.openSync(path, 'w');
  const noise = randomBytes(80 * MIB);
  const pattern = Buffer.from(randomBytes(300 * KIB));
  fs.writeSync(fd, noise, 0, noise.length, 0);
  for (let at = 90 * MIB; at < 140 * MIB; at += pattern.length) fs.writeSync(fd, pattern, 0, pattern.length, at);
  fs.writeSync(fd, noise, 0, 40 * MIB, 170 * MIB);
  fs.writeSync(fd, noise, 10 * MIB, 60 * MIB, 240 * MIB + 12_345);
  fs.closeSync(fd);
}

describe.skipIf(peersMissing('restic-newest'))('a big file that several workers cut', () => {
  it.each([
    ['of mixed content', writeBigFile],
    [
      'of zeros',
      (path: string): void => {
        fs.writeFileSync(path, '');
        fs.truncateSync(path, 200 * MIB + 5);
      },
    ],
  ])('%s has the blobs that restic makes of it', async (name, write) => {
    const source = newFolder('big');
    const path = join(source, 'file');
    write(path);
    const { repo, repository } = await newRepository(`repo-big-${name.replaceAll(' ', '-')}`);
    const { snapshot } = await backUpPath(repository, source);
    const { snapshot_id: id, data_blobs: added } = resticBackup('restic-newest', repo, ['--force', source]);
    const theirs = resticTrees('restic-newest', repo).get(id) as BlobId;
    expect(added).toBe(0);
    expect((await contentLists(repository, snapshot.tree))[path]).toEqual(
      (await contentLists(repository, theirs))[path],
    );
    fs.rmSync(source, { recursive: true });
  });
});

describe.skipIf(peersMissing('restic-newest'))('the options of a backup', () => {
  let source: string;
  beforeAll(() => {
    source = newFolder('options');
    fs.writeFileSync(join(source, 'noise'), randomBytes(9 * MIB));
    fs.writeFileSync(join(source, 'text'), 'all work and no play\n'.repeat(300_000));
    fs.writeFileSync(join(source, 'small'), 'x');
  });

  it.each(['off', 'fastest', 'auto', 'better', 'max'] as const)(
    'compression %s gives a good repository',
    async (level) => {
      const { repo, repository } = await newRepository(`repo-${level}`);
      await backUpPath(repository, source, { compression: level });
      expect(runRestic('restic-newest', repo, ['check', '--read-data'])).toContain('no errors were found');
      const target = newFolder('restored');
      runRestic('restic-newest', repo, ['restore', 'latest', '--target', target]);
      expect(describeTree(join(target, source))).toEqual(describeTree(source));
    },
  );

  it('keeps packs near the size asked for', async () => {
    const { repo, repository } = await newRepository('repo-small-packs');
    const big = newFolder('packs');
    fs.writeFileSync(join(big, 'noise'), randomBytes(40 * MIB));
    await backUpPath(repository, big, { packSizeBytes: 4 * MIB });
    const sizes: number[] = [];
    for await (const { sizeBytes } of repository.storage.list('data/')) sizes.push(sizeBytes);
    expect(sizes.length).toBeGreaterThanOrEqual(4);
    expect(Math.max(...sizes)).toBeLessThan(13 * MIB);
    expect(runRestic('restic-newest', repo, ['check', '--read-data'])).toContain('no errors were found');
  });
});
