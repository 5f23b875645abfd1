// Entries of a tar stream as files below a target. Nothing is ever written outside of it, whatever names and links the stream
// holds: every directory is opened from the target on, component by component and none through a symlink. A file gets its name
// when it is complete.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { bytesKey, bytesOf, utf8, utf8Lossy } from '../../base/bytes.ts';
import { messageOf, systemCode } from '../../base/errors.ts';
import type { ErrorCode } from '../../base/error-codes.ts';
import { openPosix } from '../../base/posix/open-posix.ts';
import { FileType, type Posix, STAT_FIELDS, StatField } from '../../base/posix/posix.ts';
import type { TarEntry } from '../../formats/tar/tar-entry.ts';
import type { TarVisitor } from '../../formats/tar/tar-reader.ts';
import { ProblemList } from '../../restorer/restore-problem.ts';
import { DirectoryCursor } from '../../restorer/target/directory-cursor.ts';
import { writeWithHoles } from '../../restorer/target/file-content.ts';
import { MetadataWriter, reasonOf, type WantedMetadata } from '../../restorer/target/metadata.ts';
import { fatalTargetError } from '../../restorer/target/target-error.ts';
import { entryPath, shownEntry } from '../read/entry-path.ts';
import type { ExtractCounts, ExtractOptions } from './extract-options.ts';

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants;
const CREATE_FLAGS = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;

interface OpenFile {
  readonly fd: number;
  readonly parent: readonly string[];
  readonly temporary: Uint8Array;
  readonly parts: readonly string[];
  readonly entry: TarEntry;
  written: number;
}

interface MadeDirectory {
  readonly parts: readonly string[];
  readonly entry: TarEntry;
}

/** An entry that is hostile or cannot be written becomes a problem; only what ends the restore as a whole is thrown. */
export class TreeWriter implements TarVisitor, Disposable {
  readonly counts: ExtractCounts = { files: 0, skipped: 0, directories: 0, bytes: 0, totalBytes: 0 };
  readonly problems: ProblemList;
  readonly #options: ExtractOptions;
  readonly #posix: Posix = openPosix();
  readonly #cursor: DirectoryCursor;
  readonly #linkCursor: DirectoryCursor;
  readonly #metadata: MetadataWriter;
  readonly #stat = new BigInt64Array(STAT_FIELDS);
  /** Directories whose metadata is set last, when nothing in them changes any more. */
  readonly #directories: MadeDirectory[] = [];
  /** Symlinks that this stream brought: nothing of it may go through them or replace them by a directory. */
  readonly #symlinks = new Set<string>();
  #file: OpenFile | undefined;
  /** In a container every run has the same pid, and one that was killed has left its files. */
  readonly #temporaryStart = `.cairn-${process.pid}-${randomBytes(4).toString('hex')}-tmp-`;
  #temporaries = 0;

  constructor(options: ExtractOptions) {
    this.#options = options;
    this.problems = new ProblemList(options.onProblem);
    this.#cursor = new DirectoryCursor(this.#posix, options.target.fd);
    this.#linkCursor = new DirectoryCursor(this.#posix, options.target.fd);
    this.#metadata = new MetadataWriter(this.#posix, options.target.privileged);
  }

  readonly unknown = (name: Uint8Array, why: string): void => {
    this.problems.add(nameText(name), 'NOT_SUPPORTED', `not restored: ${why}`);
  };

  readonly entry = (entry: TarEntry): void => {
    const path = entryPath(entry.name);
    if (path.kind === 'hostile') {
      this.problems.add(nameText(entry.name), 'NAME_HOSTILE', `refused: ${path.why}`);
      return;
    }
    const parts = this.#place(path.parts, entry);
    if (parts === undefined) return;
    if (this.#isBeside(parts)) {
      const why = `refused: the archive is described as one of ${JSON.stringify(this.#options.within)} and nothing else`;
      this.problems.add(nameText(entry.name), 'NAME_HOSTILE', why);
      return;
    }
    this.counts.totalBytes += Number(entry.sizeBytes);
    if (this.#options.dryRun) {
      if (entry.kind === 'dir') this.counts.directories++;
      else this.counts.files++;
      return;
    }
    this.#attempt(parts, () => this.#make(parts, entry));
  };

