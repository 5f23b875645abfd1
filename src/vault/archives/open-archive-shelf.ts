// A vault's shelf of archives without its repository: a machine that has the storage and public keys, and no password, can add
// backups that it cannot read.
import { readShelf } from '../../archives/shelf/read-shelf.ts';
import { CairnError } from '../../base/errors.ts';
import { Job } from '../../base/job.ts';
import { CONFIG_NAME } from '../../repository/layout.ts';
import type { Storage } from '../../storage/storage.ts';
import type { BackupSource } from '../actions/backup-source.ts';
import type { VaultPlace } from '../open-vault.ts';
import { type ArchiveBackup, archiveRecord } from '../reference/backup-record.ts';
import type { StorageSettings } from '../storage-settings.ts';
import { openStorageStack } from '../storage-stack.ts';
import type { VaultNotice } from '../vault-options.ts';
import type { ArchiveOptions, ArchiveResult } from './archive-action.ts';

export interface OpenArchiveShelfOptions {
  readonly storage?: StorageSettings | undefined;
  readonly jobs?: number | undefined;
  readonly onNotice?: ((notice: VaultNotice) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens the archives of a vault without its password: they can be added, encrypted to public keys, and listed. Throws
 * `VAULT_MISSING` where there is no vault, and what the storage throws.
 *
 * ```ts
 * await using shelf = await openArchiveShelf('s3://backups/prod');
 * await shelf.archive('/srv/data', { recipients: ['age1…'] });
 * ```
 */
export async function openArchiveShelf(
  place: VaultPlace,
  options: OpenArchiveShelfOptions = {},
): Promise<ArchiveShelf> {
  const notify = options.onNotice ?? ((): void => {});
  const { storage } = await openStorageStack(place, options.storage ?? {}, notify, { signal: options.signal });
  try {
    if ((await storage.stat(CONFIG_NAME, { signal: options.signal })) !== undefined)
      return new ArchiveShelf(storage, options);
    throw new CairnError('VAULT_MISSING', `there is no vault at ${storage.url}`, {
      hint: 'Make one with `cairn init`, or check the address: a vault has a file named `config` at its root.',
      facts: { url: storage.url },
    });
  } catch (error) {
    await storage[Symbol.asyncDispose]();
    throw error;
  }
}

export class ArchiveShelf implements AsyncDisposable {
  readonly #storage: Storage;
  readonly #options: OpenArchiveShelfOptions;

  /** Made by `openArchiveShelf`. */
  constructor(storage: Storage, options: OpenArchiveShelfOptions) {
    this.#storage = storage;
    this.#options = options;
  }

  get url(): string {
    return this.#storage.url;
  }

  /** As `vault.archive`; recipients or a password have to be given, or `encrypt: false`. */
  archive(source: BackupSource, options: ArchiveOptions): Job<ArchiveResult> {
    const { jobs, onNotice } = this.#options;
    return new Job<ArchiveResult>(
      async (job) => {
        const { runArchive } = await import('./archive-action.ts');
        const notify = onNotice ?? ((): void => {});
        return runArchive(
          {
            storage: this.#storage,
            password: undefined,
            jobs,
            notify,
            signal: job.signal,
            report: (progress) => job.report(progress),
          },
          source,
          options,
        );
      },
      options.signal === undefined ? {} : { signal: options.signal },
    );
  }

  /** All archives, oldest first. */
  async *list(
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<ArchiveBackup, void, undefined> {
    const onWarning = (message: string): void => this.#options.onNotice?.({ level: 'warning', message });
    for (const archive of await readShelf(this.#storage, { signal: options.signal, onWarning })) {
      yield archiveRecord(archive);
    }
  }

  close(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#storage[Symbol.asyncDispose]();
  }
}
