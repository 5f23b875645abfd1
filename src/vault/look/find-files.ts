import { CairnArgumentError } from '../../base/errors.ts';
import type { BlobId } from '../../base/ids.ts';
import type { Node } from '../../formats/tree/node.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import { type BackupEntry, backupEntry } from './backup-entry.ts';
import { type SnapshotBackup, backupRecord } from '../reference/backup-record.ts';
import { momentEnd, momentStart } from '../reference/moment.ts';
import { compilePathMatcher, isAboutNames, type PathMatcher } from './path-matcher.ts';
import type { SnapshotTree } from './snapshot-tree.ts';

export interface FindOptions {
  readonly ignoreCase?: boolean | undefined;
  /** Only entries changed at this time or later, by their mtime. */
  readonly newerThan?: Date | string | undefined;
  readonly olderThan?: Date | string | undefined;
  readonly type?: 'file' | 'dir' | 'symlink' | undefined;
}

export interface FoundFile {
  readonly backup: SnapshotBackup;
  readonly entry: BackupEntry;
}

/** The entries of `snapshots` that match one of the patterns, backup by backup. */
export async function* findFiles(
  tree: SnapshotTree,
  snapshots: readonly SnapshotRecord[],
  patterns: readonly string[],
  options: FindOptions,
): AsyncGenerator<FoundFile, void, undefined> {
  const search = new FileSearch(patterns, options);
  for (const record of snapshots) {
    const backup = backupRecord(record);
    for await (const { path, node } of search.matches(tree, record.snapshot.tree)) {
      yield { backup, entry: backupEntry(path, node) };
    }
  }
}

class FileSearch {
  readonly #isWanted: PathMatcher | undefined;
  /** What is found in a folder does not depend on where the folder is. */
  readonly #useMemory: boolean;
  readonly #options: FindOptions;
  readonly #newerThan: bigint | undefined;
  readonly #olderThan: bigint | undefined;
  /** Folders that hold no match whatever their own path is: successive backups share most of them. */
  readonly #barren = new Set<BlobId>();

  constructor(patterns: readonly string[], options: FindOptions) {
    if (patterns.length === 0) throw new CairnArgumentError('a pattern to find is needed');
    this.#isWanted = compilePathMatcher(patterns, { ignoreCase: options.ignoreCase === true });
    this.#useMemory = patterns.every(isAboutNames);
    this.#options = options;
    this.#newerThan = options.newerThan === undefined ? undefined : momentStart(options.newerThan);
    this.#olderThan = options.olderThan === undefined ? undefined : momentEnd(options.olderThan);
  }

  async *matches(
    tree: SnapshotTree,
    root: BlobId,
  ): AsyncGenerator<{ readonly path: readonly Uint8Array[]; readonly node: Node }, void, undefined> {
    // Whether anything matched below each folder on the way down, to learn which ones are barren.
    const open: { readonly id: BlobId; readonly depth: number; fruitful: boolean }[] = [];
    const close = (depth: number): void => {
      for (let last = open.at(-1); last !== undefined && last.depth >= depth; last = open.at(-1)) {
        open.pop();
        if (!last.fruitful) this.#barren.add(last.id);
      }
    };
    const useMemory = this.#useMemory;
    const enter = ({ node }: { readonly node: Node }): boolean =>
      !(useMemory && node.type === 'dir' && this.#barren.has(node.subtree));
    for await (const { path, node } of tree.walk(root, [], enter)) {
      close(path.length);
      if (this.#isMatch(path, node)) {
        for (const folder of open) folder.fruitful = true;
        yield { path, node };
      }
      if (useMemory && node.type === 'dir') open.push({ id: node.subtree, depth: path.length, fruitful: false });
    }
    close(0);
  }

  #isMatch(path: readonly Uint8Array[], node: Node): boolean {
    const { type } = this.#options;
    if (type !== undefined && node.type !== type) return false;
    if (this.#newerThan !== undefined && node.mtime.ns < this.#newerThan) return false;
    if (this.#olderThan !== undefined && node.mtime.ns > this.#olderThan) return false;
    return this.#isWanted?.(path) === true;
  }
}
