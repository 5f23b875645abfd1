import type { FileEntryWithStats, SFTPWrapper, Stats } from 'ssh2';
import { CairnError, isCairnError, messageOf } from '../../../base/errors.ts';
import { answerWithin, SilentServer } from './answer-within.ts';
import { type FileSystemSpace, SFTP_STATUS, sftpStatus, SftpStatusError } from './sftp-errors.ts';

/**
 * An open file or folder on the server. It is a buffer to ssh2; the brand, put on where one is opened, keeps others from
 * being taken for it.
 */
export type SftpHandle = Buffer & { readonly __brand: 'SftpHandle' };

export type SftpExtension =
  | 'posix-rename@openssh.com'
  | 'hardlink@openssh.com'
  | 'fsync@openssh.com'
  | 'statvfs@openssh.com';

/** What ssh2 knows of the server and its types do not tell. */
interface Internals {
  readonly _extensions?: Readonly<Record<string, unknown>>;
  readonly _isOpenSSH?: boolean;
  readonly _maxReadLen?: number;
  readonly _maxWriteLen?: number;
}

type Callback<T> = (error: Error | null | undefined, value: T) => void;

/** Of ssh2's client, what opens a session. */
export interface SessionMaker {
  sftp(callback: (error: Error | undefined, sftp: SFTPWrapper) => void): unknown;
}

// Where the server says nothing, every one takes this much (draft-ietf-secsh-filexfer-02 §3).
const SAFE_LENGTH = 30 * 1024;
/** Larger requests gain nothing, and an abort waits for the one under way. */
const LARGEST_LENGTH = 256 * 1024;
const READ_ONLY_FLAG = 1;
const ignore = (): void => {};
const endSession = (sftp: SFTPWrapper): void => sftp.end();

/**
 * One SFTP session: requests as promises. Each rejects with the status error of the server, with the error
 * that `lose` was given, or with the reason of its aborted signal, at once; the server is then not waited for.
 */
export class SftpSession {
  readonly where: string;
  readonly longestRead: number;
  readonly longestWrite: number;
  /** Requests are worked off in the order they were sent, so that none has to wait for the answer of the one before. */
  readonly keepsOrder: boolean;
  readonly #sftp: SFTPWrapper;
  readonly #extensions: ReadonlySet<string>;
  readonly #pending = new Set<(error: unknown) => void>();
  #silentMs = 0;
  #lost: CairnError | undefined;

  constructor(sftp: SFTPWrapper, where: string) {
    // What the server offers is not part of ssh2's types.
    const internals = sftp as unknown as Internals;
    this.where = where;
    this.#sftp = sftp;
    this.#extensions = new Set(Object.keys(internals._extensions ?? {}));
    this.longestRead = lengthOf(internals._maxReadLen);
    this.longestWrite = lengthOf(internals._maxWriteLen);
    this.keepsOrder = internals._isOpenSSH === true;
    sftp.on('error', (error: unknown) => this.lose(ended(where, error)));
    sftp.on('close', () => this.lose(ended(where, undefined)));
    sftp.on('end', () => this.lose(ended(where, undefined)));
  }

  /** Throws where there is no session after `openMs`. */
  static async open(client: SessionMaker, where: string, openMs: number): Promise<SftpSession> {
    const refused = (error: Error): CairnError => noSession(where, error);
    const start = (done: Callback<SFTPWrapper>): void => {
      client.sftp((error, sftp) => (error ? done(refused(error), sftp) : done(undefined, sftp)));
    };
    const sftp = await answerWithin(start, { limitMs: openMs, late: endSession }).catch((error: unknown) => {
      throw error instanceof SilentServer
        ? silentServer(where, error)
        : isCairnError(error)
          ? error
          : ended(where, error);
    });
    return new SftpSession(sftp, where);
  }

  get lost(): CairnError | undefined {
    return this.#lost;
  }

  /** How long requests have been under way without an answer to any of them, in what `wait` counted. */
  get silentMs(): number {
    return this.#pending.size === 0 ? 0 : this.#silentMs;
  }

