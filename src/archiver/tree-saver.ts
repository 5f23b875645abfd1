import { bytesKey, bytesOf, ownCopy, sharedCopy, equalBytes, utf8Lossy } from '../base/bytes.ts';
import { Semaphore } from '../base/concurrency.ts';
import { hasCode, isCairnError, messageOf } from '../base/errors.ts';
import { idToBytes, type BlobId } from '../base/ids.ts';
import { AT_FDCWD, STAT_FIELDS, StatField, type Posix } from '../base/posix/posix.ts';
import { assembleTree } from '../formats/tree/tree-encoder.ts';
import type { ArchiveSession, SavedFile } from './archive-session.ts';
import { EntryDigest } from './entry-digest.ts';
import type { KnownTree } from './known-trees.ts';
import type { SavedRun } from './leaf-batcher.ts';
import { NOTHING_BEGUN } from './group-digests.ts';
import { planLeaves, type ChangedLeaves, type KnownLeaves } from './known-groups.ts';
import { ParentNodes } from './parent-nodes.ts';
import type { Listing } from './scout.ts';
import type { SourceDirectory } from './source.ts';
import { saveStream } from './stream-saver.ts';
import type { BigFile, StatRunResult } from './worker/messages.ts';

const CHANGED_AT_ONCE = 16;

/** Work that is handed out; `done` is wrapped so that awaiting the handing out does not await the work. */
interface HandedOut<T> {
  readonly done: Promise<T>;
}

/** A directory in the parent snapshot. */
export interface Before {
  readonly tree: BlobId;
  readonly known: KnownTree | undefined;
}

/** A subdirectory that is being saved. */
interface Child {
  readonly position: number;
  readonly name: Uint8Array;
  readonly path: Uint8Array | undefined;
  readonly stat: BigInt64Array;
  readonly before: Before | undefined;
  readonly done: Promise<KnownTree>;
}

/** Leaves that are being saved, side by side. */
interface Leaves {
  /** Position of the first among the entries. */
  readonly from: number;
  readonly done: Promise<SavedRun>;
}

/** Leaves that are saved. */
interface SavedNodes {
  readonly nodes: readonly (Uint8Array | undefined)[];
  /** See `SavedRun`. */
  readonly digests: Uint8Array | undefined;
}

/** A directory whose work is handed out. */
interface Handed {
  readonly directory: SourceDirectory;
  readonly listing: Listing;
  readonly before: Before | undefined;
  readonly children: readonly Child[];
}

/**
 * Walks a source depth first and saves its trees bottom up. Listing runs ahead of saving only as far as
 * the workers' queue allows, so that memory stays bounded however large the source is.
 */
export class TreeSaver {
  readonly #session: ArchiveSession;
  readonly #posix: Posix;
  readonly #digest: EntryDigest;
  /** Directories that turned out changed are all known at once; few are saved at a time, to bound memory. */
  readonly #changed = new Semaphore(CHANGED_AT_ONCE);

  constructor(session: ArchiveSession, posix: Posix) {
    this.#session = session;
    this.#posix = posix;
    this.#digest = new EntryDigest(session.codec);
  }

  /** Saves the tree of a directory and of all below. */
  async save(root: SourceDirectory, before: Before | undefined): Promise<KnownTree> {
    const { done } = await this.#walk(root, before);
    await this.#session.flush();
    return await done;
  }

