// Backups for tests: one call with everything filled in, and a look at what a snapshot really holds.
import { createHash } from 'node:crypto';
import { archive, type ArchiveOptions, type ArchiveResult } from '../../src/archiver/archive.ts';
import type { Source } from '../../src/archiver/source.ts';
import { bytesKey, utf8, utf8Lossy } from '../../src/base/bytes.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { BlobId } from '../../src/base/ids.ts';
import { localGoTime } from '../../src/formats/go-time.ts';
import { readBlob, readTree } from '../../src/repository/blob-reader.ts';
import { checkRepository } from '../../src/repository/check/check-repository.ts';
import { loadIndex } from '../../src/repository/index/load-index.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { listSnapshots, type SnapshotRecord } from '../../src/repository/snapshots.ts';
import { walkTree } from '../../src/repository/walk/walk-tree.ts';
import { openFilesSource, type FilesSourceOptions } from '../../src/sources/files/files-source.ts';

/** Backs up `source` with two threads and without a parent, unless `more` says otherwise. */
export function backUp(
  repository: Repository,
  source: Source,
  more: Partial<ArchiveOptions> = {},
): Promise<ArchiveResult> {
  return archive(repository, {
    source,
    time: localGoTime(systemClock.nowNs()),
    hostname: 'here',
    username: 'tester',
    tags: [],
    programVersion: 'cairn test',
    jobs: 2,
    ...more,
  });
}

export async function backUpPath(
  repository: Repository,
  path: string,
  more: Partial<ArchiveOptions> = {},
): Promise<ArchiveResult> {
  return backUp(repository, await openFilesSource({ targets: [path] }), more);
}

/**
 * A source whose root is the folder itself, without the directories above: other programs change their times,
 * so that two backups of the same files would have different root trees.
 */
export async function openFolderSource(path: string, more: Partial<FilesSourceOptions> = {}): Promise<Source> {
  const source = await openFilesSource({ targets: [path], ...more });
  let { root } = source;
  for (const name of path.split('/').slice(1)) {
    const entry = root.list(() => {}).find((one) => one.key === bytesKey(utf8(name)));
    if (entry?.kind !== 'directory') throw new Error(`${path} is no directory`);
    root = entry.directory;
  }
  return { ...source, root };
}

export async function backUpFolder(
  repository: Repository,
  path: string,
  more: Partial<ArchiveOptions> = {},
): Promise<ArchiveResult> {
  return backUp(repository, await openFolderSource(path), more);
}

/** The snapshot of a finished backup, to be the parent of the next. */
export function recordOf({ id, snapshot }: ArchiveResult): SnapshotRecord {
  if (id === undefined) throw new Error('this backup has no snapshot');
  return { id, snapshot };
}

/** What a snapshot holds by path, each file by the SHA-256 of its bytes, every blob read and authenticated. */
export async function contentsOf(repository: Repository, tree: BlobId): Promise<Record<string, string>> {
  const index = await loadIndex(repository);
  const contents: Record<string, string> = {};
  for await (const { path, node } of walkTree(repository, index, tree)) {
    const name = `/${path.map((part) => utf8Lossy(part)).join('/')}`;
    if (node.type !== 'file') {
      contents[name] = node.type;
      continue;
    }
    const hash = createHash('sha256');
    let sizeBytes = 0n;
    for (const id of node.content) {
      const bytes = await readBlob(repository, index, 'data', id);
      hash.update(bytes);
      sizeBytes += BigInt(bytes.length);
    }
    if (sizeBytes !== node.size) throw new Error(`${name} has ${sizeBytes} bytes, its node says ${node.size}`);
    contents[name] = hash.digest('hex');
  }
  return contents;
}

/**
 * The tree of a directory in a snapshot, by its path. Unlike the snapshot's root it does not hold the times of
 * the directories above, which other programs change.
 */
export async function treeAt(repository: Repository, root: BlobId, path: string): Promise<BlobId> {
  const index = await loadIndex(repository);
  let tree = root;
  for (const name of path.split('/').slice(1)) {
    const node = (await readTree(repository, index, tree)).find((one) => utf8Lossy(one.name) === name);
    if (node?.type !== 'dir') throw new Error(`the snapshot has no directory ${path}`);
    tree = node.subtree;
  }
  return tree;
}

/** What `contentsOf` gives for files with these bytes. */
export function expectedContents(files: Readonly<Record<string, Uint8Array | string>>): Record<string, string> {
  const contents: Record<string, string> = {};
  for (const [name, bytes] of Object.entries(files)) {
    contents[`/${name}`] = createHash('sha256').update(bytes).digest('hex');
    const parts = name.split('/');
    for (let depth = 1; depth < parts.length; depth++) contents[`/${parts.slice(0, depth).join('/')}`] = 'dir';
  }
  return contents;
}

/** The errors of a complete check; none when all is well. */
export async function errorsIn(repository: Repository): Promise<string[]> {
  const { findings } = await checkRepository(repository, { readData: 'all', jobs: 1 });
  return findings
    .filter(({ severity }) => severity === 'error')
    .map(({ kind, object, message }) => `${kind} ${object}: ${message}`);
}

/** Reads everything in every snapshot; returns how many there are. Throws if anything is missing. */
export async function readAllSnapshots(repository: Repository): Promise<number> {
  const damaged: unknown[] = [];
  const records = await listSnapshots(repository, { onWarning: (warning) => damaged.push(warning) });
  if (damaged.length > 0) throw damaged[0];
  for (const { snapshot } of records) await contentsOf(repository, snapshot.tree);
  return records.length;
}
