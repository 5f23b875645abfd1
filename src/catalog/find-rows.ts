import type { SQLInputValue } from 'node:sqlite';
import type { BackupForm } from './catalog-backup.ts';

/** Which rows of the catalog are meant; what is left out does not narrow the choice. */
export interface CatalogFilter {
  /** Id of a vault. */
  readonly vault?: string | undefined;
  readonly form?: BackupForm | undefined;
  /** The whole name. */
  readonly name?: string | undefined;
  /** A part of the name or of the id, as it is written: no character in it has a meaning of its own. */
  readonly query?: string | undefined;
  readonly host?: string | undefined;
  /** `all`: has every one of these tags. `any`: has at least one of these. */
  readonly tags?: { readonly all?: readonly string[]; readonly any?: readonly string[] } | undefined;
  /** Made at this time or later. */
  readonly after?: Date | undefined;
  /** Made at this time or earlier. */
  readonly before?: Date | undefined;
  /** Also backups that were removed; without, only those that are there. */
  readonly includeDeleted?: boolean | undefined;
  /** `time` by default. */
  readonly orderBy?: 'time' | 'name' | 'storedBytes' | 'updated' | undefined;
  /** Newest, greatest or last first. */
  readonly descending?: boolean | undefined;
  readonly limit?: number | undefined;
  /** Rows to leave out at the beginning. */
  readonly offset?: number | undefined;
}

export interface BoundQuery {
  readonly sql: string;
  readonly parameters: readonly SQLInputValue[];
}

const orderColumns: Readonly<Record<NonNullable<CatalogFilter['orderBy']>, string>> = {
  time: 'time',
  name: 'name',
  storedBytes: 'stored_bytes',
  updated: 'updated_at',
};

/** The query for a filter. Values are bound, never written into the text. */
export function findQuery(filter: CatalogFilter): BoundQuery {
  const conditions: string[] = [];
  const parameters: SQLInputValue[] = [];
  const where = (condition: string, ...values: readonly SQLInputValue[]): void => {
    conditions.push(condition);
    parameters.push(...values);
  };
  if (filter.includeDeleted !== true) where('deleted_at is null');
  if (filter.vault !== undefined) where('vault = ?', filter.vault);
  if (filter.form !== undefined) where('form = ?', filter.form);
  if (filter.name !== undefined) where('name = ?', filter.name);
  if (filter.host !== undefined) where('host = ?', filter.host);
  // `instr` knows no wildcards, unlike `like` and `glob`.
  if (filter.query !== undefined) where('(instr(name, ?) > 0 or instr(id, ?) > 0)', filter.query, filter.query);
  if (filter.after !== undefined) where('time >= ?', filter.after.toISOString());
  if (filter.before !== undefined) where('time <= ?', filter.before.toISOString());
  const { all = [], any = [] } = filter.tags ?? {};
  for (const tag of all) where(`${HAS_TAG} = ?)`, tag);
  if (any.length > 0) where(`${HAS_TAG} in (${any.map(() => '?').join(', ')}))`, ...any);
  const direction = filter.descending === true ? 'desc' : 'asc';
  const column = orderColumns[filter.orderBy ?? 'time'];
  parameters.push(filter.limit ?? -1, filter.offset ?? 0);
  const sql = `select * from backups ${conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`}
    order by ${column} ${direction}, vault, form, id ${direction} limit ? offset ?`;
  return { sql, parameters };
}

const HAS_TAG = 'exists (select 1 from backup_tags where backup = backups.number and tag';

/** Rows that a word may mean: the whole name, the whole id, or the beginning of an id. Newest first. */
export function matchQuery(reference: string, filter: Pick<CatalogFilter, 'vault' | 'includeDeleted'>): BoundQuery {
  const conditions = ['(name = ? or substr(id, 1, length(?)) = ?)'];
  const parameters: SQLInputValue[] = [reference, reference, reference];
  if (filter.vault !== undefined) {
    conditions.push('vault = ?');
    parameters.push(filter.vault);
  }
  if (filter.includeDeleted !== true) conditions.push('deleted_at is null');
  return {
    sql: `select * from backups where ${conditions.join(' and ')} order by time desc, vault, form, id`,
    parameters,
  };
}
