// A source as a tar stream, written into memory that the caller gives, block by block. Reading is synchronous, as one
// asynchronous call per small file would cost more than the file; between blocks everything else gets its turn.
import { constants, readSync } from 'node:fs';
import { bytesKey, bytesOf, utf8Lossy } from '../../base/bytes.ts';
import type { ErrorCode } from '../../base/error-codes.ts';
import { messageOf, systemCode } from '../../base/errors.ts';
import { AT_FDCWD, FileType, type Posix, STAT_FIELDS, StatField, type Xattr } from '../../base/posix/posix.ts';
import type { Source, SourceDirectory, SourceEntry, SourceProblem } from '../../archiver/source.ts';
import type { TarEntry, TarKind } from '../../formats/tar/tar-entry.ts';
import { encodeTarHeader, TAR_END, tarPadding } from '../../formats/tar/tar-header.ts';
import { StreamContent, type StreamContentOptions, type StreamEntry } from './stream-content.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;
const NO_BYTES = new Uint8Array(0);
const NOWHERE: Place = { name: '', path: '', depth: 0 };
/** Levels whose directories stay open while one below them is gone through. */
const HELD_LEVELS = 64;
const ZEROS = new Uint8Array(64 * 1024);

export interface TarFeedOptions {
  readonly posix: Posix;
  /** Components of every path in the source that the names in the archive lack. */
  readonly strip: number;
  /** Told of what could not be read; the rest goes on. A stream that fails is no such problem: it throws. */
  readonly onProblem: (problem: SourceProblem) => void;
  readonly streams: StreamContentOptions;
}

/** One ends where the block is full, or with what has to be waited for before the next one. */
type Steps = Generator<Promise<void> | undefined, void, undefined>;

export interface TarFeedCounts {
  /** Entries that are no directories. */
  files: number;
  directories: number;
  /** Content of files. */
  sourceBytes: number;
}

/** Where the walk is. Names are held as Latin-1, as those of the source. */
interface Place {
  /** Name in the archive, without a slash at the end; empty above what is archived. */
  readonly name: string;
  /** In the source. */
  readonly path: string;
  readonly depth: number;
}

/** A directory that is being gone through. */
interface Level {
  readonly path: Uint8Array | undefined;
  readonly place: Place;
  readonly entries: readonly SourceEntry[];
  next: number;
  /** Opened with its first leaf. */
  dirfd: number | 'failed' | undefined;
}

/** Dispose of it when it is not read to its end: it may have a stream open. */
export class TarFeed implements AsyncDisposable {
  readonly counts: TarFeedCounts = { files: 0, directories: 0, sourceBytes: 0 };
  readonly #source: Source;
  readonly #options: TarFeedOptions;
  readonly #steps: Steps;
  readonly #stat = new BigInt64Array(STAT_FIELDS);
  /** First names of files that have several, by device and inode. */
  readonly #firstNames = new Map<string, string>();
  readonly #targets: readonly string[];
  #current: Place = NOWHERE;
  #stream: StreamContent | undefined;
  #out: Uint8Array = NO_BYTES;
  #used = 0;

  constructor(source: Source, options: TarFeedOptions) {
    this.#source = source;
    this.#options = options;
    this.#targets = source.paths.map((path) => (path.endsWith('/') ? path : `${path}/`));
    this.#steps = this.#write();
  }

