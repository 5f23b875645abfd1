import { asBuffer, concatBytes, utf8Lossy } from '../../base/bytes.ts';
import type { ErrorCode } from '../../base/error-codes.ts';
import { CairnError, isCairnError, messageOf, systemCode } from '../../base/errors.ts';
import { AT_FDCWD, FileType, STAT_FIELDS, StatField, type OnXattrError, type Posix } from '../../base/posix/posix.ts';
import { ID_SIZE, idToBytes } from '../../base/ids.ts';
import type { Codec } from '../../kernels/codec.ts';
import { contentAfterHead, isUnchanged, readHexId } from '../change-detection.ts';
import { field, fileType, NodeEncoder } from '../node-encoder.ts';
import { ParentNodes } from '../parent-nodes.ts';
import type { SourceProblem } from '../source.ts';
import { GroupDigests } from '../group-digests.ts';
import type { BlobSaver } from './blob-saver.ts';
import { FileReader, type ReadFile } from './file-reader.ts';
import { O_PATH_DIRECTORY } from './open-flags.ts';
import type { FileWindow } from './file-window.ts';
import type { BigFile, LeafResult, LeafRun, LeafRunResult, LeafStats, LeafTask, ReadingRules } from './messages.ts';

/** Files from this size on are read in segments by all workers. */
const BIG_FILE_BYTES = 64n * 1024n * 1024n;
/** Many, so that a large one among small ones does not leave the other half of the SHA unit without work. */
const FILES_AT_ONCE = 32;
/** A task gives back the rest of its names once it has read this much, so that no worker idles at the end. */
const TASK_BYTES = 64 * 1024 * 1024;

/** A small file that was read. Its blob and its node follow with those of others: `BlobSaver.save` likes several. */
interface WaitingFile {
  readonly name: Uint8Array;
  readonly stat: BigInt64Array;
  readonly file: ReadFile;
}

/** Saves the leaves of directories: looks at each, reads what changed, makes its node. */
export class LeafSaver {
  readonly #posix: Posix;
  readonly #rules: ReadingRules;
  readonly #saver: BlobSaver;
  readonly #reader: FileReader;
  readonly #encoder: NodeEncoder;
  readonly #digests: GroupDigests;
  #isSteady = true;
  readonly #stat = new BigInt64Array(STAT_FIELDS);
  /** The files that wait, their bytes, and memory for what the system says of them. */
  readonly #waiting: WaitingFile[] = [];
  readonly #plains: Uint8Array[] = [];
  readonly #waitingStats: BigInt64Array[] = [];
  readonly #id = new Uint8Array(ID_SIZE);
  #stats: LeafStats = noLeaves();
  #problems: SourceProblem[] = [];
  #bytesRead = 0;
  #parentJson: Uint8Array | undefined;
  #parent = new ParentNodes(undefined);
  #directory = new Uint8Array(0);

