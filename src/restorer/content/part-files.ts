import fs from 'node:fs';
import { messageOf } from '../../base/errors.ts';
import { STAT_FIELDS, StatField } from '../../base/posix/posix.ts';
import { contentLength, FileWay, type ContentPlan } from './content-plan.ts';
import { DirectoryCursor } from '../target/directory-cursor.ts';
import { FileCreator } from '../target/file-creator.ts';
import { MetadataWriter } from '../target/metadata.ts';
import { shownPath, type RestoreRun } from '../restore-run.ts';
import { fatalTargetError } from '../target/target-error.ts';

const { O_RDWR, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
const CLOSED = -1;
const MAX_OPEN = 256;

interface PartFile {
  readonly file: number;
  readonly isNew: boolean;
  readonly device: bigint;
  readonly inode: bigint;
  fd: number;
  /** Writes that no job has done yet. */
  remaining: number;
  /** Jobs that hold the descriptor. */
  jobs: number;
  failed: boolean;
}

/**
 * The files that several jobs write into. The main thread opens each once, hands the descriptor to the
 * workers, and completes the file when its last blob is written.
 */
export class PartFiles implements Disposable {
  readonly #run: RestoreRun;
  readonly #plan: ContentPlan;
  readonly #cursor: DirectoryCursor;
  readonly #creator: FileCreator;
  readonly #metadata: MetadataWriter;
  readonly #files = new Map<number, PartFile>();
  /** Files that are given up. */
  readonly #given = new Set<number>();
  readonly #stat = new BigInt64Array(STAT_FIELDS);

  constructor(run: RestoreRun, plan: ContentPlan) {
    const { posix, target } = run;
    this.#run = run;
    this.#plan = plan;
    this.#cursor = new DirectoryCursor(posix, target.fd);
    this.#metadata = new MetadataWriter(posix, target.privileged);
    this.#creator = new FileCreator({ posix, cursor: this.#cursor, metadata: this.#metadata, umask: target.umask });
  }

  /** The descriptor to write to, or `undefined` if the file is given up. Balance with `release`. */
  acquire(file: number): number | undefined {
    if (this.#given.has(file)) return undefined;
    try {
      const open = this.#files.get(file) ?? this.#open(file);
      if (open.failed) return undefined;
      if (open.fd === CLOSED) this.#reopen(open);
      open.jobs++;
      // Order of use: the map's first is the one not used for longest.
      this.#files.delete(file);
      this.#files.set(file, open);
      return open.fd;
    } catch (error) {
      this.#giveUp(file, error);
      return undefined;
    }
  }

  /** A job is done with the descriptor; `written` of its writes need not be done again. */
  release(file: number, written: number): void {
    const open = this.#files.get(file);
    if (open === undefined) return;
    open.jobs--;
    open.remaining -= written;
    if ((open.failed || open.remaining <= 0) && open.jobs === 0) this.#finish(open);
  }

  /** The file cannot be completed. Its other writes are dropped; told as a problem once. */
  fail(file: number, report: (path: string) => void): void {
    const open = this.#files.get(file);
    if (open?.failed === true || this.#given.has(file)) return;
    const reference = this.#plan.reference(file);
    this.#run.failed.add(reference);
    report(shownPath(this.#run, reference));
    if (open === undefined) {
      this.#given.add(file);
      return;
    }
    open.failed = true;
    if (open.jobs === 0) this.#finish(open);
  }

  /** Completes a file that exists and only needs its size and metadata set. */
  touch(file: number): void {
    if (this.acquire(file) !== undefined) this.release(file, 0);
  }

  /** Closes what is open; new files that are not complete are removed, existing ones are told as damaged. */
  [Symbol.dispose](): void {
    for (const open of this.#files.values()) {
      if (open.remaining > 0 && !open.failed) {
        open.failed = true;
        if (!open.isNew) this.#damaged(open);
      }
      try {
        this.#finish(open);
      } catch (error) {
        const path = shownPath(this.#run, this.#plan.reference(open.file));
        this.#run.problems.add(path, 'RESTORE_FAILED', messageOf(error));
      }
    }
    this.#cursor[Symbol.dispose]();
  }

  #open(file: number): PartFile {
    this.#makeRoom();
    const { store, directories, posix, index } = this.#run;
    const record = store.at(this.#plan.reference(file));
    const path = directories.path(record.directory);
    const isNew = this.#plan.way(file) !== FileWay.patch;
    const fd = isNew
      ? this.#creator.openNew(record, path)
      : posix.openat(this.#cursor.open(path), record.name, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    posix.fstatInto(fd, this.#stat);
    const open: PartFile = {
      file,
      isNew,
      device: this.#stat[StatField.device] ?? 0n,
      inode: this.#stat[StatField.inode] ?? 0n,
      fd,
      remaining: this.#plan.writeCount(file),
      jobs: 0,
      failed: false,
    };
    this.#files.set(file, open);
    // The size first: what is never written, blobs of zeros, is a hole.
    const size = contentLength(index, record);
    if (BigInt(size) !== this.#stat[StatField.sizeBytes]) fs.ftruncateSync(fd, size);
    return open;
  }

  /** Opens a file again whose descriptor was given up, and makes sure that it is the same file. */
  #reopen(open: PartFile): void {
    this.#makeRoom();
    const { store, directories, posix } = this.#run;
    const record = store.at(this.#plan.reference(open.file));
    const dirfd = this.#cursor.open(directories.path(record.directory));
    const fd = posix.openat(dirfd, record.name, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    posix.fstatInto(fd, this.#stat);
    if (this.#stat[StatField.inode] !== open.inode || this.#stat[StatField.device] !== open.device) {
      posix.close(fd);
      throw new Error('the file was replaced while it was being restored');
    }
    open.fd = fd;
  }

  #makeRoom(): void {
    if (this.#files.size < MAX_OPEN) return;
    for (const open of this.#files.values()) {
      if (open.jobs > 0 || open.fd === CLOSED) continue;
      this.#run.posix.close(open.fd);
      open.fd = CLOSED;
      return;
    }
  }

  #giveUp(file: number, error: unknown): void {
    const fatal = fatalTargetError(error);
    if (fatal !== undefined) throw fatal;
    this.fail(file, (path) => this.#run.problems.add(path, 'RESTORE_FAILED', messageOf(error)));
  }

  #finish(open: PartFile): void {
    this.#files.delete(open.file);
    const { posix, store, problems, meter, directories } = this.#run;
    const reference = this.#plan.reference(open.file);
    const record = store.at(reference);
    if (open.failed) {
      this.#given.add(open.file);
      if (open.isNew) posix.unlinkat(this.#cursor.open(directories.path(record.directory)), record.name);
    } else {
      if (open.fd === CLOSED) this.#reopen(open);
      const report = (message: string): void =>
        problems.add(shownPath(this.#run, reference), 'RESTORE_PARTIAL', message);
      this.#metadata.apply(open.fd, record, this.#metadata.read(open.fd), report);
      meter.files++;
    }
    if (open.fd !== CLOSED) posix.close(open.fd);
    open.fd = CLOSED;
  }

  #damaged(open: PartFile): void {
    const path = shownPath(this.#run, this.#plan.reference(open.file));
    this.#run.problems.add(
      path,
      'RESTORE_FAILED',
      'it is damaged: it was being overwritten and holds old and new parts',
    );
  }
}
