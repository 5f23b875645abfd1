// Everything that reads a vault without restoring from it.
import { CairnError, messageOf } from '../../base/errors.ts';
import { utf8Lossy } from '../../base/bytes.ts';
import type { BlobIndex } from '../../repository/index/blob-index.ts';
import type { Repository } from '../../repository/repository.ts';
import type { SnapshotRecord } from '../../repository/snapshots.ts';
import type { Node } from '../../formats/tree/node.ts';
import { type DiffStatistics, diffTrees } from '../../repository/walk/diff-trees.ts';
import { printPath } from '../../repository/walk/find-node.ts';
import { type BackupEntry, backupEntry } from './backup-entry.ts';
import { type BackupFilter, matcherOf } from '../reference/backup-filter.ts';
import { type SnapshotBackup, backupRecord } from '../reference/backup-record.ts';
import type { DumpEntry, OnSkipped } from './dump/dump-entry.ts';
import { writeTar } from './dump/tar-writer.ts';
import { writeZip } from './dump/zip-writer.ts';
import { findFiles, type FindOptions, type FoundFile } from './find-files.ts';
import type { ArchiveKeys } from '../archives/archive-access.ts';
import type { OpenStoredContext } from '../archives/open-stored.ts';
import { chooseArchive } from '../reference/choose-backup.ts';
import { chooseSnapshot, type ReferenceOptions } from '../reference/choose-snapshot.ts';
import { packsOf, retrieveContent, type RetrieveContentOptions } from './retrieve-content.ts';
import { SnapshotTree, type TreePlace } from './snapshot-tree.ts';
import { loadVault, openSession, type VaultSession, type VaultSettings } from '../vault-session.ts';

export interface LookContext {
  readonly repository: Repository;
  readonly settings: VaultSettings;
  readonly signal: AbortSignal | undefined;
}

interface SignalOptions {
  readonly signal?: AbortSignal | undefined;
}

interface Look {
  readonly snapshots: readonly SnapshotRecord[];
  readonly index: BlobIndex;
  readonly tree: SnapshotTree;
  readonly signal: AbortSignal;
}

/** With `tolerant`, folders that cannot be read are told as warnings and left out. */
export async function look(context: LookContext, session: VaultSession, tolerant: boolean): Promise<Look> {
  const { repository, settings } = context;
  const { signal } = session;
  const { snapshots, index } = await loadVault(repository, settings, signal);
  const onProblem = (path: string, error: unknown): void =>
    settings.notify({ level: 'warning', message: `${path}: ${messageOf(error)}` });
  const tree = new SnapshotTree(repository, index, { signal, ...(tolerant ? { onProblem } : {}) });
  return { snapshots, index, tree, signal };
}

function storedContext({ repository, settings, signal }: LookContext): OpenStoredContext {
  return { storage: repository.origin, settings, signal: signal ?? new AbortController().signal };
}

export function lockToRead({ repository, settings, signal }: LookContext): Promise<VaultSession> {
  return openSession(repository, settings, { mode: 'shared', purpose: 'read', signal });
}

export interface LsOptions extends ReferenceOptions, SignalOptions, ArchiveKeys, RetrieveContentOptions {
  /** A folder or file of the backup; its root by default. */
  readonly path?: string | undefined;
  /** Also what lies deeper; on by default when no `path` is given. */
  readonly recursive?: boolean | undefined;
}

export async function* lookLs(
  context: LookContext,
  reference: string,
  options: LsOptions,
): AsyncGenerator<BackupEntry, void, undefined> {
  const archive = await chooseArchive(context, reference, options);
  if (archive !== undefined) {
    await retrieveContent(context, () => [archive.object], options);
    yield* (await import('../archives/look-archive.ts')).archiveLs(storedContext(context), archive, options);
    return;
  }
  await using session = await lockToRead(context);
  const { snapshots, tree } = await look(context, session, true);
  const { snapshot } = chooseSnapshot(snapshots, reference, options);
  const place = await tree.find(snapshot, options.path ?? '/');
  const folder = folderOf(place);
  if (folder === undefined) {
    if (place.kind === 'entry') yield backupEntry(place.path, place.node);
    return;
  }
  if (options.recursive ?? options.path === undefined) {
    for await (const { path, node } of tree.walk(folder, place.path)) yield backupEntry(path, node);
  } else {
    for (const node of await tree.readFolder(folder)) yield backupEntry([...place.path, node.name], node);
  }
}

export async function* lookFind(
  context: LookContext,
  patterns: readonly string[],
  options: FindOptions & { readonly filter?: BackupFilter | undefined },
): AsyncGenerator<FoundFile, void, undefined> {
  const matches = matcherOf(options.filter ?? {});
  await using session = await lockToRead(context);
  const { snapshots, tree } = await look(context, session, true);
  yield* findFiles(tree, snapshots.filter(matches), patterns, options);
}

