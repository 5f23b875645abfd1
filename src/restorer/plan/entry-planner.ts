import { bytesKey, bytesOf, utf8Lossy } from '../../base/bytes.ts';
import { messageOf } from '../../base/errors.ts';
import { fatalTargetError } from '../target/target-error.ts';
import { DirectoryState } from './directory-table.ts';
import { type Posix, STAT_FIELDS } from '../../base/posix/posix.ts';
import { BLOB_TREE } from '../../repository/index/blob-index.ts';
import type { NodeType } from '../../formats/tree/node.ts';
import { blobSize } from '../../repository/blob-size.ts';
import { Float64Column } from '../../base/column.ts';
import { ContentPlan, FileWay } from '../content/content-plan.ts';
import { EntryKind, MISSING_BLOB, type RecordReader } from '../records/entry-record.ts';
import { planExisting } from './existing-entry.ts';
import type { ExtraEntry } from '../target/delete-extra.ts';
import { LOOK_FLAGS } from '../target/finish-stages.ts';
import type { Selection } from '../restore-options.ts';
import { shownPath, type RestoreRun } from '../restore-run.ts';
import type { TargetDirectories } from '../target/target-directories.ts';
import type { TreeVisitor } from './tree-walk.ts';

const typeNames: ReadonlyMap<number, NodeType> = new Map([
  [EntryKind.file, 'file'],
  [EntryKind.directory, 'dir'],
  [EntryKind.symlink, 'symlink'],
  [EntryKind.blockDevice, 'dev'],
  [EntryKind.charDevice, 'chardev'],
  [EntryKind.fifo, 'fifo'],
  [EntryKind.socket, 'socket'],
  [EntryKind.irregular, 'irregular'],
]);

/** What is to be done, in the terms of the stages that follow the walk. All entries are record references. */
export interface EntryPlan {
  readonly content: ContentPlan;
  /** Empty files, symlinks, devices and fifos. */
  readonly plainEntries: Float64Column;
  /** Further names of an inode, and in the same place of `linkTargets` its first name. */
  readonly links: Float64Column;
  readonly linkTargets: Float64Column;
  /** Files that exist and may have the right content. */
  readonly compare: Float64Column;
  /** Files whose content is right. */
  readonly metadataOnly: Float64Column;
  readonly extra: ExtraEntry[];
}

/** Turns the entries of the trees into a plan, makes the directories, and decides about what is there already. */
export class EntryPlanner implements TreeVisitor {
  readonly plan: EntryPlan;
  readonly #run: RestoreRun;
  readonly #target: TargetDirectories;
  readonly #descend: (directory: number, blob: number) => void;
  readonly #firstNames = new Map<string, number>();
  readonly #stat = new BigInt64Array(STAT_FIELDS);
  readonly #prefix: readonly Uint8Array[];
  #names: { readonly directory: number; readonly seen: Set<string>; readonly path: readonly Uint8Array[] } | undefined;

  constructor(run: RestoreRun, target: TargetDirectories, descend: (directory: number, blob: number) => void) {
    this.#run = run;
    this.#target = target;
    this.#descend = descend;
    this.#prefix = run.options.root ?? [];
    this.plan = {
      content: new ContentPlan(run.index),
      plainEntries: new Float64Column(),
      links: new Float64Column(),
      linkTargets: new Float64Column(),
      compare: new Float64Column(),
      metadataOnly: new Float64Column(),
      extra: [],
    };
  }

  visit(directory: number, reference: number, record: RecordReader): void {
    record.directory = directory;
    if (this.#run.options.delete === true) this.#names = this.#remember(directory, record.name);
    const selection = this.#select(directory, record.name, record.kind);
    if (selection === 'skip' || record.kind === EntryKind.socket) return;
    if (record.kind === EntryKind.directory) this.#visitDirectory(directory, reference, record, selection);
    else if (selection === 'restore') this.#attempt(reference, () => this.#visitEntry(directory, reference, record));
  }

  /** What the target does to one entry, such as a directory that is gone again, concerns that entry only. */
  #attempt(reference: number, action: () => void): void {
    try {
      action();
    } catch (error) {
      const fatal = fatalTargetError(error);
      if (fatal !== undefined) throw fatal;
      this.#run.failed.add(reference);
      this.#run.problems.add(shownPath(this.#run, reference), 'RESTORE_FAILED', messageOf(error));
    }
  }

  leave(directory: number, complete: boolean): void {
    const { directories, options } = this.#run;
    if (options.delete === true && complete && directories.state(directory) === DirectoryState.existing) {
      try {
        this.#findExtra(directory);
      } catch (error) {
        this.#run.problems.add(`/${utf8Lossy(directories.path(directory))}`, 'RESTORE_FAILED', messageOf(error));
      }
    }
    this.#names = undefined;
  }

  #select(directory: number, name: Uint8Array, kind: number): Selection {
    const { select } = this.#run.options;
    if (select === undefined) return 'restore';
    const path = [...this.#prefix, ...this.#run.directories.components(directory), name];
    return select(path, typeNames.get(kind) ?? 'irregular');
  }

