import { mkdir, open } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import { CairnError, systemCode } from '../../base/errors.ts';
import { makeFolders } from '../../base/make-folders.ts';

// File systems that cannot fsync a directory (SMB, some FUSE) say so in these ways.
const CANNOT_SYNC = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'ENOTTY', 'EISDIR', 'EBADF']);

/** Whether `error` says that the file system has no fsync here, which no retry would change. */
export function cannotSync(error: unknown): boolean {
  return CANNOT_SYNC.has(systemCode(error) ?? '');
}

/** Makes the entries of a directory durable. */
async function fsyncFolder(folder: string): Promise<void> {
  // Windows cannot open directories for this; NTFS journals renames by itself.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    if (!cannotSync(error)) throw error;
  } finally {
    await handle.close();
  }
}

/** Shares one fsync of a folder among all who need one. */
export class FolderSync {
  readonly #fsync: (folder: string) => Promise<void>;
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();

  constructor(fsync: (folder: string) => Promise<void> = fsyncFolder) {
    this.#fsync = fsync;
  }

  /** Resolves once an fsync that began after this call has ended. */
  sync(folder: string): Promise<void> {
    const running = this.#running.get(folder);
    if (running === undefined) return this.#start(folder);
    // The running one may have begun before the caller's rename: it does not count for it.
    const waiting = this.#next.get(folder);
    if (waiting !== undefined) return waiting;
    const start = (): Promise<void> => {
      this.#next.delete(folder);
      return this.#start(folder);
    };
    const next = running.then(start, start);
    this.#next.set(folder, next);
    return next;
  }

  async #start(folder: string): Promise<void> {
    const run = this.#fsync(folder);
    this.#running.set(folder, run);
    try {
      await run;
    } finally {
      if (this.#running.get(folder) === run) this.#running.delete(folder);
    }
  }
}

/** The folders of one storage: made on demand, durably, once per process. */
export class LocalFolders {
  readonly #root: string;
  readonly #sync: FolderSync;
  readonly #durable: boolean;
  readonly #ready = new Map<string, Promise<void>>();

  constructor(root: string, options: { readonly durable: boolean; readonly sync?: FolderSync }) {
    this.#root = root;
    this.#durable = options.durable;
    this.#sync = options.sync ?? new FolderSync();
  }

  /** Makes renames and links inside `folder` durable. */
  async sync(folder: string): Promise<void> {
    if (this.#durable) await this.#sync.sync(folder);
  }

  /** Makes the root and what leads to it. */
  async createRoot(mode: number): Promise<void> {
    const first = await makeFolders(this.#root, mode);
    if (first === undefined) return;
    for (let made = this.#root; made.length >= first.length; made = dirname(made)) {
      await this.sync(dirname(made));
    }
  }

  /** Makes `folder` below the root; the root must exist. */
  ensure(folder: string, mode: number): Promise<void> {
    const ready = this.#ready.get(folder);
    if (ready !== undefined) return ready;
    const made = this.#make(folder, mode);
    this.#ready.set(folder, made);
    made.catch(() => this.#ready.delete(folder));
    return made;
  }

  /** Someone removed folders behind our back: look again. */
  forget(): void {
    this.#ready.clear();
  }

  async #make(folder: string, mode: number): Promise<void> {
    if (folder === this.#root || !folder.startsWith(this.#root)) return;
    const parent = dirname(folder);
    if (parent !== this.#root) await this.ensure(parent, mode);
    try {
      await mkdir(folder, { mode });
    } catch (error) {
      if (systemCode(error) === 'ENOENT' && parent === this.#root) throw rootMissing(this.#root, error);
      if (systemCode(error) !== 'EEXIST') throw error;
    }
    // Also when it was there: another process may have made it a moment ago and not synced it yet.
    await this.sync(parent);
  }
}

/** The error of writing to a place that was never made, or whose disk is not mounted. */
export function rootMissing(root: string, cause: unknown): CairnError {
  return new CairnError('STORAGE_UNREACHABLE', `there is no directory ${root}`, {
    hint: 'Check that the disk is mounted; a new vault is made with `cairn init`.',
    cause,
    facts: { path: root },
  });
}

/** Path of a name below `root`. */
export function pathOf(root: string, name: string): string {
  const relative = sep === '/' ? name : name.replaceAll('/', sep);
  return root.endsWith(sep) ? root + relative : root + sep + relative;
}