  /** Hands out the work of a directory and of all below. */
  async #walk(directory: SourceDirectory, before: Before | undefined): Promise<HandedOut<KnownTree>> {
    const session = this.#session;
    session.signal?.throwIfAborted();
    await session.giveWay();
    const listing = session.list(directory);
    if (before?.known?.digest !== undefined) {
      const looks = session.scout.look(directory, listing);
      await session.scout.ready();
      const children = await this.#walkChildren(listing, (key) => knownChild(before.known, key));
      const handed = { directory, listing, before, children };
      return { done: caught(this.#finishKnown(handed, before.known, looks)) };
    }
    const json = before === undefined ? undefined : await session.loadParentTree(before.tree);
    const leaves = listing.runs.map((run): ChangedLeaves => ({ kind: 'changed', run, before: undefined }));
    const handed = await this.#handOut(directory, leaves, json);
    const nodes = new ParentNodes(json);
    const children = await this.#walkChildren(listing, (key, name) => {
      const node = nodes.node(name);
      return (
        knownChild(before?.known, key) ?? (node?.type === 'dir' ? { tree: node.subtree, known: undefined } : undefined)
      );
    });
    return { done: caught(this.#assemble({ directory, listing, before, children }, handed)) };
  }

  async #walkChildren(
    listing: Listing,
    beforeOf: (key: string, name: Uint8Array) => Before | undefined,
  ): Promise<Child[]> {
    const children: Child[] = [];
    for (const [position, entry] of listing.entries.entries()) {
      if (entry.kind !== 'directory' || this.#session.isStopping) continue;
      const stat = this.#statDirectory(entry.directory);
      if (stat === undefined) continue;
      const name = bytesOf(entry.key);
      const before = beforeOf(entry.key, name);
      const { done } = await this.#walk(entry.directory, before);
      children.push({ position, name, path: entry.directory.path, stat, before, done });
    }
    return children;
  }

  /** Hands the leaves of a directory to the workers, but for those that are known. */
  async #handOut(
    directory: SourceDirectory,
    leaves: readonly (KnownLeaves | ChangedLeaves)[],
    parent: Uint8Array | undefined,
  ): Promise<readonly Leaves[]> {
    const { batcher } = await this.#session.engine();
    const path = ownCopy(directory.path ?? new Uint8Array(0));
    let shared: Uint8Array | undefined;
    const handed: Leaves[] = [];
    for (const piece of leaves) {
      if (this.#session.isStopping) break;
      if (piece.kind === 'known') {
        this.#session.countKnownLeaves(directory, piece.files, piece.bytes);
        handed.push({ from: piece.from, done: Promise.resolve({ parts: [piece.nodes], digests: piece.digests }) });
        continue;
      }
      const { from, count, names, groups, onlyFiles } = piece.run;
      if (piece.before === undefined && parent !== undefined) shared ??= sharedCopy(parent);
      const begun = NOTHING_BEGUN;
      const run = { directory: path, names, groups, begun, onlyFiles, parent: piece.before ?? shared };
      handed.push({ from, done: batcher.add(run, count) });
      await batcher.ready();
    }
    return handed;
  }

  /** Takes over the tree as it was, if nothing in it has changed; else saves it. */
  async #finishKnown(handed: Handed, known: KnownTree, looks: readonly Promise<StatRunResult>[]): Promise<KnownTree> {
    const stats = await Promise.all(looks);
    const digest = this.#digestOf(handed, stats);
    const children = await Promise.all(
      handed.children.map(async ({ name, done }) => [bytesKey(name), await done] as const),
    );
    const isSame =
      digest !== undefined &&
      known.digest !== undefined &&
      equalBytes(digest, known.digest) &&
      children.every(([key, child]) => known.children.get(key)?.tree === child.tree);
    if (isSame) {
      this.#session.countKnown(handed.directory, stats, handed.children.length);
      return { tree: known.tree, digest, groups: known.groups, children: new Map(children) };
    }
    using _place = await this.#changed.acquire(this.#session.signal);
    const tree = await this.#session.loadParentTree(known.tree);
    const plan = planLeaves({ ...handed.listing, looks: stats }, { groups: known.groups, tree });
    const leaves = await this.#handOut(handed.directory, plan, tree);
    (await this.#session.engine()).batcher.flushSoon();
    return await this.#assemble(handed, leaves);
  }

  /** Puts the nodes of a directory together, in the order of its entries, and saves the tree. */
  async #assemble(handed: Handed, leaves: readonly Leaves[]): Promise<KnownTree> {
    const parts = new Map<number, Uint8Array | undefined>();
    const runs = await Promise.all(leaves.map(({ done }) => done));
    const children = new Map<string, KnownTree>();
    for (const child of handed.children) {
      const tree = await child.done;
      children.set(bytesKey(child.name), tree);
      parts.set(child.position, this.#directoryNode(child, tree.tree));
    }
    const saved: SavedNodes[] = [];
    for (const [i, run] of runs.entries()) {
      const nodes = await this.#saveBigFiles(run);
      saved.push(nodes);
      parts.set(leaves[i]?.from ?? 0, joinNodes(nodes.nodes));
    }
    for (const [position, entry] of handed.listing.entries.entries()) {
      if (entry.kind === 'stream') parts.set(position, await saveStream(this.#session, entry));
    }
    const ordered = [...parts].toSorted(([a], [b]) => a - b).flatMap(([, nodes]) => nodes ?? []);
    const tree = await this.#session.saveTree(assembleTree(ordered));
    const groups = Buffer.concat(saved.flatMap(({ digests }) => digests ?? []));
    return { tree, digest: this.#digestOf(handed, saved), groups, children };
  }

  /** The digest of a whole directory; `undefined` if any part of it has none. */
  #digestOf(
    { listing, children }: Handed,
    leaves: readonly { readonly digests: Uint8Array | undefined }[],
  ): Uint8Array | undefined {
    const directories = listing.entries.filter(({ kind }) => kind !== 'leaf').length;
    if (listing.problems.length > 0 || directories !== children.length) return undefined;
    this.#digest.clear();
    for (const { digests } of leaves) {
      if (digests === undefined) return undefined;
      this.#digest.addBytes(digests);
    }
    for (const { name, stat } of children) this.#digest.add(name, stat);
    return this.#digest.take();
  }

  #directoryNode(child: Child, subtree: BlobId): Uint8Array {
    const { before, path } = child;
    this.#session.countDirectory(before === undefined ? 'new' : before.tree === subtree ? 'unmodified' : 'changed');
    const xattrs =
      path === undefined
        ? []
        : this.#posix.lgetxattrs(path, (name, error) =>
            this.#report(path, `attribute ${utf8Lossy(name)}: ${error.message}`),
          );
    return this.#session.encoder.directory({ name: child.name, stat: child.stat, xattrs }, idToBytes(subtree));
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
      this.#report(path, messageOf(error));
    }
    return undefined;
  }