  #visitDirectory(directory: number, reference: number, record: RecordReader, selection: Selection): void {
    const { directories, index, problems } = this.#run;
    const blob = index.find(BLOB_TREE, record.subtreeBytes);
    const child = directories.add(directory, reference);
    if (selection === 'restore' && !this.#target.ensure(child)) return;
    if (blob < 0) problems.add(shownPath(this.#run, reference), 'BLOB_MISSING', 'its tree is not in the index');
    else this.#descend(child, blob);
  }

  #visitEntry(directory: number, reference: number, record: RecordReader): void {
    const { problems, failed, meter } = this.#run;
    if (!this.#target.ensure(directory)) {
      failed.add(reference);
      return;
    }
    meter.totalFiles++;
    const isFile = record.kind === EntryKind.file;
    if (isFile) meter.totalBytes += Number(record.contentSize);
    if (record.kind === EntryKind.irregular) {
      problems.add(shownPath(this.#run, reference), 'NOT_SUPPORTED', 'it is of an unknown type');
      return;
    }
    const existing = this.#target.existing(directory);
    const isThere = existing.size > 0 && existing.has(bytesKey(record.name));
    const action = isThere ? this.#planExisting(directory, record) : 'create';
    if (action === 'leave') {
      meter.skipped++;
      if (isFile && record.links > 1) this.#firstNames.set(record.identity, reference);
      return;
    }
    if (action === 'blocked') {
      failed.add(reference);
      problems.add(shownPath(this.#run, reference), 'TARGET_EXISTS', 'a directory that is not empty has its name');
      return;
    }
    record.replaces = action !== 'create';
    if (isFile && record.links > 1 && this.#isFurtherName(reference, record)) return;
    if (action === 'metadata') this.plan.metadataOnly.push(reference);
    else if (action === 'compare') this.plan.compare.push(reference);
    else if (isFile && record.blobCount > 0) addContent(this.#run, this.plan.content, reference);
    else this.plan.plainEntries.push(reference);
  }

  #planExisting(
    directory: number,
    record: RecordReader,
  ): 'leave' | 'metadata' | 'compare' | 'replace' | 'create' | 'blocked' {
    const { options, posix } = this.#run;
    const { name } = record;
    if (!this.#target.stat(directory, name, this.#stat)) return 'create';
    const action = planExisting(this.#stat, record, options.overwrite);
    if (action !== 'directory') return action;
    try {
      const parent = this.#target.cursor.open(this.#run.directories.path(directory));
      if (options.dryRun === true) return isEmptyDirectory(posix, parent, name) ? 'create' : 'blocked';
      posix.rmdirat(parent, name);
      return 'create';
    } catch {
      return 'blocked';
    }
  }

  /** Files with several names are restored once and then linked. */
  #isFurtherName(reference: number, record: RecordReader): boolean {
    const { identity } = record;
    const first = this.#firstNames.get(identity);
    if (first === undefined) {
      this.#firstNames.set(identity, reference);
      return false;
    }
    this.plan.links.push(reference);
    this.plan.linkTargets.push(first);
    return true;
  }

  #remember(
    directory: number,
    name: Uint8Array,
  ): { directory: number; seen: Set<string>; path: readonly Uint8Array[] } {
    const names =
      this.#names?.directory === directory
        ? this.#names
        : { directory, seen: new Set<string>(), path: this.#run.directories.components(directory) };
    names.seen.add(bytesKey(name));
    return names;
  }

  #findExtra(directory: number): void {
    const seen = this.#names?.directory === directory ? this.#names.seen : new Set<string>();
    for (const [text, type] of this.#target.existing(directory)) {
      const name = bytesOf(text);
      if (seen.has(text)) continue;
      const kind = type === 4 ? EntryKind.directory : EntryKind.file;
      if (this.#select(directory, name, kind) === 'restore') this.plan.extra.push({ directory, name });
    }
  }
}

function isEmptyDirectory(posix: Posix, parent: number, name: Uint8Array): boolean {
  const fd = posix.openat(parent, name, LOOK_FLAGS);
  try {
    let isEmpty = true;
    posix.readDirectory(fd, () => (isEmpty = false));
    return isEmpty;
  } finally {
    posix.close(fd);
  }
}

/** Adds a new file with content; one whose blobs are not all in the index is a problem. */
export function addContent(run: RestoreRun, content: ContentPlan, reference: number): void {
  const record = run.store.at(reference);
  const { blobCount } = record;
  for (let position = 0; position < blobCount; position++) {
    if (record.blob(position) !== MISSING_BLOB) continue;
    run.failed.add(reference);
    run.problems.add(shownPath(run, reference), 'BLOB_MISSING', 'a part of its content is not in the index');
    return;
  }
  const file = content.addFile(reference, blobCount === 1 ? FileWay.whole : FileWay.parts);
  let offset = 0;
  for (let position = 0; position < blobCount; position++) {
    const blob = record.blob(position);
    content.addWrite(file, blob, offset);
    offset += blobSize(run.index.location(blob));
  }
}
