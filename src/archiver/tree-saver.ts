import { utf8Lossy } from '../base/bytes.ts';
import { isCairnError, messageOf } from '../base/errors.ts';
import { idToBytes, type BlobId } from '../base/ids.ts';
import { AT_FDCWD, STAT_FIELDS, StatField, type Posix } from '../base/posix/posix.ts';
import { assembleTree } from '../formats/tree/tree-encoder.ts';
import type { ArchiveSession } from './archive-session.ts';
import { ParentNodes } from './parent-nodes.ts';
import type { SourceDirectory, SourceEntry } from './source.ts';
import type { BigFile, LeafRunResult } from './worker/messages.ts';
import { saveStream } from './stream-saver.ts';

/** Work that is handed out; `done` is wrapped so that awaiting the handing out does not await the work. */
interface HandedOut<T> {
  readonly done: Promise<T>;
}

/** Nodes in order; a part may still be under way. */
type TreePart = Uint8Array | undefined | Promise<Uint8Array | undefined>;

/**
 * Walks a source depth first and saves its trees bottom up. Listing runs ahead of saving only as far as
 * the workers' queue allows, so that memory stays bounded however large the source is.
 */
export class TreeSaver {
  readonly #session: ArchiveSession;
  readonly #posix: Posix;

  constructor(session: ArchiveSession, posix: Posix) {
    this.#session = session;
    this.#posix = posix;
  }

  /** Saves the tree of a directory and of all below. `parentId` is its tree in the parent snapshot. */
  async save(root: SourceDirectory, parentId: BlobId | undefined): Promise<BlobId> {
    const { done } = await this.#walk(root, parentId);
    this.#session.batcher.flush();
    return await done;
  }

  /**
   * Hands out the work of a directory and of all below; `done` has the id of its tree.
   */
  async #walk(directory: SourceDirectory, parentId: BlobId | undefined): Promise<HandedOut<BlobId>> {
    const session = this.#session;
    session.signal?.throwIfAborted();
    const entries = session.list(directory);
    const parentJson = parentId === undefined ? undefined : await session.loadParentTree(parentId);
    const parent = new ParentNodes(parentJson);
    const parts: TreePart[] = [];
    for (let at = 0; at < entries.length;) {
      const names = leafNames(entries, at);
      if (names.length > 0 && directory.path !== undefined) {
        for (const run of await session.batcher.add(directory.path, names, parentJson)) {
          parts.push(caught(this.#finishRun(run)));
        }
        at += names.length;
        continue;
      }
      const entry = entries[at++];
      if (entry?.kind === 'directory') parts.push((await this.#walkEntry(entry, parent)).done);
      else if (entry?.kind === 'stream') parts.push(caught(saveStream(session, entry)));
    }
    return { done: caught(this.#finish(parts)) };
  }

  async #walkEntry(
    entry: Extract<SourceEntry, { kind: 'directory' }>,
    parent: ParentNodes,
  ): Promise<HandedOut<Uint8Array | undefined>> {
    const stat = this.#statDirectory(entry.directory);
    if (stat === undefined) return { done: Promise.resolve(undefined) };
    const before = parent.node(entry.name);
    const subtree = before?.type === 'dir' ? before.subtree : undefined;
    const { done } = await this.#walk(entry.directory, subtree);
    return { done: caught(this.#finishDirectory(entry, stat, done, subtree)) };
  }

  async #finishDirectory(
    entry: Extract<SourceEntry, { kind: 'directory' }>,
    stat: BigInt64Array,
    tree: Promise<BlobId>,
    before: BlobId | undefined,
  ): Promise<Uint8Array | undefined> {
    const subtree = await tree;
    this.#session.countDirectory(before === undefined ? 'new' : before === subtree ? 'unmodified' : 'changed');
    const { path } = entry.directory;
    const xattrs =
      path === undefined
        ? []
        : this.#posix.lgetxattrs(path, (name, error) =>
            this.#session.report({
              path,
              code: 'SOURCE_UNREADABLE',
              message: `attribute ${utf8Lossy(name)}: ${error.message}`,
              during: 'stat',
            }),
          );
    return this.#session.encoder.directory({ name: entry.name, stat, xattrs }, idToBytes(subtree));
  }

  #statDirectory({ path }: SourceDirectory): BigInt64Array | undefined {
    const stat = new BigInt64Array(STAT_FIELDS);
    if (path === undefined) {
      stat[StatField.mode] = 0o040755n;
      stat[StatField.mtimeNs] = this.#session.time.ns;
      stat[StatField.ctimeNs] = this.#session.time.ns;
      return stat;
    }
    try {
      if (this.#posix.statInto(AT_FDCWD, path, stat)) return stat;
      this.#session.report({
        path,
        code: 'SOURCE_MISSING',
        message: 'it vanished before it could be read',
        during: 'stat',
      });
    } catch (error) {
      if (isCairnError(error)) throw error;
      this.#session.report({ path, code: 'SOURCE_UNREADABLE', message: messageOf(error), during: 'stat' });
    }
    return undefined;
  }

  /** Nodes of a run of leaves, joined by commas; big files in it are saved now. */
  async #finishRun(run: Promise<LeafRunResult>): Promise<Uint8Array | undefined> {
    const { parts } = await run;
    const nodes = await Promise.all(parts.map((part) => (part instanceof Uint8Array ? part : this.#saveBigFile(part))));
    return joinNodes(nodes);
  }

  async #saveBigFile(file: BigFile): Promise<Uint8Array | undefined> {
    try {
      return await this.#session.saveBigFile(file);
    } catch (error) {
      if (isCairnError(error) || this.#session.signal?.aborted) throw error;
      this.#session.report({ path: file.path, code: 'SOURCE_UNREADABLE', message: messageOf(error), during: 'read' });
      return undefined;
    }
  }

  async #finish(parts: readonly TreePart[]): Promise<BlobId> {
    const nodes = await Promise.all(parts);
    const json = assembleTree(nodes.filter((node) => node !== undefined && node.length > 0) as Uint8Array[]);
    return this.#session.saveTree(json);
  }
}

/** Names of the leaves from `at` up to the next entry that is something else. */
function leafNames(entries: readonly SourceEntry[], at: number): Uint8Array[] {
  const names: Uint8Array[] = [];
  for (let i = at; entries[i]?.kind === 'leaf'; i++) names.push(entries[i]?.name ?? new Uint8Array());
  return names;
}

function joinNodes(nodes: readonly (Uint8Array | undefined)[]): Uint8Array | undefined {
  const present = nodes.filter((node) => node !== undefined);
  if (present.length <= 1) return present[0];
  return Buffer.concat(present.flatMap((node, i) => (i === 0 ? [node] : [Uint8Array.of(0x2c), node])));
}

/** Marks a promise as handled: its failure is thrown where it is awaited, later. */
function caught<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
