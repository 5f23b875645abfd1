// Where backups of a form lie, as far as retention needs to know it: which are there, and how they go.
import type { ActionContext } from '../actions/backup-action.ts';
import type { BackupRecord } from '../reference/backup-record.ts';
import { archiveShelf } from './archive-shelf.ts';
import { snapshotShelf } from './snapshot-shelf.ts';

export interface BackupShelf {
  /** The ids of all that are there. */
  listIds(): Promise<ReadonlySet<string>>;
  /** Removes these. One that cannot be removed does not keep the others. The caller holds the exclusive lock. */
  remove(backups: readonly BackupRecord[], onRemoved: (count: number) => void): Promise<ShelfRemoval>;
}

export interface ShelfRemoval {
  readonly removed: readonly string[];
  /** Those that are still there, or may be. */
  readonly failed: readonly { readonly id: string; readonly error: unknown }[];
}

export type ShelfContext = Pick<ActionContext, 'repository' | 'settings' | 'signal'>;

export type BackupForm = BackupRecord['form'];

/** One case for each form there is. */
export function shelfOf(form: BackupForm, context: ShelfContext): BackupShelf {
  switch (form) {
    case 'snapshot':
      return snapshotShelf(context);
    case 'archive':
      return archiveShelf(context);
    default:
      return form satisfies never;
  }
}
