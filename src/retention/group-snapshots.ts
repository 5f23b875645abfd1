// Backups of one source belong together: a policy is applied to each group by itself (restic's `--group-by`).
import { CairnArgumentError } from '../base/errors.ts';
import { PARTIAL_TAG } from '../formats/snapshot/partial-tag.ts';

export const groupFields = ['host', 'paths', 'tags'] as const;
export type GroupField = (typeof groupFields)[number];

/** What the backups of a group have in common; `undefined` where that was not asked for. */
export interface GroupKey {
  /** Where backups are grouped by name, as `rotate` does it. */
  readonly name?: string;
  readonly form?: string;
  readonly host?: string;
  /** Sorted: their order means nothing. */
  readonly paths?: readonly string[];
  readonly tags?: readonly string[];
}

export interface SnapshotGroup<S> {
  readonly key: GroupKey;
  readonly records: readonly S[];
}

export interface GroupedSnapshot {
  readonly snapshot: {
    readonly hostname: string;
    readonly paths: readonly string[];
    readonly tags: readonly string[];
  };
}

/** Parses `host,paths`, `tags` or nothing at all, which makes one group. Throws `ARGUMENT_INVALID`. */
export function parseGroupBy(text: string): readonly GroupField[] {
  const words = text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  return words.map((word) => {
    // restic takes the singular as well.
    const field = groupFields.find((name) => name === word || name === `${word}s`);
    if (field === undefined)
      throw new CairnArgumentError(`backups cannot be grouped by ${JSON.stringify(word)}`, {
        hint: `Write ${groupFields.join(', ')}, several with commas, or '' for one group.`,
      });
    return field;
  });
}

/** Groups in the order of their keys; the backups of each keep their order. */
export function groupSnapshots<S extends GroupedSnapshot>(
  records: readonly S[],
  fields: readonly GroupField[],
): SnapshotGroup<S>[] {
  const groups = new Map<string, { readonly key: GroupKey; readonly records: S[] }>();
  for (const record of records) {
    const key = keyOf(record, fields);
    const text = JSON.stringify([key.host ?? null, key.paths ?? null, key.tags ?? null]);
    const group = groups.get(text) ?? { key, records: [] };
    groups.set(text, group);
    group.records.push(record);
  }
  return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

function keyOf({ snapshot }: GroupedSnapshot, fields: readonly GroupField[]): GroupKey {
  return {
    ...(fields.includes('host') ? { host: snapshot.hostname } : {}),
    ...(fields.includes('paths') ? { paths: snapshot.paths.toSorted() } : {}),
    // A backup that is not whole belongs to the history that it lacks something of.
    ...(fields.includes('tags') ? { tags: snapshot.tags.filter((tag) => tag !== PARTIAL_TAG).toSorted() } : {}),
  };
}
