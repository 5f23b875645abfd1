import type { SQLOutputValue } from 'node:sqlite';

/** A row as SQLite gives it. */
export type RawRow = Readonly<Record<string, SQLOutputValue>>;

// The tables are strict, so that a column holds its type or NULL; what else comes is said with the name of the column.

export function textIn(row: RawRow, column: string): string {
  return textOrNullIn(row, column) ?? notThere(column);
}

export function textOrNullIn(row: RawRow, column: string): string | null {
  const value = row[column];
  if (value === null || typeof value === 'string') return value;
  return notThere(column);
}

/** A text of which the schema of the table allows these only. */
export function wordIn<T extends string>(row: RawRow, column: string, words: readonly T[]): T {
  const text = textIn(row, column);
  return words.find((word) => word === text) ?? notThere(column);
}

export function numberIn(row: RawRow, column: string): number {
  return numberOrNullIn(row, column) ?? notThere(column);
}

export function numberOrNullIn(row: RawRow, column: string): number | null {
  const value = row[column];
  if (value === null || typeof value === 'number') return value;
  return notThere(column);
}

export function dateIn(row: RawRow, column: string): Date {
  return new Date(textIn(row, column));
}

export function dateOrNullIn(row: RawRow, column: string): Date | null {
  const text = textOrNullIn(row, column);
  return text === null ? null : new Date(text);
}

function notThere(column: string): never {
  throw new TypeError(`the catalog has no value of the right type in ${column}`);
}
