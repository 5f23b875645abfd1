import type { StorageSchemes } from '../storage/open-storage.ts';
import type { SourceFactories } from './actions/registered-source.ts';
import type { VaultListeners } from './vault-listeners.ts';

/** What a program adds to the vaults it opens; `loadExtensions` makes it of plugins and hooks. */
export interface VaultExtensions {
  /** Storages by the scheme of their URL. */
  readonly storages?: StorageSchemes | undefined;
  /** Sources by their type. */
  readonly sources?: SourceFactories | undefined;
  /** Listeners to the events of all vaults. */
  readonly listeners?: VaultListeners | undefined;
}