  readonly data = (bytes: Uint8Array): void => {
    const file = this.#file;
    if (file === undefined) return;
    this.#attempt(file.parts, () => {
      writeWithHoles(file.fd, bytes, file.written, this.#options.sparse);
      file.written += bytes.length;
    });
  };

  readonly end = (): void => {
    const file = this.#file;
    if (file === undefined) return;
    this.#attempt(file.parts, () => this.#finishFile(file));
    this.#file = undefined;
  };

  /** Sets the metadata of directories, those deepest first. Call it when the stream has ended, or broke. */
  finish(): void {
    this.#discardFile();
    for (const { parts, entry } of this.#directories.toReversed()) {
      this.#attempt(parts, () => {
        const fd = this.#cursor.open(pathOf(parts));
        this.#metadata.apply(fd, metadataOf(entry, this.#noting(parts)), this.#metadata.read(fd), this.#noting(parts));
      });
    }
    this.#directories.length = 0;
  }

  [Symbol.dispose](): void {
    this.#discardFile();
    this.#cursor[Symbol.dispose]();
    this.#linkCursor[Symbol.dispose]();
  }

  /** Where a chosen entry goes in the target; `undefined` for one that is not chosen. */
  #place(parts: readonly string[], { kind }: TarEntry): readonly string[] | undefined {
    const { root = [], select } = this.#options;
    if (parts.length < root.length || root.some((part, at) => parts[at] !== part)) return undefined;
    const type = kind === 'dir' ? 'dir' : 'file';
    if (parts.length > 0 && select !== undefined && select(parts.map(bytesOf), type) !== 'restore') return undefined;
    return parts.slice(Math.max(0, root.length - 1));
  }

  #isBeside([top]: readonly string[]): boolean {
    const { within } = this.#options;
    return within !== undefined && top !== undefined && utf8Lossy(bytesOf(top)) !== within;
  }

  #make(parts: readonly string[], entry: TarEntry): void {
    if (parts.length === 0) return;
    const parent = parts.slice(0, -1);
    const name = bytesOf(parts.at(-1) ?? '');
    if (entry.kind === 'dir') {
      this.#makeDirectory(parts, entry);
      return;
    }
    this.#openParents(parent, parts);
    if (this.#isLeft(parent, name, entry)) {
      this.counts.skipped++;
      return;
    }
    if (entry.kind === 'file') this.#startFile(parts, parent, entry);
    else if (entry.kind === 'hardlink') this.#makeLink(parts, parent, name, entry);
    else this.#makeSpecial(parts, parent, name, entry);
  }

  #makeDirectory(parts: readonly string[], entry: TarEntry): void {
    const parent = parts.slice(0, -1);
    const name = bytesOf(parts.at(-1) ?? '');
    const dirfd = this.#openParents(parent, parts);
    try {
      this.#posix.mkdirat(dirfd, name, PRIVATE_DIRECTORY);
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
      if (!this.#replaceByDirectory(dirfd, name, parts)) return;
    }
    this.counts.directories++;
    this.#directories.push({ parts, entry });
  }

  /** Puts a directory where something has its name; false where that stays, as a symlink of this stream always does. */
  #replaceByDirectory(dirfd: number, name: Uint8Array, parts: readonly string[]): boolean {
    if (this.#posix.statInto(dirfd, name, this.#stat) && typeOf(this.#stat) === FileType.directory) {
      return this.#options.overwrite !== 'never';
    }
    if (this.#options.overwrite === 'never' || this.#symlinks.has(parts.join('/'))) {
      this.#problem(parts, 'RESTORE_FAILED', 'not restored: something else has its name');
      return false;
    }
    this.#posix.unlinkat(dirfd, name);
    this.#posix.mkdirat(dirfd, name, PRIVATE_DIRECTORY);
    return true;
  }

  /** The directory that an entry goes into, made where it is missing. Throws `HostileEntry` where a symlink is on the way. */
  #openParents(parent: readonly string[], parts: readonly string[]): number {
    try {
      return this.#cursor.open(pathOf(parent));
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw throughSymlink(error);
    }
    const above = this.#openParents(parent.slice(0, -1), parts);
    this.#posix.mkdirat(above, bytesOf(parent.at(-1) ?? ''), 0o777 & ~this.#options.target.umask);
    this.counts.directories++;
    return this.#cursor.open(pathOf(parent));
  }

  /** Whether an existing entry of this name is kept. One that this stream brought is replaced, as tar does. */
  #isLeft(parent: readonly string[], name: Uint8Array, entry: TarEntry): boolean {
    const { overwrite } = this.#options;
    if (overwrite === 'always') return false;
    if (!this.#posix.statInto(this.#cursor.open(pathOf(parent)), name, this.#stat)) return false;
    const mtimeNs = this.#stat[StatField.mtimeNs] ?? 0n;
    if (overwrite === 'never') return true;
    if (overwrite === 'if-newer') return entry.mtimeNs <= mtimeNs;
    return entry.kind === 'file' && mtimeNs === entry.mtimeNs && this.#stat[StatField.sizeBytes] === entry.sizeBytes;
  }

  #startFile(parts: readonly string[], parent: readonly string[], entry: TarEntry): void {
    const temporary = this.#temporaryName();
    const fd = this.#posix.openat(this.#cursor.open(pathOf(parent)), temporary, CREATE_FLAGS, PRIVATE_FILE);
    this.#file = { fd, parent, temporary, parts, entry, written: 0 };
  }

  #finishFile(file: OpenFile): void {
    const { fd, parent, temporary, parts, entry } = file;
    const dirfd = this.#cursor.open(pathOf(parent));
    // Zeros at the end were left out.
    fs.ftruncateSync(fd, file.written);
    this.#metadata.apply(fd, metadataOf(entry, this.#noting(parts)), this.#metadata.read(fd), this.#noting(parts));
    this.#posix.renameat(dirfd, temporary, dirfd, bytesOf(parts.at(-1) ?? ''));
    this.#posix.close(fd);
    this.#file = undefined;
    this.counts.files++;
    this.counts.bytes += file.written;
  }

  #discardFile(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    this.#posix.close(file.fd);
    try {
      this.#posix.unlinkat(this.#cursor.open(pathOf(file.parent)), file.temporary);
    } catch {
      // Somebody removed it, or its directory.
    }
  }

  #makeLink(parts: readonly string[], parent: readonly string[], name: Uint8Array, entry: TarEntry): void {
    const first = entryPath(entry.linkName);
    const firstParts = first.kind === 'path' ? this.#place(first.parts, { ...entry, kind: 'file' }) : undefined;
    if (first.kind === 'hostile') {
      this.#problem(parts, 'NAME_HOSTILE', `refused: it is a link to ${nameText(entry.linkName)}, and ${first.why}`);
      return;
    }
    if (firstParts === undefined || firstParts.length === 0) {
      const message = `not restored: it is another name of ${nameText(entry.linkName)}, which was not chosen`;
      this.#problem(parts, 'RESTORE_FAILED', message);
      return;
    }
    const temporary = this.#temporaryName();
    const dirfd = this.#cursor.open(pathOf(parent));
    const from = this.#openLinked(firstParts.slice(0, -1));
    this.#posix.linkat(from, bytesOf(firstParts.at(-1) ?? ''), dirfd, temporary);
    this.#posix.renameat(dirfd, temporary, dirfd, name);
    // Between two names of one file a rename does nothing.
    if (this.#posix.statInto(dirfd, temporary, this.#stat)) this.#posix.unlinkat(dirfd, temporary);
    this.counts.files++;
  }

  #openLinked(parent: readonly string[]): number {
    try {
      return this.#linkCursor.open(pathOf(parent));
    } catch (error) {
      throw throughSymlink(error);
    }
  }

  #makeSpecial(parts: readonly string[], parent: readonly string[], name: Uint8Array, entry: TarEntry): void {
    const temporary = this.#temporaryName();
    const dirfd = this.#cursor.open(pathOf(parent));
    if (entry.kind === 'symlink') {
      this.#symlinks.add(parts.join('/'));
      this.#posix.symlinkat(entry.linkName, dirfd, temporary);
    } else this.#posix.mknodat(dirfd, temporary, (specialTypes.get(entry.kind) ?? 0) | PRIVATE_FILE, entry.device);
    const isSymlink = entry.kind === 'symlink';
    this.#metadata.applyToName(
      dirfd,
      temporary,
      metadataOf(entry, this.#noting(parts)),
      isSymlink,
      this.#noting(parts),
    );
    this.#posix.renameat(dirfd, temporary, dirfd, name);
    this.counts.files++;
  }

  #temporaryName(): Uint8Array {
    return utf8(`${this.#temporaryStart}${++this.#temporaries}`);
  }

  #noting(parts: readonly string[]): (message: string) => void {
    return (message) => this.problems.add(shownEntry(parts), 'RESTORE_PARTIAL', message);
  }

  #problem(parts: readonly string[], code: ErrorCode, message: string): void {
    this.problems.add(shownEntry(parts), code, message);
  }

  #attempt(parts: readonly string[], action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#discardFile();
      const fatal = fatalTargetError(error);
      if (fatal !== undefined) throw fatal;
      if (error instanceof HostileEntry) this.#problem(parts, 'NAME_HOSTILE', `refused: ${error.message}`);
      else this.#problem(parts, 'RESTORE_FAILED', `not restored: ${reasonOf(error)}`);
    }
  }
}