  /** The path of what was looked at last. */
  get currentPath(): string {
    return utf8Lossy(bytesOf(this.#current.path));
  }

  /** Fills `block` with what comes next. Fewer bytes than it has room for: the stream ended. */
  fill(block: Uint8Array): number | Promise<number> {
    this.#out = block;
    this.#used = 0;
    return this.#go();
  }

  /** Files are read without a pause; only streams are waited for. */
  #go(): number | Promise<number> {
    const { value } = this.#steps.next();
    return value === undefined ? this.#used : value.then(() => this.#go());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#steps.return();
    await this.#stream?.[Symbol.asyncDispose]();
  }

  /** With a list of its own: a generator within another for each level of a deep tree would end the stack. */
  *#write(): Steps {
    const levels: Level[] = [];
    try {
      this.#enter(levels, this.#source.root, NOWHERE);
      for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
        const entry = level.entries[level.next++];
        if (entry === undefined) this.#leave(levels);
        else yield* this.#entry(entry, level, levels);
      }
    } finally {
      while (levels.length > 0) this.#leave(levels);
    }
    yield* this.#bytes(TAR_END);
  }

  #enter(levels: Level[], directory: SourceDirectory, place: Place): void {
    const { path } = directory;
    // A deep tree has more levels than a process may have files open.
    const above = levels.at(-1);
    if (above !== undefined && levels.length > HELD_LEVELS) this.#release(above);
    levels.push({ path, place, entries: directory.list(this.#options.onProblem), next: 0, dirfd: undefined });
  }

  #leave(levels: Level[]): void {
    const level = levels.pop();
    if (level !== undefined) this.#release(level);
  }

  #release(level: Level): void {
    if (typeof level.dirfd !== 'number') return;
    this.#options.posix.close(level.dirfd);
    level.dirfd = undefined;
  }

  /** The descriptor for what lies in a directory; `undefined` where it cannot be opened, which is told once. */
  #descriptor(level: Level): number | undefined {
    if (level.dirfd === undefined && level.path !== undefined) {
      level.dirfd = this.#openDirectory(level.path) ?? 'failed';
    }
    return typeof level.dirfd === 'number' ? level.dirfd : undefined;
  }

  *#entry(entry: SourceEntry, level: Level, levels: Level[]): Steps {
    const { key } = entry;
    const { place } = level;
    const depth = place.depth + 1;
    const isNamed = depth > this.#options.strip;
    const name = !isNamed ? '' : place.name === '' ? key : `${place.name}/${key}`;
    const inner: Place = { name, path: `${place.path}/${key}`, depth };
    if (entry.kind === 'directory') {
      if (this.#isArchived(inner)) yield* this.#directoryHeader(entry.directory, inner);
      this.#enter(levels, entry.directory, inner);
    } else if (entry.kind === 'leaf') {
      const dirfd = this.#descriptor(level);
      if (dirfd !== undefined) yield* this.#leaf(dirfd, bytesOf(key), inner);
    } else yield* this.#streamed(entry, inner);
  }

  *#streamed(entry: StreamEntry, place: Place): Steps {
    this.#current = place;
    const content = new StreamContent(entry, this.#options.streams);
    this.#stream = content;
    yield content.prepare();
    const { mode, mtimeNs, uid, gid, user, group } = entry.metadata;
    const owner = { mode: mode & 0o777, mtimeNs, uid, gid, user, group };
    this.counts.files++;
    yield* this.#bytes(entryHeader('file', place.name, { ...owner, sizeBytes: BigInt(content.sizeBytes) }));
    for (;;) {
      yield content.advance();
      const { chunk } = content;
      if (chunk === undefined) break;
      this.counts.sourceBytes += chunk.length;
      yield* this.#bytes(chunk);
    }
    yield* this.#zeros(tarPadding(BigInt(content.sizeBytes)));
    this.#stream = undefined;
    yield content[Symbol.asyncDispose]();
  }

  /** A directory on the way to what was named is not part of it. */
  #isArchived({ path, name }: Place): boolean {
    if (name === '') return false;
    const text = `${utf8Lossy(bytesOf(path))}/`;
    return this.#targets.some((target) => text.startsWith(target));
  }

  *#directoryHeader(directory: SourceDirectory, place: Place): Steps {
    const { posix } = this.#options;
    if (directory.path === undefined) return;
    const fd = this.#openDirectory(directory.path);
    if (fd === undefined) return;
    let header: Uint8Array | undefined;
    try {
      posix.fstatInto(fd, this.#stat);
      const xattrs = posix.fgetxattrs(fd, (_, error) => this.#problem(place.path, error, 'stat'));
      header = this.#header('dir', { ...place, name: `${place.name}/` }, xattrs);
    } catch (error) {
      this.#problem(place.path, error, 'stat');
    } finally {
      posix.close(fd);
    }
    if (header === undefined) return;
    this.counts.directories++;
    yield* this.#bytes(header);
  }

  #openDirectory(path: Uint8Array): number | undefined {
    try {
      return this.#options.posix.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } catch (error) {
      this.#problem(bytesKey(path), error, 'list');
      return undefined;
    }
  }

  *#leaf(dirfd: number, key: Uint8Array, place: Place): Steps {
    const { posix } = this.#options;
    this.#current = place;
    let header: Uint8Array | undefined;
    try {
      if (!posix.statInto(dirfd, key, this.#stat)) {
        this.#tell(place.path, 'SOURCE_MISSING', 'it vanished before it was read', 'stat');
        return;
      }
      const kind = kindOf(this.#stat);
      if (kind === undefined) return;
      const linked = this.#linkedTo(place.name);
      if (linked === undefined && kind === 'file') {
        yield* this.#file(dirfd, key, place);
        return;
      }
      const report = (_: Uint8Array, error: Error): void => this.#problem(place.path, error, 'stat');
      const xattrs = linked === undefined ? posix.getxattrsat(dirfd, key, report) : [];
      const linkName =
        linked !== undefined ? bytesOf(linked) : kind === 'symlink' ? posix.readlinkat(dirfd, key) : NO_BYTES;
      header = this.#header(linked === undefined ? kind : 'hardlink', place, xattrs, { linkName });
    } catch (error) {
      this.#problem(place.path, error, 'stat');
    }
    if (header === undefined) return;
    this.counts.files++;
    yield* this.#bytes(header);
  }

  *#file(dirfd: number, key: Uint8Array, place: Place): Steps {
    const { posix } = this.#options;
    const { maxFileSize } = this.#source;
    let fd: number;
    try {
      fd = posix.openat(dirfd, key, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      this.#problem(place.path, error, 'read');
      return;
    }
    try {
      posix.fstatInto(fd, this.#stat);
      const size = this.#stat[StatField.sizeBytes] ?? 0n;
      if (kindOf(this.#stat) !== 'file' || (maxFileSize !== undefined && size > maxFileSize)) return;
      const xattrs = posix.fgetxattrs(fd, (_, error) => this.#problem(place.path, error, 'read'));
      this.counts.files++;
      this.#rememberName(place.name);
      yield* this.#bytes(this.#header('file', place, xattrs, { sizeBytes: size }));
      yield* this.#content(fd, Number(size), place);
      yield* this.#zeros(tarPadding(size));
    } finally {
      posix.close(fd);
    }
  }

  /** Exactly `size` bytes, whatever the file does meanwhile: the header with its size is out already. */
  *#content(fd: number, size: number, place: Place): Steps {
    let at = 0;
    while (at < size) {
      if (this.#used === this.#out.length) yield;
      const room = Math.min(this.#out.length - this.#used, size - at);
      let count: number;
      try {
        count = readSync(fd, this.#out, this.#used, room, at);
      } catch (error) {
        this.#problem(place.path, error, 'read');
        yield* this.#zeros(size - at);
        return;
      }
      if (count === 0) {
        const missing = size - at;
        this.#tell(
          place.path,
          'SOURCE_CHANGED',
          `it shrank while it was read; its last ${missing} bytes are zeros`,
          'read',
        );
        yield* this.#zeros(missing);
        return;
      }
      this.#used += count;
      at += count;
      this.counts.sourceBytes += count;
    }
  }

  *#zeros(count: number): Steps {
    for (let left = count; left > 0; left -= ZEROS.length) {
      yield* this.#bytes(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
    }
  }

  *#bytes(bytes: Uint8Array): Steps {
    let at = 0;
    while (at < bytes.length) {
      if (this.#used === this.#out.length) yield;
      const part = bytes.subarray(at, at + this.#out.length - this.#used);
      this.#out.set(part, this.#used);
      this.#used += part.length;
      at += part.length;
    }
  }

  #header(kind: TarKind, { name }: Place, xattrs: readonly Xattr[], parts: Partial<TarEntry> = {}): Uint8Array {
    const { posix } = this.#options;
    const field = (index: number): bigint => this.#stat[index] ?? 0n;
    const uid = Number(field(StatField.uid));
    const gid = Number(field(StatField.gid));
    return entryHeader(kind, name, {
      mode: Number(field(StatField.mode)) & 0o7777,
      uid,
      gid,
      user: posix.userName(uid) ?? '',
      group: posix.groupName(gid) ?? '',
      mtimeNs: field(StatField.mtimeNs),
      device: kind === 'dev' || kind === 'chardev' ? BigInt.asUintN(64, field(StatField.rdev)) : 0n,
      xattrs,
      ...parts,
    });
  }

  /** The name under which this file is in the archive already. */
  #linkedTo(name: string): string | undefined {
    const identity = this.#identity();
    if (identity === undefined) return undefined;
    const first = this.#firstNames.get(identity);
    return first !== name ? first : undefined;
  }

  #rememberName(name: string): void {
    const identity = this.#identity();
    if (identity !== undefined) this.#firstNames.set(identity, name);
  }

  #identity(): string | undefined {
    const links = this.#stat[StatField.links] ?? 1n;
    return links > 1n ? `${this.#stat[StatField.device]}:${this.#stat[StatField.inode]}` : undefined;
  }

  #problem(path: string, error: unknown, during: SourceProblem['during']): void {
    const gone = systemCode(error) === 'ENOENT';
    this.#tell(path, gone ? 'SOURCE_MISSING' : 'SOURCE_UNREADABLE', messageOf(error), during);
  }

  #tell(path: string, code: ErrorCode, message: string, during: SourceProblem['during']): void {
    this.#options.onProblem({ path: bytesOf(path), code, message, during });
  }
}

type Described = 'mode' | 'uid' | 'gid' | 'user' | 'group' | 'mtimeNs';

function entryHeader(kind: TarKind, name: string, parts: Partial<TarEntry> & Pick<TarEntry, Described>): Uint8Array {
  return encodeTarHeader({
    kind,
    name: bytesOf(name),
    linkName: NO_BYTES,
    sizeBytes: 0n,
    device: 0n,
    xattrs: [],
    ...parts,
  });
}

const tarKinds: ReadonlyMap<number, TarKind> = new Map([
  [FileType.regular, 'file'],
  [FileType.symlink, 'symlink'],
  [FileType.fifo, 'fifo'],
  [FileType.charDevice, 'chardev'],
  [FileType.blockDevice, 'dev'],
]);

/** `undefined` for sockets, which mean nothing once the program behind them is gone. */
function kindOf(stat: BigInt64Array): TarKind | undefined {
  return tarKinds.get(Number(stat[StatField.mode] ?? 0n) & FileType.mask);
}