  /** Counts time in which an answer could have come. */
  wait(passedMs: number): void {
    this.#silentMs = this.#pending.size === 0 ? 0 : this.#silentMs + passedMs;
  }

  /** Rejects everything under way and to come with `error`. */
  lose(error: CairnError): void {
    if (this.#lost !== undefined) return;
    this.#lost = error;
    for (const reject of this.#pending) reject(error);
    this.#pending.clear();
  }

  close(): void {
    this.#sftp.end();
  }

  has(extension: SftpExtension): boolean {
    return this.#extensions.has(extension);
  }

  /** A handle that arrives after an abort is closed again. */
  openFile(path: string, flags: 'r' | 'wx', signal?: AbortSignal): Promise<SftpHandle> {
    return this.#request<Buffer>(
      (done) => (flags === 'r' ? this.#sftp.open(path, flags, done) : this.#sftp.open(path, flags, 0o600, done)),
      signal,
      (late) => this.closeQuietly(late as SftpHandle),
    ) as Promise<SftpHandle>;
  }

  openFolder(path: string, signal?: AbortSignal): Promise<SftpHandle> {
    return this.#request<Buffer>(
      (done) => this.#sftp.opendir(path, done),
      signal,
      (late) => this.closeQuietly(late as SftpHandle),
    ) as Promise<SftpHandle>;
  }

  closeHandle(handle: SftpHandle, signal?: AbortSignal): Promise<void> {
    return this.#request((done) => this.#sftp.close(handle, done), signal);
  }

  /** For handles that were only read: nobody waits, and nothing depends on it. */
  closeQuietly(handle: SftpHandle): void {
    this.closeHandle(handle).catch(ignore);
  }

  /** Fills `target` from the file, or a part of it. Returns the bytes read; 0 at the end of the file. */
  read(handle: SftpHandle, target: Buffer, position: number, signal?: AbortSignal): Promise<number> {
    return this.#request((done) => this.#sftp.read(handle, target, 0, target.length, position, done), signal);
  }

  write(handle: SftpHandle, bytes: Buffer, position: number, signal?: AbortSignal): Promise<void> {
    return this.#request((done) => this.#sftp.write(handle, bytes, 0, bytes.length, position, done), signal);
  }

  statHandle(handle: SftpHandle, signal?: AbortSignal): Promise<Stats> {
    return this.#request((done) => this.#sftp.fstat(handle, done), signal);
  }

  setMode(handle: SftpHandle, mode: number, signal?: AbortSignal): Promise<void> {
    return this.#request((done) => this.#sftp.fchmod(handle, mode, done), signal);
  }

  sync(handle: SftpHandle, signal?: AbortSignal): Promise<void> {
    return this.#request((done) => this.#sftp.ext_openssh_fsync(handle, done), signal);
  }

  /** Follows symbolic links. */
  stat(path: string, signal?: AbortSignal): Promise<Stats> {
    return this.#request((done) => this.#sftp.stat(path, done), signal);
  }

  /** Does not follow a symbolic link. */
  statLink(path: string, signal?: AbortSignal): Promise<Stats> {
    return this.#request((done) => this.#sftp.lstat(path, done), signal);
  }

  realpath(path: string, signal?: AbortSignal): Promise<string> {
    return this.#request((done) => this.#sftp.realpath(path, done), signal);
  }

  /** The next entries of a folder, without `.` and `..`; `undefined` behind the last. */
  async readFolder(handle: SftpHandle, signal?: AbortSignal): Promise<FileEntryWithStats[] | undefined> {
    try {
      // ssh2 takes a handle here, and reads one step of the listing; its types know the path only.
      return await this.#request((done) => this.#sftp.readdir(handle as unknown as string, done), signal);
    } catch (error) {
      if (sftpStatus(error) === SFTP_STATUS.EOF) return undefined;
      throw error;
    }
  }

  makeFolder(path: string, mode: number, signal?: AbortSignal): Promise<void> {
    return this.#request((done) => this.#sftp.mkdir(path, { mode }, done), signal);
  }

  remove(path: string, signal?: AbortSignal): Promise<void> {
    return this.#request((done) => this.#sftp.unlink(path, done), signal);
  }

  /** SFTP's own rename, which fails where something has the new name (filexfer-02 §6.5). */
  renameToAbsent(from: string, to: string, signal?: AbortSignal): Promise<void> {
    return this.#request((done) => this.#sftp.rename(from, to, done), signal);
  }

  /** POSIX's rename, which replaces. */
  renameOver(from: string, to: string, signal?: AbortSignal): Promise<void> {
    return this.#request((done) => this.#sftp.ext_openssh_rename(from, to, done), signal);
  }

  link(from: string, to: string, signal?: AbortSignal): Promise<void> {
    return this.#request((done) => this.#sftp.ext_openssh_hardlink(from, to, done), signal);
  }

  /** Room on the file system of `path`, where the server tells. */
  async space(path: string): Promise<FileSystemSpace | undefined> {
    if (!this.has('statvfs@openssh.com')) return undefined;
    try {
      const found = await this.#request<Record<string, number>>(
        // ssh2 declares a callback without the result.
        (done) => this.#sftp.ext_openssh_statvfs(path, done as never),
        AbortSignal.timeout(10_000),
      );
      const value = (name: string): number => found[name] ?? Number.NaN;
      return {
        freeBytes: value('f_bavail') * value('f_frsize'),
        // File systems that make inodes as they need them say 0 of 0.
        freeFiles: value('f_files') === 0 ? Number.POSITIVE_INFINITY : value('f_favail'),
        isReadOnly: (value('f_flag') & READ_ONLY_FLAG) !== 0,
      };
    } catch {
      // It was to explain another error; that one is told.
      return undefined;
    }
  }