  constructor(posix: Posix, codec: Codec, rules: ReadingRules, window: FileWindow, saver: BlobSaver) {
    this.#posix = posix;
    this.#rules = rules;
    this.#digests = new GroupDigests(codec);
    this.#saver = saver;
    this.#reader = new FileReader(posix, window, saver, () => this.#settle());
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
    this.#directory = Uint8Array.from(run.directory);
    const { writer } = this.#encoder;
    writer.clear();
    this.#digests.begin(run);
    this.#isSteady = true;
    this.#forgetWaiting();
    const dirfd = this.#openDirectory(run.directory);
    const parts: (Uint8Array | BigFile)[] = [];
    let at = 0;
    try {
      while (at < run.names.length && this.#bytesRead < TASK_BYTES) {
        const end = run.names.indexOf(0, at);
        const big = this.#saveLeaf(dirfd, run.names.subarray(at, end), run.onlyFiles);
        at = end + 1;
        if (big === undefined) continue;
        if (writer.size > 0) parts.push(writer.take());
        parts.push(big);
      }
      this.#settle();
    } finally {
      if (dirfd !== undefined) this.#posix.close(dirfd);
    }
    if (writer.size > 0) parts.push(writer.take());
    const rest = at === run.names.length ? undefined : { names: run.names.slice(at), ...this.#digests.left() };
    return { parts, rest, digests: this.#isSteady ? this.#digests.take() : undefined };
  }

  #useParent(json: Uint8Array | undefined): void {
    if (json === this.#parentJson) return;
    this.#parent = new ParentNodes(json);
    this.#parentJson = json;
  }

  /** `undefined` when the directory is gone: each of its names is then reported. */
  #openDirectory(path: Uint8Array): number | undefined {
    try {
      return this.#posix.openat(AT_FDCWD, path, O_PATH_DIRECTORY);
    } catch {
      return undefined;
    }
  }

  /** Writes the leaf's node, if it gets one, or lets it wait; gives back a file that is too big for one worker. */
  #saveLeaf(dirfd: number | undefined, name: Uint8Array, isFile: boolean): BigFile | undefined {
    let saved: BigFile | 'waits' | undefined;
    let fd: number | undefined;
    try {
      // What is new will be read in any case.
      if (dirfd !== undefined && isFile && !this.#parent.has(name)) fd = this.#tryOpen(dirfd, name);
      if (dirfd !== undefined && this.#look(dirfd, name, fd)) saved = this.#saveByType(dirfd, name, fd);
      else this.#report(name, 'SOURCE_MISSING', 'it vanished before it could be read', 'stat');
    } catch (error) {
      // What concerns the run, not this file, ends the run.
      if (isCairnError(error) || systemCode(error) === undefined) throw error;
      const code = systemCode(error) === 'ENOENT' ? 'SOURCE_MISSING' : 'SOURCE_UNREADABLE';
      this.#report(name, code, messageOf(error), 'read');
    } finally {
      if (fd !== undefined) this.#posix.close(fd);
    }
    if (saved === 'waits') return undefined;
    this.#settle();
    this.#digests.add(name, this.#stat);
    return saved;
  }

  /** `undefined` where it cannot be opened: looking at it, and opening it again, tell why. */
  #tryOpen(dirfd: number, name: Uint8Array): number | undefined {
    try {
      return this.#reader.open(dirfd, name);
    } catch {
      return undefined;
    }
  }

  /** Whether it is there. An open file is asked itself, which spares a look-up of its name. */
  #look(dirfd: number, name: Uint8Array, fd: number | undefined): boolean {
    if (fd === undefined) return this.#posix.statInto(dirfd, name, this.#stat);
    this.#posix.fstatInto(fd, this.#stat);
    return true;
  }

  /** Writes one node behind those before, in the order of the names. */
  #write(write: (encoder: NodeEncoder) => void): void {
    this.#settle();
    const { writer } = this.#encoder;
    const before = writer.size;
    if (before > 0) writer.writeSeparator();
    try {
      const mark = writer.size;
      write(this.#encoder);
      // What has no node has no separator.
      if (writer.size === mark) writer.truncate(before);
    } catch (error) {
      writer.truncate(before);
      throw error;
    }
  }

  /** Saves the files that wait. */
  #settle(): void {
    // A file may have been read and then failed.
    if (this.#waiting.length === 0) return this.#reader.forget();
    try {
      this.#saveWaiting();
    } catch (error) {
      // It concerns files that were read before, and is not to be taken for a fault of the one that is looked at.
      throw isCairnError(error) ? error : new CairnError('INTERNAL', messageOf(error), { cause: error });
    }
  }

