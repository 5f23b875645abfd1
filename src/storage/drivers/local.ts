import { chmod, type FileHandle, open, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { hasCode, systemCode } from '../../base/errors.ts';
import { storeChunks } from '../chunk-source.ts';
import { checkObjectName, checkPrefix } from '../object-name.ts';
import { missing, partsOf, resolveRange, truncated } from '../object-range.ts';
import { removeEach } from '../remove-each.ts';
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
} from '../storage.ts';
import { type DurableWrite, writeFileDurably } from './durable-write.ts';
import { translateLocalError, translating } from './local-errors.ts';
import { LocalFolders, pathOf, rootMissing } from './local-folders.ts';
import { listObjects, removeTemporaries } from './local-listing.ts';

// Reads above 2 GiB fail in one call.
const LARGEST_READ = 2 ** 30;

/** Modes of new files and directories. */
interface Modes {
  readonly file: number;
  readonly folder: number;
}

const privateModes: Modes = { file: 0o400, folder: 0o700 };
// restic's local driver: where the group may read `config`, it may read and add everything (the umask applies to directories).
const groupModes: Modes = { file: 0o440, folder: 0o770 };

export interface LocalStorageOptions {
  /** False skips every fsync: for caches, whose content can be fetched again. */
  readonly durable?: boolean;
}

/** Storage in the directory `path` of this machine, laid out as restic lays it out. */
export function openLocalStorage(path: string, options: LocalStorageOptions = {}): Storage {
  return new LocalStorage(resolve(path), options.durable ?? true);
}

class LocalStorage implements Storage {
  readonly url: string;
  readonly features: StorageFeatures;
  readonly #root: string;
  readonly #durable: boolean;
  readonly #folders: LocalFolders;
  #modes: Modes | undefined;

  constructor(root: string, durable: boolean) {
    this.url = root;
    this.features = { atomicWrite: true, remote: false, connections: 2, localPath: root };
    this.#root = root;
    this.#durable = durable;
    this.#folders = new LocalFolders(root, { durable });
  }

