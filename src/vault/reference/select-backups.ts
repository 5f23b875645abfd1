// Chooses the backups of every form that an action on several of them is meant for.
import type { StoredArchive } from '../../archives/shelf/read-shelf.ts';
import { loadShelf, type StoredVersion } from '../../values/value-shelf.ts';
import { valuesContext } from '../values/values-context.ts';
import { listValueBackups } from '../values/value-backup.ts';
import type { LookContext } from '../look/look-inside.ts';
import type { BackupRecord } from './backup-record.ts';
import { archiveMatcher, chooseArchive, readArchives } from './choose-backup.ts';
import { chooseValue } from './choose-value.ts';
import type { BackupSelection } from './select-snapshots.ts';

export interface SelectedBackups {
  readonly archives: readonly StoredArchive[];
  /** All versions of the keys that match; of a key or version that is named, what that means. Oldest first. */
  readonly values: readonly StoredVersion[];
  /** What is left to choose snapshots by; `undefined` where none can be meant. */
  readonly snapshots: BackupSelection | undefined;
}

/** Chooses archives and values; snapshots are chosen under a lock. Throws `REF_AMBIGUOUS`, and `REF_UNKNOWN` where it knows. */
export async function selectBackups(
  context: LookContext,
  selection: BackupSelection,
  forms: ReadonlySet<BackupRecord['form']>,
): Promise<SelectedBackups> {
  const { references = [] } = selection;
  if (references.length > 0) return selectNamed(context, { ...selection, references }, forms);
  return {
    archives: forms.has('archive') ? await matchingArchives(context, selection) : [],
    values: forms.has('value') ? await matchingValues(context, selection) : [],
    snapshots: forms.has('snapshot') ? selection : undefined,
  };
}

async function selectNamed(
  context: LookContext,
  { references, filter = {} }: BackupSelection & { readonly references: readonly string[] },
  forms: ReadonlySet<BackupRecord['form']>,
): Promise<SelectedBackups> {
  const archives = new Map<string, StoredArchive>();
  const values = new Map<string, StoredVersion>();
  const others: string[] = [];
  const matchers = [filter].flat().map(archiveMatcher);
  for (const reference of references) {
    const value = forms.has('value') ? await chooseValue(context, reference, {}) : undefined;
    const archive =
      value === undefined && forms.has('archive') ? await chooseArchive(context, reference, {}) : undefined;
    if (value !== undefined) value.versions.forEach((version) => values.set(version.object, version));
    else if (archive !== undefined && matchers.some((isMatch) => isMatch(archive)))
      archives.set(archive.object, archive);
    else others.push(reference);
  }
  const snapshots = others.length === 0 ? undefined : { references: others, filter };
  return { archives: [...archives.values()], values: [...values.values()].toReversed(), snapshots };
}

async function matchingArchives(context: LookContext, { filter = {} }: BackupSelection): Promise<StoredArchive[]> {
  const matchers = [filter].flat().map(archiveMatcher);
  return (await readArchives(context)).filter((archive) => matchers.some((isMatch) => isMatch(archive)));
}

async function matchingValues(
  { repository, settings, signal }: LookContext,
  { filter = {} }: BackupSelection,
): Promise<StoredVersion[]> {
  const context = valuesContext(repository, settings);
  const names = new Set<string>();
  for (const one of [filter].flat()) {
    for (const { name } of await listValueBackups(context, one, { signal })) names.add(name);
  }
  const { keys } = await loadShelf(context, { signal });
  return keys.filter(({ key }) => names.has(key)).flatMap(({ versions }) => versions.toReversed());
}
