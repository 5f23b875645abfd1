import { posix } from 'node:path';
import { mapConcurrent, Semaphore } from '../../../base/concurrency.ts';
import { storeChunks } from '../../chunk-source.ts';
import {
  checkObjectName,
  checkPrefix,
  countsAsStale,
  folderOf,
  isObjectName,
  isTemporaryName,
  nameOfTemporary,
} from '../../object-name.ts';
import { exists, partsOf } from '../../object-range.ts';
import type {
  ObjectInfo,
  ObjectName,
  ReadOptions,
  StaleUploadOptions,
  Storage,
  StorageFeatures,
  StorageOptions,
  WriteOptions,
  WriteStreamOptions,
  WrittenStream,
} from '../../storage.ts';
import { type SftpWrite, withSpace, writeDurably } from './sftp-durable-write.ts';
import { isNoSuchFile, sftpStatus, translateSftpError } from './sftp-errors.ts';
import { makeFolders, makeRoot, rootMissing } from './sftp-folders.ts';
import { type FoundFile, listFiles, listFilesIn } from './sftp-listing.ts';
import { describeSftpLocation, type SftpLocation } from './sftp-location.ts';
import { SftpPool } from './sftp-pool.ts';
import type { SftpSession } from './sftp-session.ts';
import { readObject } from './sftp-transfer.ts';
import { connectSsh } from './ssh-connection.ts';
import { type SshEnvironment, systemSshEnvironment } from './ssh-settings.ts';

/** restic's number. */
const CONNECTIONS = 5;

/** Removals under way at once: each is a small request, and what takes long is the way there and back. */
const REMOVALS = 64;

/** Modes of new folders and, where it is not the mode they get anyway, of files. */
interface Modes {
  readonly file: number | undefined;
  readonly folder: number;
}

// restic's over SFTP: where the group may read `config`, it may read, add and remove everything.
const privateModes: Modes = { file: undefined, folder: 0o700 };
const groupModes: Modes = { file: 0o660, folder: 0o770 };

/** Storage in a directory of an SFTP server, laid out as restic lays it out. Connects at the first use. */
export function openSftpStorage(location: SftpLocation, environment: SshEnvironment = systemSshEnvironment()): Storage {
  return new SftpStorage(location, environment);
}

class SftpStorage implements Storage {
  readonly url: string;
  readonly features: StorageFeatures;
  readonly #root: string;
  readonly #pool: SftpPool;
  readonly #transfers: Semaphore;
  /** Temporary files of writes that a lost connection ended. */
  readonly #leftovers = new Set<string>();
  #modes: Modes | undefined;

