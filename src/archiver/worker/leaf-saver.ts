import { constants, readSync } from 'node:fs';
import { asBuffer, concatBytes, utf8Lossy } from '../../base/bytes.ts';
import type { ErrorCode } from '../../base/error-codes.ts';
import { isCairnError, messageOf, systemCode } from '../../base/errors.ts';
import { idFromBytes, idToBytes, type BlobId } from '../../base/ids.ts';
import { AT_FDCWD, FileType, STAT_FIELDS, StatField, type Posix } from '../../base/posix/posix.ts';
import { field, fileType, NodeEncoder, type NodePayload } from '../node-encoder.ts';
import { isUnchanged, ParentTree } from '../parent-tree.ts';
import type { SourceProblem } from '../source.ts';
import type { BlobSaver } from './blob-saver.ts';
import type { FileWindow } from './file-window.ts';
import type { BigFile, LeafResult, LeafRun, LeafRunResult, LeafStats, LeafTask, ReadingRules } from './messages.ts';

/** Files from this size on are read in segments by all workers. */
export const BIG_FILE_BYTES: number = 64 * 1024 * 1024;
/** A task gives back the rest of its names once it has read this much, so that no worker idles at the end. */
const TASK_BYTES = 64 * 1024 * 1024;
const COMMA = Uint8Array.of(0x2c);
/** O_PATH of Linux: a directory as a place, readable or not. */
const O_PATH = 0o10000000;

type Leaf = Uint8Array | BigFile | undefined;

/** Saves the leaves of directories: looks at each, reads what changed, makes its node. */
export class LeafSaver {
  readonly #posix: Posix;
  readonly #rules: ReadingRules;
  readonly #window: FileWindow;
  readonly #saver: BlobSaver;
  readonly #encoder: NodeEncoder;
  readonly #before = new BigInt64Array(STAT_FIELDS);
  readonly #after = new BigInt64Array(STAT_FIELDS);
  #stats: LeafStats = noLeaves();
  #problems: SourceProblem[] = [];
  #bytesRead = 0;
  #parentJson: Uint8Array | undefined;
  #parent = new ParentTree(undefined);

  constructor(posix: Posix, rules: ReadingRules, window: FileWindow, saver: BlobSaver) {
    this.#posix = posix;
    this.#rules = rules;
    this.#window = window;
    this.#saver = saver;
    this.#encoder = new NodeEncoder(posix, { withAtime: rules.withAtime });
  }

  save(task: LeafTask): LeafResult {
    this.#stats = noLeaves();
    this.#problems = [];
    this.#bytesRead = 0;
    const runs = task.runs.map((run) => this.#saveRun(run));
    return { kind: 'leaves', runs, stats: this.#stats, problems: this.#problems };
  }

  #saveRun(run: LeafRun): LeafRunResult {
    this.#useParent(run.parent);
    const dirfd = this.#openDirectory(run.directory);
    const parts: (Uint8Array | BigFile)[] = [];
    const nodes: Uint8Array[] = [];
    const endPart = (): void => {
      if (nodes.length > 0) parts.push(concatBytes(nodes.slice(1)));
      nodes.length = 0;
    };
    let at = 0;
    try {
      while (at < run.names.length && this.#bytesRead < TASK_BYTES) {
        const end = run.names.indexOf(0, at);
        const leaf = this.#saveLeaf(run.directory, dirfd, run.names.subarray(at, end));
        at = end + 1;
        if (leaf instanceof Uint8Array) nodes.push(COMMA, leaf);
        else if (leaf !== undefined) {
          endPart();
          parts.push(leaf);
        }
      }
    } finally {
      if (dirfd !== undefined) this.#posix.close(dirfd);
    }
    endPart();
    return { parts, doneNamesBytes: at };
  }

  #useParent(json: Uint8Array | undefined): void {
    if (json === this.#parentJson) return;
    this.#parent = new ParentTree(json);
    this.#parentJson = json;
  }

  /** `undefined` when the directory is gone: each of its names is then reported. */
  #openDirectory(path: Uint8Array): number | undefined {
    try {
      return this.#posix.openat(AT_FDCWD, path, O_PATH | constants.O_DIRECTORY);
    } catch {
      return undefined;
    }
  }

