// A source that is empty where the backup before was not is an error, not a backup of nothing: most often a disk is not
// mounted, or a dump wrote nothing. It costs a look at each target; the backup before is read only where one is empty.
import fs from 'node:fs';
import type { Source } from '../../archiver/source.ts';
import { findParent } from '../../archiver/parent.ts';
import { CairnError, isCairnError } from '../../base/errors.ts';
import { shortId } from '../../base/ids.ts';
import type { GoTime } from '../../formats/go-time.ts';
import { isPartial } from '../../formats/snapshot/partial-tag.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import type { SnapshotTree } from '../look/snapshot-tree.ts';
import { loadVaultIndex } from '../vault-session.ts';
import type { ActionContext } from './backup-action.ts';
import { displayName, isNameTag } from './backup-name.ts';

type EmptiedContext = Pick<ActionContext, 'repository' | 'settings' | 'signal'>;

/**
 * The newest backup of the same thing: of the name that was given, whatever the path of it then, or else of these paths.
 * Streams that are named differently are different things, although their path is the same.
 */
export function earlierBackup(
  snapshots: readonly SnapshotRecord[],
  { paths }: Source,
  { hostname, tags, time }: { readonly hostname: string; readonly tags: readonly string[]; readonly time: GoTime },
): SnapshotRecord | undefined {
  const name = displayName({ paths, tags });
  const sameName = snapshots.filter(({ snapshot }) => displayName(snapshot) === name);
  const query = { hostname, paths: tags.some(isNameTag) ? [] : paths, time };
  // One that is not whole may lack everything, and says nothing of what there was.
  const whole = sameName.filter(({ snapshot }) => !isPartial(snapshot.tags));
  return findParent(whole, query) ?? findParent(sameName, query);
}

export class EmptiedSource {
  readonly #context: EmptiedContext;
  readonly #before: SnapshotRecord;

  constructor(context: EmptiedContext, before: SnapshotRecord) {
    this.#context = context;
    this.#before = before;
  }

  /** Throws `SOURCE_EMPTY` where a target that had content is an empty folder or file now. */
  async assertTargetsFilled({ root, paths }: Source): Promise<void> {
    if (root.path === undefined) return;
    const empty = paths.filter(isEmptyPath);
    if (empty.length === 0) return;
    const tree = await this.#tree();
    const emptied: string[] = [];
    for (const path of empty) if (await this.#wasFilled(tree, path)) emptied.push(path);
    if (emptied.length > 0) throw this.#refused(emptied);
  }

  /** Throws `SOURCE_EMPTY` where all files together have no bytes, and had some before. */
  async assertFilled(bytes: number): Promise<void> {
    if (bytes > 0) return;
    if (await this.#hadBytes()) throw this.#refused([]);
  }

  async #wasFilled(tree: SnapshotTree, path: string): Promise<boolean> {
    try {
      const place = await tree.find(this.#before.snapshot, path);
      if (place.kind === 'root') return (await tree.readFolder(place.tree)).length > 0;
      const { node } = place;
      if (node.type === 'dir') return (await tree.readFolder(node.subtree)).length > 0;
      return node.type === 'file' && node.size > 0;
    } catch (error) {
      // The backup before did not have it, or does not tell: nothing to compare with.
      this.#context.signal.throwIfAborted();
      if (isCairnError(error)) return false;
      throw error;
    }
  }

  async #hadBytes(): Promise<boolean> {
    const { summary, tree: root } = this.#before.snapshot;
    if (summary !== undefined) return summary.totalBytesProcessed > 0;
    // restic before 0.17 did not count.
    const tree = await this.#tree();
    for await (const { node } of tree.walk(root, [])) if (node.type === 'file' && node.size > 0) return true;
    return false;
  }

  async #tree(): Promise<SnapshotTree> {
    const { SnapshotTree } = await import('../look/snapshot-tree.ts');
    const { repository, settings, signal } = this.#context;
    const index = await loadVaultIndex(repository, settings, signal);
    return new SnapshotTree(repository, index, { signal, onProblem: () => {} });
  }

  #refused(paths: readonly string[]): CairnError {
    const { id, snapshot } = this.#before;
    const what = paths.length === 0 ? 'the source has' : `${paths.join(', ')} ${paths.length === 1 ? 'has' : 'have'}`;
    const day = new Date(Number(snapshot.time.ns / 1_000_000n)).toISOString();
    return new CairnError(
      'SOURCE_EMPTY',
      `${what} no content, unlike in the backup before, ${shortId(id)} of ${day}; nothing was saved`,
      {
        hint: 'Check that the disk is mounted and the dump is complete. If it is empty on purpose, give --allow-empty (`allowEmpty`).',
        facts: { paths: paths.length === 0 ? snapshot.paths : paths, before: id },
      },
    );
  }
}

/**
 * Synchronous: some 20 µs for each target, a tenth of what an asynchronous call takes. What cannot be read here is left
 * for the backup itself to report.
 */
function isEmptyPath(path: string): boolean {
  try {
    const found = fs.lstatSync(path);
    if (!found.isDirectory()) return found.isFile() && found.size === 0;
    const folder = fs.opendirSync(path, { bufferSize: 1 });
    try {
      return folder.readSync() === null;
    } finally {
      folder.closeSync();
    }
  } catch {
    return false;
  }
}
