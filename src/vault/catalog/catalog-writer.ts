// The open catalog of a vault. Loaded with the first thing that is to be recorded or asked.
import { hasCode, type KnownError } from '../../base/errors.ts';
import { Catalog, type CatalogChanges, type CatalogVault } from '../../catalog/catalog.ts';
import { setAside } from '../../catalog/open-database.ts';
import type { VaultNotice } from '../vault-options.ts';

export interface CatalogWriterOptions {
  readonly file: string;
  readonly vault: CatalogVault;
  readonly notify: (notice: VaultNotice) => void;
}

/** Opens the catalog when it is needed, and where it turns out to be damaged, begins a new one. */
export class CatalogWriter implements Disposable {
  readonly #options: CatalogWriterOptions;
  #catalog: Catalog | undefined;

  constructor(options: CatalogWriterOptions) {
    this.#options = options;
  }

  /** All changes as one. Throws `CATALOG_UNAVAILABLE` or `CATALOG_UNSUPPORTED`. */
  apply(changes: readonly ((changes: CatalogChanges) => void)[]): void {
    this.withCatalog((catalog) =>
      catalog.transaction((transaction) => {
        transaction.putVault(this.#options.vault);
        for (const change of changes) change(transaction);
      }),
    );
  }

  /** Works with the open catalog; where that turns out to be damaged, once more with a new one. */
  withCatalog<T>(work: (catalog: Catalog) => T): T {
    try {
      return work(this.#open());
    } catch (error) {
      if (!hasCode(error, 'CATALOG_DAMAGED')) throw error;
      this.#setAside(error);
      return work(this.#open());
    }
  }

  [Symbol.dispose](): void {
    this.#catalog?.[Symbol.dispose]();
    this.#catalog = undefined;
  }

  #open(): Catalog {
    this.#catalog ??= Catalog.open(this.#options.file);
    return this.#catalog;
  }

  #setAside(damaged: KnownError): void {
    this[Symbol.dispose]();
    const aside = setAside(this.#options.file, damaged, new Date());
    if (aside === undefined) return;
    this.#options.notify({
      level: 'warning',
      message: `the catalog was damaged and is set aside as ${aside}; a new one is begun, and \`cairn catalog sync\` fills it from the vault`,
    });
  }
}
