// The backups of one name belong together, of one host and one form: an archive for the cupboard does not stand in for
// the snapshot of that day, and one machine's backup does not stand in for another's.
//
// A name that nobody gave is the last component of the path, and `/home/ann/documents` and `/srv/documents` have the
// same. A name that was given binds backups together wherever their files lay, such as dumps in temporary folders.
import { CairnArgumentError } from '../base/errors.ts';
import type { GroupKey } from './group-snapshots.ts';

export const nameGroupFields = ['host', 'paths'] as const;
export type NameGroupField = (typeof nameGroupFields)[number];

export interface NamedBackup {
  readonly form: string;
  readonly name: string;
  readonly host: string;
  readonly paths: readonly string[];
}

export interface NameGroup<B> {
  readonly key: GroupKey;
  readonly backups: readonly B[];
}

/** Parses `host,paths`, one of them, or nothing: then a name is all that binds. Throws `ARGUMENT_INVALID`. */
export function parseNameGroups(text: string): readonly NameGroupField[] {
  const words = text.split(',').map((word) => word.trim());
  return words.filter(Boolean).map((word) => {
    const field = nameGroupFields.find((name) => name === word || name === `${word}s`);
    if (field !== undefined) return field;
    throw new CairnArgumentError(`backups of one name cannot be told apart by ${JSON.stringify(word)}`, {
      hint: "Write host, paths or host,paths; '' for all of one name.",
    });
  });
}

/** Groups in the order of their names. `paths` tells apart only backups whose name was taken from their path. */
export function groupByName<B extends NamedBackup>(
  backups: readonly B[],
  fields: readonly NameGroupField[],
): NameGroup<B>[] {
  const groups = new Map<string, { readonly key: GroupKey; readonly backups: B[] }>();
  for (const backup of backups) {
    const key = keyOf(backup, fields);
    const text = JSON.stringify([key.name, key.host ?? null, key.form, key.paths ?? null]);
    const group = groups.get(text) ?? { key, backups: [] };
    groups.set(text, group);
    group.backups.push(backup);
  }
  return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

function keyOf({ form, name, host, paths }: NamedBackup, fields: readonly NameGroupField[]): GroupKey {
  const isNamedByPath = paths.length === 1 && lastComponent(paths[0] ?? '') === name;
  return {
    name,
    form,
    ...(fields.includes('host') ? { host } : {}),
    ...(fields.includes('paths') && isNamedByPath ? { paths } : {}),
  };
}

function lastComponent(path: string): string | undefined {
  return path.split(/[/\\]/).findLast((part) => part !== '');
}