class HostileEntry extends Error {}

function throughSymlink(error: unknown): unknown {
  const code = systemCode(error);
  if (code !== 'ELOOP' && code !== 'ENOTDIR') return error;
  return new HostileEntry('its path leads through a symlink, or through something else that is no folder', {
    cause: messageOf(error),
  });
}

const specialTypes: ReadonlyMap<string, number> = new Map([
  ['fifo', FileType.fifo],
  ['chardev', FileType.charDevice],
  ['dev', FileType.blockDevice],
]);

function typeOf(stat: BigInt64Array): number {
  return Number(stat[StatField.mode] ?? 0n) & FileType.mask;
}

function metadataOf(entry: TarEntry, note: (message: string) => void): WantedMetadata {
  const { uid, gid, mode, xattrs } = entry;
  const isTime = BigInt.asIntN(64, entry.mtimeNs) === entry.mtimeNs;
  // The system would take what is left of it for another time.
  if (!isTime) note('its time is none that a file can have');
  const mtimeNs = isTime ? entry.mtimeNs : 0n;
  const found = xattrs.map(({ name, value }) => ({ name, value: value ?? new Uint8Array(0) }));
  return { uid, gid, mode, mtimeNs, atimeNs: mtimeNs, hasXattrs: found.length > 0, xattrs: found };
}

/** As the cursor takes it. */
function pathOf(parts: readonly string[]): Uint8Array {
  return bytesOf(parts.join('/'));
}

function nameText(name: Uint8Array): string {
  return Buffer.from(bytesOf(bytesKey(name))).toString('utf8');
}