  #saveLeaf(directory: Uint8Array, dirfd: number | undefined, name: Uint8Array): Leaf {
    try {
      if (dirfd === undefined || !this.#posix.statInto(dirfd, name, this.#before)) {
        this.#report(directory, name, 'SOURCE_MISSING', 'it vanished before it could be read', 'stat');
        return undefined;
      }
      return this.#saveByType(directory, dirfd, name);
    } catch (error) {
      // What concerns the run, not this file, ends the run.
      if (isCairnError(error) || error instanceof RangeError) throw error;
      const code = systemCode(error) === 'ENOENT' ? 'SOURCE_MISSING' : 'SOURCE_UNREADABLE';
      this.#report(directory, name, code, messageOf(error), 'read');
      return undefined;
    }
  }

  #saveByType(directory: Uint8Array, dirfd: number, name: Uint8Array): Leaf {
    switch (fileType(this.#before)) {
      case FileType.regular:
        return this.#saveFile(directory, dirfd, name);
      case FileType.symlink:
        return this.#encode(directory, dirfd, name, {
          type: 'symlink',
          linkTarget: this.#posix.readlinkat(dirfd, name),
        });
      default:
        return this.#encode(directory, dirfd, name, { type: 'special' });
    }
  }

  #saveFile(directory: Uint8Array, dirfd: number, name: Uint8Array): Leaf {
    const size = field(this.#before, StatField.sizeBytes);
    if (this.#rules.maxFileSize !== undefined && size > this.#rules.maxFileSize) return undefined;
    const node = this.#parent.find(name);
    if (isUnchanged(node, this.#before, this.#rules) && node.content.every((id) => this.#saver.knows(idToBytes(id)))) {
      this.#stats.filesUnmodified++;
      this.#stats.bytes += Number(size);
      return this.#encode(directory, dirfd, name, { type: 'file', content: node.content, sizeBytes: Number(size) });
    }
    if (size >= BigInt(BIG_FILE_BYTES)) {
      return { path: joinPath(directory, name), sizeBytes: Number(size), isNew: node === undefined };
    }
    return this.#readFile(directory, dirfd, name, node === undefined);
  }

  /** Reads a file whole. One that changes meanwhile is read once more, then saved as it was found and reported. */
  #readFile(directory: Uint8Array, dirfd: number, name: Uint8Array, isNew: boolean): Leaf {
    for (let attempt = 1; ; attempt++) {
      const content: BlobId[] = [];
      const sizeBytes = this.#readChunks(dirfd, name, content);
      const there = this.#posix.statInto(dirfd, name, this.#after);
      const steady =
        there && sameFile(this.#before, this.#after) && BigInt(sizeBytes) === field(this.#after, StatField.sizeBytes);
      if (steady || attempt === 2) {
        if (!steady) this.#report(directory, name, 'SOURCE_CHANGED', 'it changed while it was read', 'read');
        if (isNew) this.#stats.filesNew++;
        else this.#stats.filesChanged++;
        this.#stats.bytes += sizeBytes;
        return this.#encode(directory, dirfd, name, { type: 'file', content, sizeBytes });
      }
      if (there) this.#before.set(this.#after);
    }
  }

  /** Saves the chunks of a file and returns its size as read. */
  #readChunks(dirfd: number, name: Uint8Array, content: BlobId[]): number {
    const { bytes } = this.#window;
    const size = this.#posix.readSmallFile(dirfd, name, bytes);
    this.#bytesRead += size;
    if (size < bytes.length) {
      for (let start = 0; start < size;) {
        const end = this.#window.isOneChunk(size - start) ? size : this.#window.cut(start, size);
        content.push(idFromBytes<BlobId>(this.#saver.save(bytes.subarray(start, end))));
        start = end;
      }
      return size;
    }
    return this.#readLongFile(dirfd, name, content);
  }

  #readLongFile(dirfd: number, name: Uint8Array, content: BlobId[]): number {
    const fd = this.#posix.openat(dirfd, name, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const read = (target: Uint8Array, position: number): number => readSync(fd, target, 0, target.length, position);
      const { next } = this.#window.chunks(read, 0, (chunk) => {
        content.push(idFromBytes<BlobId>(this.#saver.save(chunk)));
        return true;
      });
      this.#bytesRead += next;
      return next;
    } finally {
      this.#posix.close(fd);
    }
  }

  #encode(directory: Uint8Array, dirfd: number, name: Uint8Array, payload: NodePayload): Uint8Array | undefined {
    const xattrs = this.#posix.getxattrsat(dirfd, name, (attribute, error) =>
      this.#report(directory, name, 'SOURCE_UNREADABLE', `attribute ${utf8Lossy(attribute)}: ${error.message}`, 'stat'),
    );
    return this.#encoder.encode({ name, stat: this.#before, xattrs }, payload);
  }

  #report(
    directory: Uint8Array,
    name: Uint8Array,
    code: ErrorCode,
    message: string,
    during: SourceProblem['during'],
  ): void {
    this.#problems.push({ path: joinPath(directory, name), code, message, during });
  }
}

function noLeaves(): LeafStats {
  return { filesNew: 0, filesChanged: 0, filesUnmodified: 0, bytes: 0 };
}

function sameFile(a: BigInt64Array, b: BigInt64Array): boolean {
  return [StatField.inode, StatField.device, StatField.sizeBytes, StatField.mtimeNs].every((at) => a[at] === b[at]);
}

export function joinPath(directory: Uint8Array, name: Uint8Array): Uint8Array {
  const path = asBuffer(directory);
  return path.length > 0 && path.at(-1) === 0x2f
    ? concatBytes([path, name])
    : concatBytes([path, Uint8Array.of(0x2f), name]);
}