  /** Nodes of a run of leaves; big files in it are saved now. */
  async #saveBigFiles({ parts, digests }: SavedRun): Promise<SavedNodes> {
    let areSteady = true;
    const nodes = await Promise.all(
      parts.map(async (part) => {
        if (part instanceof Uint8Array) return part;
        const saved = await this.#saveBigFile(part);
        areSteady &&= saved?.isSteady === true;
        return saved?.node;
      }),
    );
    return { nodes, digests: areSteady ? digests : undefined };
  }

  /** `undefined` if it was not saved. */
  async #saveBigFile(file: BigFile): Promise<SavedFile | undefined> {
    if (this.#session.isStopping) return undefined;
    try {
      return await this.#session.saveBigFile(file);
    } catch (error) {
      if (this.#session.isStopping && hasCode(error, 'ABORTED')) return undefined;
      if (isCairnError(error) || this.#session.signal?.aborted) throw error;
      const message = messageOf(error);
      this.#session.report({ path: file.path, code: 'SOURCE_UNREADABLE', message, during: 'read' });
      return undefined;
    }
  }

  #report(path: Uint8Array, message: string): void {
    this.#session.report({ path, code: 'SOURCE_UNREADABLE', message, during: 'stat' });
  }
}

function knownChild(known: KnownTree | undefined, key: string): Before | undefined {
  const child = known?.children.get(key);
  return child === undefined ? undefined : { tree: child.tree, known: child };
}

const COMMA = Uint8Array.of(0x2c);

function joinNodes(nodes: readonly (Uint8Array | undefined)[]): Uint8Array | undefined {
  const present = nodes.filter((node): node is Uint8Array => node !== undefined && node.length > 0);
  if (present.length <= 1) return present[0];
  return Buffer.concat(present.flatMap((node, i) => (i === 0 ? [node] : [COMMA, node])));
}

/** Marks a promise as handled: its failure is thrown where it is awaited, later. */
function caught<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
