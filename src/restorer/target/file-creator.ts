import fs from 'node:fs';
import { systemCode } from '../../base/errors.ts';
import type { Posix } from '../../base/posix/posix.ts';
import type { DirectoryCursor } from './directory-cursor.ts';
import { EntryKind, type RecordReader } from '../records/entry-record.ts';
import type { CurrentMetadata, MetadataReport, MetadataWriter } from './metadata.ts';

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants;
const CREATE_FLAGS = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
const PRIVATE = 0o600;
const MAX_PROFILES = 256;

const fileTypeBits: ReadonlyMap<number, number> = new Map([
  [EntryKind.fifo, 0o010000],
  [EntryKind.charDevice, 0o020000],
  [EntryKind.blockDevice, 0o060000],
]);

/**
 * What new files get in a directory. A set-group-id bit, a mount option, an inherited ACL or a squashing
 * file server make it differ from our own ids, so the first new file of a directory is asked.
 */
interface DirectoryProfile extends CurrentMetadata {
  /** New files have the mode they were created with, but for the umask. */
  readonly honoursMode: boolean;
}

export interface CreatorOptions {
  readonly posix: Posix;
  readonly cursor: DirectoryCursor;
  readonly metadata: MetadataWriter;
  readonly umask: number;
}

/** Creates entries that are not there yet, complete with their metadata. */
export class FileCreator {
  readonly #posix: Posix;
  readonly #cursor: DirectoryCursor;
  readonly #metadata: MetadataWriter;
  readonly #umask: number;
  readonly #profiles = new Map<number, DirectoryProfile>();

  constructor({ posix, cursor, metadata, umask }: CreatorOptions) {
    this.#posix = posix;
    this.#cursor = cursor;
    this.#metadata = metadata;
    this.#umask = umask;
  }

  /**
   * Creates a regular file, lets `write` fill it, and sets its metadata. When `write` throws, the file is
   * removed again. Throws `EEXIST` if the name is taken, unless the record says to replace what is there.
   */
  createFile(
    record: RecordReader,
    directoryPath: Uint8Array,
    write: (fd: number) => void,
    report: MetadataReport,
  ): void {
    const dirfd = this.#cursor.open(directoryPath);
    const { name, directory } = record;
    const known = this.#profiles.get(directory);
    const mode = known !== undefined && this.#fits(known, record) ? record.mode : PRIVATE;
    const fd = this.#replacing(record, dirfd, name, () => this.#posix.openat(dirfd, name, CREATE_FLAGS, mode));
    let complete = false;
    try {
      write(fd);
      complete = true;
      const profile = known ?? this.#profile(directory, fd);
      const isMode = profile.honoursMode && profile.plain ? mode & ~this.#umask : -1;
      this.#metadata.apply(fd, record, { ...profile, mode: isMode }, report);
    } finally {
      this.#posix.close(fd);
      if (!complete) this.#posix.unlinkat(dirfd, name);
    }
  }

  /** Creates an empty file to be filled later and returns its descriptor, open for reading and writing. */
  openNew(record: RecordReader, directoryPath: Uint8Array): number {
    const dirfd = this.#cursor.open(directoryPath);
    const { name } = record;
    return this.#replacing(record, dirfd, name, () => this.#posix.openat(dirfd, name, CREATE_FLAGS, PRIVATE));
  }

  /** Creates a symlink, device or fifo. Throws `EPERM` where devices are not allowed to this user. */
  createSpecial(record: RecordReader, directoryPath: Uint8Array, report: MetadataReport): void {
    const dirfd = this.#cursor.open(directoryPath);
    const { name, kind } = record;
    if (kind === EntryKind.symlink) {
      this.#replacing(record, dirfd, name, () => this.#posix.symlinkat(record.linkTarget, dirfd, name));
    } else {
      const device = kind === EntryKind.fifo ? 0n : record.rdev;
      const mode = (fileTypeBits.get(kind) ?? 0) | PRIVATE;
      this.#replacing(record, dirfd, name, () => this.#posix.mknodat(dirfd, name, mode, device));
    }
    this.#metadata.applyToName(dirfd, name, record, kind === EntryKind.symlink, report);
  }

  /** Whether a file can be created with its final owner and mode at once. */
  #fits(profile: DirectoryProfile, record: RecordReader): boolean {
    const { mode } = record;
    return (
      profile.honoursMode &&
      profile.plain &&
      profile.uid === record.uid &&
      profile.gid === record.gid &&
      !record.hasXattrs &&
      (mode & (this.#umask | 0o7000)) === 0
    );
  }

  #profile(directory: number, fd: number): DirectoryProfile {
    const current = this.#metadata.read(fd);
    const profile = {
      ...current,
      honoursMode: current.mode === (PRIVATE & ~this.#umask),
      plain: this.#metadata.isPlain(fd),
    };
    if (this.#profiles.size >= MAX_PROFILES) this.#profiles.clear();
    this.#profiles.set(directory, profile);
    return profile;
  }

  /** What is in the way is removed only now, when the new content is at hand. */
  #replacing<T>(record: RecordReader, dirfd: number, name: Uint8Array, create: () => T): T {
    try {
      return create();
    } catch (error) {
      if (systemCode(error) !== 'EEXIST' || !record.replaces) throw error;
      this.#posix.unlinkat(dirfd, name);
      return create();
    }
  }
}