  #request<T>(start: (done: Callback<T>) => void, signal?: AbortSignal, late?: (value: T) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      // ssh2 drops requests to a closed channel without a word.
      if (this.#lost !== undefined) throw this.#lost;
      let settled = false;
      const settle = (): boolean => {
        if (settled) return false;
        settled = true;
        this.#pending.delete(fail);
        signal?.removeEventListener('abort', onAbort);
        return true;
      };
      const fail = (error: unknown): void => {
        if (settle()) reject(error);
      };
      const onAbort = (): void => fail(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.add(fail);
      start((error, value) => {
        this.#silentMs = 0;
        if (error) fail(statusError(error) ?? this.#lost ?? ended(this.where, error));
        else if (settle()) resolve(value);
        else late?.(value);
      });
    });
  }
}

/** The answer of the server, if it gave one: ssh2 also calls back when there will be none. */
function statusError(error: Error): SftpStatusError | undefined {
  return 'code' in error && typeof error.code === 'number' ? new SftpStatusError(error.code, error.message) : undefined;
}

function lengthOf(limit: number | undefined): number {
  return limit === undefined || !(limit > 0) ? SAFE_LENGTH : Math.min(limit, LARGEST_LENGTH);
}

function ended(where: string, cause: unknown): CairnError {
  const why = cause === undefined ? '' : `: ${messageOf(cause)}`;
  return new CairnError('STORAGE_UNREACHABLE', `the SFTP session with ${where} ended${why}`, {
    hint: 'Try again; what was stored completely is there.',
    retry: 'later',
    ...(cause === undefined ? {} : { cause }),
    facts: { server: where },
  });
}

/** A server whose connection is there and that answers nothing. */
export function silentServer(where: string, cause: SilentServer): CairnError {
  return new CairnError('STORAGE_UNREACHABLE', `${where} keeps the connection and does not go on: ${cause.message}`, {
    hint: 'Try again; if it stays so, see what the SFTP server of that machine and its disks are doing.',
    retry: 'later',
    cause,
    facts: { server: where },
  });
}

/** The server is there and gives no session: no SFTP, or as many as it allows. */
function noSession(where: string, cause: Error): CairnError {
  return new CairnError('STORAGE_UNREACHABLE', `${where} starts no SFTP session: ${messageOf(cause)}`, {
    hint: 'The server must have the sftp subsystem (`Subsystem sftp internal-sftp` in sshd_config), and this user may use it.',
    cause,
    facts: { server: where },
  });
}