  constructor(location: SftpLocation, environment: SshEnvironment) {
    const connections = location.connections ?? CONNECTIONS;
    this.url = describeSftpLocation(location);
    this.features = { atomicWrite: true, remote: true, connections, localPath: undefined, removeBatch: REMOVALS };
    this.#root = location.path;
    // One file a session: two share its window and are slower together than one after the other.
    this.#transfers = new Semaphore(connections);
    this.#pool = new SftpPool({
      sessions: connections,
      connect: (signal) => connectSsh(location, environment, signal),
    });
  }

  async create({ signal }: StorageOptions = {}): Promise<void> {
    await this.#run('make', '', signal, async (session) =>
      makeRoot(session, this.#root, (await this.#loadModes(session, signal)).folder, signal),
    );
  }

  async *list(prefix: string, { signal }: StorageOptions = {}): AsyncGenerator<ObjectInfo> {
    checkPrefix(prefix);
    signal?.throwIfAborted();
    try {
      for await (const { name, sizeBytes } of listFiles(this.#pool, this.#root, prefix, signal)) {
        if (isObjectName(name)) yield { name, sizeBytes };
      }
    } catch (error) {
      throw translateSftpError(error, { action: 'list', name: prefix, path: this.#path(prefix) });
    }
  }

  async stat(name: ObjectName, { signal }: StorageOptions = {}): Promise<ObjectInfo | undefined> {
    checkObjectName(name);
    return this.#run('look at', name, signal, async (session) => {
      try {
        const status = await session.stat(this.#path(name), signal);
        return status.isFile() ? { name, sizeBytes: status.size } : undefined;
      } catch (error) {
        if (isNoSuchFile(error)) return undefined;
        throw error;
      }
    });
  }

  async writtenAt(name: ObjectName, { signal }: StorageOptions = {}): Promise<number | undefined> {
    checkObjectName(name);
    return this.#run('look at', name, signal, async (session) => {
      try {
        return (await session.stat(this.#path(name), signal)).mtime * 1000;
      } catch (error) {
        if (isNoSuchFile(error)) return undefined;
        throw error;
      }
    });
  }

  async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    checkObjectName(name);
    const { signal } = options;
    using _place = await this.#transfers.acquire(signal);
    return this.#run('read', name, signal, async (session) => {
      const handle = await session.openFile(this.#path(name), 'r', signal);
      try {
        return await readObject(session, handle, name, options);
      } finally {
        session.closeQuietly(handle);
      }
    });
  }

  async write(name: ObjectName, data: Uint8Array | readonly Uint8Array[], options: WriteOptions = {}): Promise<void> {
    checkObjectName(name);
    using _place = await this.#transfers.acquire(options.signal);
    await this.#store(name, partsOf(data), options, () => true);
  }

  /** Takes no place of a transfer: its source may read from the same storage, and must not wait for itself. */
  async writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options: WriteStreamOptions = {},
  ): Promise<WrittenStream> {
    checkObjectName(name);
    const { ifAbsent, signal } = options;
    // Found out at the end for certain; but hours may have passed by then.
    if (ifAbsent === true && (await this.stat(name, { signal })) !== undefined) throw exists(name);
    return storeChunks(chunks, signal, (source) => this.#store(name, source, options, () => !source.isStarted));
  }

  async remove(name: ObjectName, { signal }: StorageOptions = {}): Promise<void> {
    checkObjectName(name);
    await this.#removeFile(name, signal);
  }

  async removeMany(names: readonly ObjectName[], { signal }: StorageOptions = {}): Promise<void> {
    for (const name of names) checkObjectName(name);
    signal?.throwIfAborted();
    await mapConcurrent(names, { limit: REMOVALS, signal }, (name) => this.remove(name, { signal }));
  }

  async abortStaleUploads(olderThanMs: number, options: StaleUploadOptions = {}): Promise<number> {
    const before = Date.now() - olderThanMs;
    let removed = 0;
    for await (const { name, mtimeMs } of this.#filesOf(options)) {
      if (!isTemporaryName(name) || mtimeMs > before || !countsAsStale(nameOfTemporary(name), options)) continue;
      if (options.dryRun !== true) await this.#removeFile(name, options.signal);
      removed++;
    }
    return removed;
  }

  /** The files below the folders, and those beside the objects. */
  async *#filesOf({ folders = [''], objects = [], signal }: StaleUploadOptions): AsyncGenerator<FoundFile> {
    for (const folder of folders) yield* listFiles(this.#pool, this.#root, folder, signal);
    for (const folder of new Set(objects.map(folderOf)))
      yield* await listFilesIn(this.#pool, this.#root, folder, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const session = this.#pool.idle();
    if (session !== undefined) await this.#removeLeftovers(session);
    await this.#pool[Symbol.asyncDispose]();
  }

  #path(name: string): string {
    return posix.join(this.#root, name);
  }

  /** Folders are made when they turn out to be missing, while the data can still be written from its start: looking each time would cost a round trip. */
  async #store(
    name: ObjectName,
    parts: SftpWrite['parts'],
    options: WriteOptions,
    canStartAgain: () => boolean,
  ): Promise<void> {
    const { signal } = options;
    await this.#run('write', name, signal, async (session) => {
      await this.#removeLeftovers(session);
      const modes = await this.#loadModes(session, signal);
      try {
        await this.#write(session, name, parts, modes, options);
      } catch (error) {
        if (!isNoSuchFile(error) || !canStartAgain()) throw error;
        await makeFolders(session, this.#root, name, modes.folder, signal);
        await this.#write(session, name, parts, modes, options).catch((again: unknown) => {
          throw isNoSuchFile(again) ? rootMissing(this.#root, again) : again;
        });
      }
    });
  }

  async #write(
    session: SftpSession,
    name: ObjectName,
    parts: SftpWrite['parts'],
    modes: Modes,
    { ifAbsent = false, signal }: WriteOptions,
  ): Promise<void> {
    await writeDurably(session, {
      path: this.#path(name),
      name,
      parts,
      mode: modes.file,
      ifAbsent,
      onLeftover: (path) => this.#leftovers.add(path),
      signal,
    });
  }

  /** Runs `work` in a session and says in our words what the server refuses. */
  async #run<T>(
    action: string,
    name: string,
    signal: AbortSignal | undefined,
    work: (session: SftpSession) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    return this.#pool.use(signal, async (session) => {
      try {
        return await work(session);
      } catch (error) {
        const changes = action === 'write' || action === 'make';
        const explained = changes ? await withSpace(session, error, this.#path('config')) : error;
        throw translateSftpError(explained, { action, name, path: this.#path(name) });
      }
    });
  }

  async #removeFile(name: string, signal: AbortSignal | undefined): Promise<void> {
    await this.#run('remove', name, signal, async (session) => {
      try {
        await session.remove(this.#path(name), signal);
      } catch (error) {
        if (isNoSuchFile(error)) return;
        // A folder cannot be removed this way, and is no object.
        const status = sftpStatus(error) === undefined ? undefined : await session.stat(this.#path(name), signal);
        if (status?.isDirectory() !== true) throw error;
      }
    });
  }

  async #loadModes(session: SftpSession, signal: AbortSignal | undefined): Promise<Modes> {
    if (this.#modes !== undefined) return this.#modes;
    try {
      const { mode } = await session.stat(this.#path('config'), signal);
      this.#modes = (mode & 0o040) === 0 ? privateModes : groupModes;
      return this.#modes;
    } catch (error) {
      if (sftpStatus(error) === undefined) throw error;
      // Not there yet, so not decided yet; a root that cannot be read fails with the write itself.
      return privateModes;
    }
  }

  async #removeLeftovers(session: SftpSession): Promise<void> {
    for (const path of this.#leftovers) {
      this.#leftovers.delete(path);
      try {
        await session.remove(path, AbortSignal.timeout(10_000));
      } catch {
        // It is ignored by `list`, and one try is enough.
      }
    }
  }
}
