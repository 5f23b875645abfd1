// A shelf as retention sees it: which backups of a form are there, and how they are removed.
import type { ActionContext } from '../actions/backup-action.ts';
import type { BackupRecord } from '../reference/backup-record.ts';
import { archiveShelf } from './archive-shelf.ts';
import { snapshotShelf } from './snapshot-shelf.ts';
import { valueShelf } from './value-shelf.ts';

export interface BackupShelf {
  /** The ids of all that are there. */
  listIds(): Promise<ReadonlySet<string>>;
  /**
   * Removes these. One that cannot be removed does not keep the others. The caller holds the exclusive lock. `onRemoved`
   * gets the ids of all that are gone so far, which is what holds where this is stopped half way.
   */
  remove(backups: readonly BackupRecord[], onRemoved: (removed: readonly string[]) => void): Promise<ShelfRemoval>;
  /** Ends removals that were stopped half way. */
  settle?(): Promise<void>;
}

/** Forms whose removal takes several steps, so that a run that was stopped can leave it half done. */
export const settledForms: readonly BackupForm[] = ['archive', 'value'];

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
    case 'value':
      return valueShelf(context);
    default:
      return form satisfies never;
  }
}
