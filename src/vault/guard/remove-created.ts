// What a change made that was not there before: removed, so that what is restored stands alone. A database file that is
// brought back must not find the journal of its successor beside it.
//
// The source is walked by its own rules, so that what it leaves out (excluded files, the vault itself, other file
// systems) is not seen and stays. What it sees and the backup has not was made since, because the backup was whole.
import fs from 'node:fs';
import { bytesKey, bytesOf, utf8Lossy } from '../../base/bytes.ts';
import { messageOf, systemCode } from '../../base/errors.ts';
import { openPosix } from '../../base/posix/open-posix.ts';
import { AT_FDCWD, FileType, type Posix, STAT_FIELDS, StatField } from '../../base/posix/posix.ts';
import type { Source, SourceDirectory, SourceEntry } from '../../archiver/source.ts';
import type { BlobId } from '../../base/ids.ts';
import type { Node } from '../../formats/tree/node.ts';
import type { SnapshotTree } from '../look/snapshot-tree.ts';

const LOOK_FLAGS = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW;

export interface CreatedEntries {
  readonly removed: number;
  readonly problems: readonly RemovalProblem[];
}

export interface RemovalProblem {
  readonly path: string;
  readonly message: string;
}

/** Removes what `source` holds and `tree` does not, also what has another type there. */
export async function removeCreated(
  source: Source,
  backup: { readonly tree: SnapshotTree; readonly root: BlobId },
  signal: AbortSignal,
): Promise<CreatedEntries> {
  const removal = new CreatedRemoval(backup.tree, signal);
  await removal.compare(source.root, backup.root);
  return { removed: removal.removed, problems: removal.problems };
}

class CreatedRemoval {
  readonly #tree: SnapshotTree;
  readonly #signal: AbortSignal;
  readonly #posix: Posix = openPosix();
  readonly problems: RemovalProblem[] = [];
  removed = 0;

  constructor(tree: SnapshotTree, signal: AbortSignal) {
    this.#tree = tree;
    this.#signal = signal;
  }

  async compare(directory: SourceDirectory, treeId: BlobId): Promise<void> {
    this.#signal.throwIfAborted();
    const nodes = new Map((await this.#tree.readFolder(treeId)).map((node) => [bytesKey(node.name), node]));
    const created: SourceEntry[] = [];
    for (const entry of this.#list(directory)) {
      const node = nodes.get(entry.key);
      if (entry.kind === 'directory' && node?.type === 'dir') await this.compare(entry.directory, node.subtree);
      else if (isCreated(entry, node)) created.push(entry);
    }
    if (created.length > 0) this.#removeAll(directory, created);
  }

  #list(directory: SourceDirectory): SourceEntry[] {
    return directory.list(({ path, message }) => this.problems.push({ path: utf8Lossy(path), message }));
  }

  /** Never through a symlink: the folder is opened once, and names are removed in it. */
  #removeAll({ path }: SourceDirectory, entries: readonly SourceEntry[]): void {
    if (path === undefined) return;
    const fd = this.#posix.openat(AT_FDCWD, path, LOOK_FLAGS);
    try {
      for (const entry of entries) {
        this.#signal.throwIfAborted();
        this.#attempt(path, entry, () => this.#remove(fd, entry));
      }
    } finally {
      this.#posix.close(fd);
    }
  }

  #remove(fd: number, entry: SourceEntry): void {
    const name = bytesOf(entry.key);
    if (entry.kind === 'directory') {
      this.#removeAll(entry.directory, this.#list(entry.directory));
      this.#posix.rmdirat(fd, name);
    } else {
      const stat = new BigInt64Array(STAT_FIELDS);
      if (!this.#posix.statInto(fd, name, stat)) return;
      // No backup holds sockets, so they were perhaps there before.
      if ((Number(stat[StatField.mode]) & FileType.mask) === FileType.socket) return;
      this.#posix.unlinkat(fd, name);
    }
    this.removed++;
  }

  #attempt(folder: Uint8Array, { key }: SourceEntry, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#signal.throwIfAborted();
      const code = systemCode(error);
      // A new folder with something in it that the source leaves out stays for that.
      if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOENT') return;
      this.problems.push({ path: `${utf8Lossy(folder)}/${utf8Lossy(bytesOf(key))}`, message: messageOf(error) });
    }
  }
}

function isCreated(entry: SourceEntry, node: Node | undefined): boolean {
  return node === undefined || (entry.kind === 'directory') !== (node.type === 'dir');
}