  async create({ signal }: StorageOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    await translating('make', this.#root, async () => this.#folders.createRoot((await this.#loadModes()).folder));
  }

  async *list(prefix: string, { signal }: StorageOptions = {}): AsyncGenerator<ObjectInfo> {
    checkPrefix(prefix);
    try {
      for await (const { name, sizeBytes } of listObjects(this.#root, prefix, signal)) yield { name, sizeBytes };
    } catch (error) {
      throw translateLocalError(error, 'list', pathOf(this.#root, prefix));
    }
  }

  async stat(name: ObjectName, { signal }: StorageOptions = {}): Promise<ObjectInfo | undefined> {
    checkObjectName(name);
    signal?.throwIfAborted();
    const path = pathOf(this.#root, name);
    try {
      const status = await translating('look at', path, () => stat(path));
      return status.isFile() ? { name, sizeBytes: status.size } : undefined;
    } catch (error) {
      if (hasCode(error, 'OBJECT_MISSING')) return undefined;
      throw error;
    }
  }

  async writtenAt(name: ObjectName, { signal }: StorageOptions = {}): Promise<number | undefined> {
    checkObjectName(name);
    signal?.throwIfAborted();
    const path = pathOf(this.#root, name);
    try {
      return (await translating('look at', path, () => stat(path))).mtimeMs;
    } catch (error) {
      if (hasCode(error, 'OBJECT_MISSING')) return undefined;
      throw error;
    }
  }

  async read(name: ObjectName, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    checkObjectName(name);
    options.signal?.throwIfAborted();
    const path = pathOf(this.#root, name);
    return translating('read', path, async () => {
      const handle = await open(path, 'r');
      try {
        return await readRange(handle, name, options);
      } finally {
        await handle.close();
      }
    });
  }

  async write(name: ObjectName, data: Uint8Array | readonly Uint8Array[], options: WriteOptions = {}): Promise<void> {
    checkObjectName(name);
    options.signal?.throwIfAborted();
    await this.#store(name, partsOf(data), options, () => true);
  }

  async writeStream(
    name: ObjectName,
    chunks: AsyncIterable<Uint8Array>,
    options: WriteStreamOptions = {},
  ): Promise<WrittenStream> {
    checkObjectName(name);
    options.signal?.throwIfAborted();
    return storeChunks(chunks, options.signal, (source) => this.#store(name, source, options, () => !source.isStarted));
  }

  async remove(name: ObjectName, { signal }: StorageOptions = {}): Promise<void> {
    checkObjectName(name);
    signal?.throwIfAborted();
    const path = pathOf(this.#root, name);
    try {
      await translating('remove', path, () => unlinkReadOnly(path));
    } catch (error) {
      if (!hasCode(error, 'OBJECT_MISSING')) throw error;
    }
  }

  removeMany(names: readonly ObjectName[], options?: StorageOptions): Promise<void> {
    return removeEach(this, names, options);
  }

  abortStaleUploads(olderThanMs: number, options: StaleUploadOptions = {}): Promise<number> {
    const remove = (): Promise<number> => removeTemporaries(this.#root, olderThanMs, options);
    return translating('remove temporary files in', this.#root, remove);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Makes a folder that we made or saw earlier and that is gone again, once, while the data can still be written from its start. */
  async #store(
    name: ObjectName,
    parts: DurableWrite['parts'],
    options: WriteOptions,
    canStartAgain: () => boolean,
  ): Promise<void> {
    const path = pathOf(this.#root, name);
    await translating('write', path, async () => {
      try {
        await this.#write(name, path, parts, options);
      } catch (error) {
        if (systemCode(error) !== 'ENOENT' || !canStartAgain()) throw error;
        this.#folders.forget();
        await this.#write(name, path, parts, options).catch((again: unknown) => {
          throw systemCode(again) === 'ENOENT' ? rootMissing(this.#root, again) : again;
        });
      }
    });
  }

  async #write(
    name: ObjectName,
    path: string,
    parts: DurableWrite['parts'],
    { ifAbsent = false, signal }: WriteOptions,
  ): Promise<void> {
    const modes = await this.#loadModes();
    const folder = dirname(path);
    await this.#folders.ensure(folder, modes.folder);
    await writeFileDurably({
      path,
      name,
      parts,
      mode: modes.file,
      ifAbsent,
      durable: this.#durable,
      syncFolder: () => this.#folders.sync(folder),
      signal,
    });
  }

  async #loadModes(): Promise<Modes> {
    if (this.#modes !== undefined) return this.#modes;
    try {
      const { mode } = await stat(join(this.#root, 'config'));
      this.#modes = (mode & 0o040) === 0 ? privateModes : groupModes;
      return this.#modes;
    } catch {
      // Not there yet, so not decided yet; a root that cannot be read fails with the write itself.
      return privateModes;
    }
  }
}

async function readRange(handle: FileHandle, name: ObjectName, options: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
  const status = await handle.stat();
  if (!status.isFile()) throw missing(name);
  const range = resolveRange(name, status.size, options);
  // Not from Node's pool, so that the caller may transfer it; not zeroed, because it is filled or dropped.
  const bytes = Buffer.allocUnsafeSlow(range.length);
  let filled = 0;
  while (filled < range.length) {
    options.signal?.throwIfAborted();
    const wanted = Math.min(range.length - filled, LARGEST_READ);
    const { bytesRead } = await handle.read(bytes, filled, wanted, range.offset + filled);
    if (bytesRead === 0) throw truncated(name, range.offset + filled, range);
    filled += bytesRead;
  }
  return bytes;
}

async function unlinkReadOnly(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    // Windows does not remove files marked read-only.
    if (systemCode(error) !== 'EPERM' || process.platform !== 'win32') throw error;
    await chmod(path, 0o600);
    await unlink(path);
  }
}