  #saveWaiting(): void {
    const ids = this.#saver.save(this.#plains);
    const files = this.#waiting.splice(0);
    for (const [at, { name, stat, file }] of files.entries()) {
      const content = ids.subarray(at * ID_SIZE, (at + 1) * ID_SIZE);
      this.#write((encoder) =>
        encoder.writeLeaf({ name, stat, xattrs: file.xattrs, sizeBytes: file.sizeBytes, content }),
      );
      this.#digests.add(name, stat);
    }
    this.#forgetWaiting();
  }

  #forgetWaiting(): void {
    this.#waiting.length = 0;
    this.#plains.length = 0;
    this.#reader.forget();
  }

  #waits(name: Uint8Array, plain: Uint8Array, file: ReadFile): void {
    const stat = (this.#waitingStats[this.#waiting.length] ??= new BigInt64Array(STAT_FIELDS));
    stat.set(this.#stat);
    this.#plains.push(plain);
    if (this.#waiting.push({ name, stat, file }) === FILES_AT_ONCE) this.#settle();
  }

  #saveByType(dirfd: number, name: Uint8Array, fd: number | undefined): BigFile | 'waits' | undefined {
    const type = fileType(this.#stat);
    if (type === FileType.regular) return this.#saveFile(dirfd, name, fd);
    if (type === FileType.socket) return undefined;
    if (type === FileType.directory) {
      this.#report(name, 'SOURCE_CHANGED', 'it became a directory after its folder was listed', 'stat');
      return undefined;
    }
    const xattrs = this.#posix.getxattrsat(dirfd, name, this.#onXattrError(name));
    const linkTarget = type === FileType.symlink ? { linkTarget: this.#posix.readlinkat(dirfd, name) } : {};
    this.#write((encoder) => encoder.writeLeaf({ name, stat: this.#stat, xattrs, ...linkTarget }));
    return undefined;
  }

  #saveFile(dirfd: number, name: Uint8Array, fd: number | undefined): BigFile | 'waits' | undefined {
    const sizeBytes = field(this.#stat, StatField.sizeBytes);
    if (this.#rules.maxFileSize !== undefined && sizeBytes > this.#rules.maxFileSize) return undefined;
    const isNew = !this.#parent.has(name);
    if (!isNew && this.#takeOver(dirfd, name, sizeBytes)) {
      this.#stats.filesUnmodified++;
      this.#stats.bytes += Number(sizeBytes);
      return undefined;
    }
    if (sizeBytes >= BIG_FILE_BYTES) {
      return { path: joinPath(this.#directory, name), sizeBytes: Number(sizeBytes), isNew };
    }
    const file = this.#read(dirfd, name, fd);
    if (!file.isSteady) this.#report(name, 'SOURCE_CHANGED', 'it changed while it was read', 'read');
    if (isNew) this.#stats.filesNew++;
    else this.#stats.filesChanged++;
    this.#stats.bytes += file.sizeBytes;
    this.#bytesRead += file.sizeBytes;
    const { content } = file;
    if (content.kind === 'read') {
      this.#waits(name, content.plain, file);
      return 'waits';
    }
    this.#write((encoder) => encoder.writeLeaf({ ...file, name, stat: this.#stat, content: content.ids }));
    return undefined;
  }

  #read(dirfd: number, name: Uint8Array, opened: number | undefined): ReadFile {
    const fd = opened ?? this.#reader.open(dirfd, name);
    try {
      return this.#reader.read(fd, this.#stat, this.#onXattrError(name));
    } finally {
      if (opened === undefined) this.#posix.close(fd);
    }
  }

  /** Writes the node of a file that is as the parent snapshot has it, without reading the file. */
  #takeOver(dirfd: number, name: Uint8Array, sizeBytes: bigint): boolean {
    const json = this.#parent.json(name);
    if (json !== undefined && this.#takeOverBytes(json, name, sizeBytes)) return true;
    const node = this.#parent.node(name);
    if (!isUnchanged(node, this.#stat, this.#rules)) return false;
    const content = concatBytes(node.content.map(idToBytes));
    for (let at = 0; at < content.length; at += ID_SIZE) {
      if (!this.#saver.knows(content.subarray(at, at + ID_SIZE))) return false;
    }
    const xattrs = this.#posix.getxattrsat(dirfd, name, this.#onXattrError(name));
    this.#write((encoder) => encoder.writeLeaf({ name, stat: this.#stat, xattrs, sizeBytes, content }));
    return true;
  }

  /**
   * The usual case: the node would come out as it was, to the byte. Attributes are not asked for: changing
   * one changes the ctime, which the bytes include.
   */
  #takeOverBytes(json: Uint8Array, name: Uint8Array, sizeBytes: bigint): boolean {
    const { writer } = this.#encoder;
    const mark = writer.size;
    this.#encoder.writeFileHead({ name, stat: this.#stat, xattrs: [], sizeBytes });
    const offsets = contentAfterHead(json, writer.view().subarray(mark));
    writer.truncate(mark);
    if (offsets === undefined) return false;
    for (const offset of offsets) {
      readHexId(json, offset, this.#id);
      if (!this.#saver.knows(this.#id)) return false;
    }
    this.#write(() => writer.writeEncoded(json));
    return true;
  }

  #onXattrError(name: Uint8Array): OnXattrError {
    return (attribute, error) =>
      this.#report(name, 'SOURCE_UNREADABLE', `attribute ${utf8Lossy(attribute)}: ${error.message}`, 'stat');
  }

  #report(name: Uint8Array, code: ErrorCode, message: string, during: SourceProblem['during']): void {
    this.#isSteady = false;
    this.#problems.push({ path: joinPath(this.#directory, name), code, message, during });
  }
}

function noLeaves(): LeafStats {
  return { filesNew: 0, filesChanged: 0, filesUnmodified: 0, bytes: 0 };
}

function joinPath(directory: Uint8Array, name: Uint8Array): Uint8Array {
  const isRoot = asBuffer(directory).at(-1) === 0x2f;
  return concatBytes(isRoot ? [directory, name] : [directory, Uint8Array.of(0x2f), name]);
}