/** One difference; the modifier is restic's: `+`, `-`, `M` content, `U` metadata, `T` type, `?` content with all else equal. */
export interface DiffChange {
  readonly modifier: string;
  readonly entry: BackupEntry;
}

export interface DiffOptions extends SignalOptions {
  /** Also tell entries whose metadata alone differs. */
  readonly metadata?: boolean | undefined;
  readonly filter?: BackupFilter | undefined;
  readonly onChange?: ((change: DiffChange) => void) | undefined;
}

export interface DiffResult extends DiffStatistics {
  readonly before: SnapshotBackup;
  readonly after: SnapshotBackup;
}

export async function lookDiff(
  context: LookContext,
  before: string,
  after: string,
  options: DiffOptions,
): Promise<DiffResult> {
  await using session = await lockToRead(context);
  const { snapshots, index, signal } = await look(context, session, false);
  const left = chooseSnapshot(snapshots, before, options);
  const right = chooseSnapshot(snapshots, after, options);
  const statistics = await diffTrees(context.repository, index, left.snapshot.tree, right.snapshot.tree, {
    signal,
    metadata: options.metadata,
    onChange: ({ modifier, path, node }) => options.onChange?.({ modifier, entry: backupEntry(path, node) }),
  });
  return { before: backupRecord(left), after: backupRecord(right), ...statistics };
}

export interface CatOptions extends ReferenceOptions, SignalOptions, ArchiveKeys, RetrieveContentOptions {}

export async function* lookCat(
  context: LookContext,
  reference: string,
  path: string,
  options: CatOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const archive = await chooseArchive(context, reference, options);
  if (archive !== undefined) {
    await retrieveContent(context, () => [archive.object], options);
    yield* (await import('../archives/look-archive.ts')).archiveCat(storedContext(context), archive, path, options);
    return;
  }
  await using session = await lockToRead(context);
  const { snapshots, index, tree, signal } = await look(context, session, false);
  const { snapshot } = chooseSnapshot(snapshots, reference, options);
  const place = await tree.find(snapshot, path);
  if (place.kind === 'entry' && place.node.type === 'file') {
    const { node } = place;
    await retrieveContent({ ...context, signal }, () => packsOf(index, [node]), options);
    yield* tree.content(node);
    return;
  }
  const what = place.kind === 'root' ? 'dir' : place.node.type;
  throw new CairnError('PATH_NOT_FOUND', `${printPath(place.path)} is a ${what} in this backup, not a file`, {
    hint: what === 'dir' ? 'Use `cairn dump` for a folder, or `cairn ls` to see what is in it.' : 'Restore it instead.',
    facts: { path },
  });
}

export interface DumpOptions extends ReferenceOptions, SignalOptions, RetrieveContentOptions {
  readonly format: 'tar' | 'zip';
}

export async function* lookDump(
  context: LookContext,
  reference: string,
  path: string,
  options: DumpOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  await using session = await lockToRead(context);
  const { snapshots, index, tree, signal } = await look(context, session, false);
  const { snapshot } = chooseSnapshot(snapshots, reference, options);
  const place = await tree.find(snapshot, path);
  await retrieveContent({ ...context, signal }, () => packsOf(index, nodesOf(dumpEntries(tree, place))), options);
  const onSkipped: OnSkipped = ({ name }, why) =>
    context.settings.notify({ level: 'warning', message: `left out ${utf8Lossy(name)}: ${why}` });
  const write = options.format === 'tar' ? writeTar : writeZip;
  yield* write(dumpEntries(tree, place), (node) => tree.content(node), onSkipped);
}

/** Names start at the entry itself: `/home/me/docs` gives `docs` and `docs/…`. */
async function* dumpEntries(tree: SnapshotTree, place: TreePlace): AsyncGenerator<DumpEntry, void, undefined> {
  const above = Math.max(0, place.path.length - 1);
  const nameOf = (path: readonly Uint8Array[]): Uint8Array => joinRelative(path.slice(above));
  if (place.kind === 'entry') yield { name: nameOf(place.path), node: place.node };
  const folder = folderOf(place);
  if (folder === undefined) return;
  for await (const { path, node } of tree.walk(folder, place.path)) yield { name: nameOf(path), node };
}

async function* nodesOf(entries: AsyncIterable<DumpEntry>): AsyncGenerator<Node, void, undefined> {
  for await (const { node } of entries) yield node;
}

function joinRelative(path: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(path.flatMap((part, at) => (at === 0 ? [part] : [Buffer.from('/'), part])));
}

function folderOf(place: TreePlace): Parameters<SnapshotTree['walk']>[0] | undefined {
  if (place.kind === 'root') return place.tree;
  return place.node.type === 'dir' ? place.node.subtree : undefined;
}
