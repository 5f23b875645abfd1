import { CairnError } from '../../base/errors.ts';
import type { Job } from '../../base/job.ts';
import type { Catalog } from '../../catalog/catalog.ts';
import type { CatalogRow } from '../../catalog/catalog-backup.ts';
import type { CatalogFilter } from '../../catalog/find-rows.ts';
import type { CatalogSyncResult } from '../../catalog/merge-vault.ts';
import type { QueryTable, QueryValue } from '../../catalog/query/query-message.ts';
import type { QueryOptions, QueryProcess } from '../../catalog/query/query-process.ts';
import type { CatalogProof } from '../../catalog/run-rows.ts';
import type { ActionContext } from '../actions/backup-action.ts';
import type { VaultRecorder } from './vault-recorder.ts';

interface SignalOptions {
  readonly signal?: AbortSignal | undefined;
}

type StartJob = <R>(options: SignalOptions, run: (context: ActionContext) => Promise<R>) => Job<R>;

/** A row of a query: the value of each column by its name. */
export type QueryRow = Readonly<Record<string, QueryValue>>;

/**
 * The catalog of this machine, seen from one vault: what it knows of this vault and all others. Everything waits until
 * what this vault did before is recorded. Got from `vault.catalog`.
 *
 * ```ts
 * const rows = await vault.catalog.query('select name, stored_bytes from live_backups where form = ?', ['archive']);
 * ```
 */
export class VaultCatalog implements AsyncDisposable {
  readonly #recorder: VaultRecorder;
  readonly #start: StartJob;
  #queries: QueryProcess | undefined;

  constructor(recorder: VaultRecorder, start: StartJob) {
    this.#recorder = recorder;
    this.#start = start;
  }

  /** The SQLite file. */
  get file(): string {
    return this.#recorder.file;
  }

  /** Runs one reading SQL statement. Rejects with `QUERY_INVALID`, `QUERY_LIMIT`, `CATALOG_…`. */
  async query<Row extends QueryRow = QueryRow>(
    sql: string,
    parameters: readonly QueryValue[] = [],
    options: QueryOptions = {},
  ): Promise<Row[]> {
    const { columns, rows } = await this.queryTable(sql, parameters, options);
    // SAFETY: what the columns are is for the caller to know, who wrote the query.
    return rows.map((row) => Object.fromEntries(columns.map((column, at) => [column, row[at]])) as Row);
  }

  /** The same as columns and rows, which keeps columns of the same name apart. */
  async queryTable(
    sql: string,
    parameters: readonly QueryValue[] = [],
    options: QueryOptions = {},
  ): Promise<QueryTable> {
    await this.#ready(options);
    const { QueryProcess } = await import('../../catalog/query/query-process.ts');
    this.#queries ??= new QueryProcess(this.file);
    return this.#queries.run(sql, parameters, options);
  }

  /** Rows of this vault, or of all with `vault: 'any'`, oldest first unless the filter says otherwise. */
  async find(filter: CatalogFilter & SignalOptions = {}): Promise<CatalogRow[]> {
    await this.#ready(filter);
    return (await this.#recorder.writer()).withCatalog((catalog) => catalog.find(this.#ofVault(filter)));
  }

  /** Rows of this vault whose name, id or beginning of an id is `reference`, newest first. */
  async match(
    reference: string,
    filter: Pick<CatalogFilter, 'vault' | 'includeDeleted'> & SignalOptions = {},
  ): Promise<CatalogRow[]> {
    await this.#ready(filter);
    return (await this.#recorder.writer()).withCatalog((catalog) => catalog.match(reference, this.#ofVault(filter)));
  }

  /** Learns what other machines, or this one without the catalog, did to the vault. What is gone stays as a marked row. */
  sync(options: SignalOptions = {}): Job<CatalogSyncResult> {
    return this.#start(options, (context) => this.#sync(context, 'unknown'));
  }

  /**
   * Reads every backup again, so that the rows of this vault are what they would be in a new catalog. A damaged file is
   * set aside. Runs, proofs, settings, the history, and rows of other vaults stay as they are.
   */
  rebuild(options: SignalOptions = {}): Job<CatalogSyncResult> {
    return this.#start(options, (context) => this.#sync(context, 'all'));
  }

  /** Keeps the result of a proof of a backup of this vault. */
  async recordProof(proof: Omit<CatalogProof, 'vault'>): Promise<void> {
    await this.#changed((catalog) => catalog.recordProof({ ...proof, vault: this.#recorder.vault.id }));
  }

  /** A setting that an application keeps beside its backups; `undefined` where there is none. */
  async getSetting(key: string): Promise<unknown> {
    return this.#changed((catalog) => catalog.getSetting(key));
  }

  /** `value` is anything that JSON can hold. */
  async setSetting(key: string, value: unknown): Promise<void> {
    await this.#changed((catalog) => catalog.setSetting(key, value));
  }

  /** The whole catalog, one JSON document a line. */
  async *exportJsonl(): AsyncGenerator<string, void, undefined> {
    const { exportLines } = await import('../../catalog/catalog-lines.ts');
    yield* await this.#changed((catalog) => [...exportLines(catalog)]);
  }

  /** Takes over what another catalog exported; of two versions of a row the newer one stays. */
  async importJsonl(lines: AsyncIterable<string> | Iterable<string>): Promise<CatalogSyncResult> {
    const { importLines } = await import('../../catalog/catalog-lines.ts');
    const all = await Array.fromAsync(lines);
    return this.#changed((catalog) => importLines(catalog, all));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queries?.[Symbol.asyncDispose]();
  }

  /** A catalog that never saw this vault, as on a new machine, sees it before it is asked. */
  async #ready({ signal }: SignalOptions): Promise<void> {
    const { id } = this.#recorder.vault;
    const isSynced = (await this.#recorder.writer()).withCatalog((catalog) =>
      catalog.vaults().some((vault) => vault.id === id && vault.syncedAt !== null),
    );
    if (!isSynced) await this.sync({ signal });
  }

  async #sync(context: ActionContext, read: 'all' | 'unknown'): Promise<CatalogSyncResult> {
    const { syncCatalog } = await import('./sync-catalog.ts');
    return syncCatalog(context, this.#recorder, { read });
  }

  async #changed<T>(work: (catalog: Catalog) => T): Promise<T> {
    const writer = await this.#recorder.writer();
    writer.apply([]);
    return writer.withCatalog(work);
  }

  #ofVault<F extends Pick<CatalogFilter, 'vault'>>(filter: F): F {
    return filter.vault === undefined
      ? { ...filter, vault: this.#recorder.vault.id }
      : { ...filter, vault: filter.vault === 'any' ? undefined : filter.vault };
  }
}

export function noCatalog(): CairnError {
  return new CairnError('NOT_SUPPORTED', 'this vault was opened without a catalog', {
    hint: 'Open it without `catalog: false` (--no-catalog).',
  });
}
