// Runs one query on the file of a catalog, in the process that is there for it. Three things keep it from changing
// anything: the file is opened for reading only, SQLite is told so, and what is no reading is refused when it is compiled.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { messageOf } from '../../base/errors.ts';
import { loadSqlite } from '../open-database.ts';
import type { QueryAnswer, QueryRequest, QueryValue } from './query-message.ts';
import { isBlank, statementEnd } from './sql-text.ts';

const BUSY_TIMEOUT_MS = 5000;
const SQLITE_ERROR = 1;
const SQLITE_AUTH = 23;
const SQLITE_RANGE = 25;

export function runQuery(request: QueryRequest): QueryAnswer {
  let database: DatabaseSync | undefined;
  try {
    database = openReadOnly(request.file);
    return answer(database, request);
  } catch (error) {
    return failure(error, database, request.sql);
  } finally {
    database?.close();
  }
}

function openReadOnly(file: string): DatabaseSync {
  const { DatabaseSync, constants } = loadSqlite();
  const database = new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  database.exec('pragma query_only = on');
  const allowed = new Set([constants.SQLITE_SELECT, constants.SQLITE_READ, constants.SQLITE_RECURSIVE]);
  database.setAuthorizer((action, first, second) => {
    if (allowed.has(action)) return constants.SQLITE_OK;
    // What describes the tables; with an argument of its own, a pragma may set something.
    if (action === constants.SQLITE_PRAGMA && readingPragmas.has(first ?? '')) return constants.SQLITE_OK;
    if (action === constants.SQLITE_FUNCTION && second !== 'load_extension') return constants.SQLITE_OK;
    return constants.SQLITE_DENY;
  });
  return database;
}

const readingPragmas: ReadonlySet<string> = new Set([
  'table_info',
  'table_xinfo',
  'table_list',
  'index_list',
  'index_info',
  'foreign_key_list',
]);

function answer(database: DatabaseSync, request: QueryRequest): QueryAnswer {
  const { sql, parameters, maxRows, maxBytes } = request;
  if (isBlank(sql)) return { kind: 'invalid', message: 'there is no statement', offset: null };
  const end = statementEnd(sql);
  const statement = database.prepare(sql);
  if (!isBlank(sql.slice(end))) {
    return { kind: 'invalid', message: 'there is more than one statement', offset: end };
  }
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  const columns = statement.columns().map(({ name }) => name);
  const rows: QueryValue[][] = [];
  let bytes = 0;
  for (const raw of iterate(statement, parameters)) {
    if (rows.length === maxRows) return { kind: 'too-much', what: `gives more than ${maxRows} rows` };
    const row = raw.map(plainValue);
    bytes += row.reduce<number>((sum, value) => sum + sizeOf(value), 0);
    if (bytes > maxBytes) return { kind: 'too-much', what: `gives more than ${maxBytes} bytes` };
    rows.push(row);
  }
  return { kind: 'table', table: { columns, rows } };
}

/** With `setReturnArrays` rows are arrays, which the declarations do not know. */
function iterate(statement: StatementSync, parameters: readonly QueryValue[]): Iterable<QueryValue[]> {
  return statement.iterate(...parameters) as unknown as Iterable<QueryValue[]>;
}

/** A number where it is exact as one. */
function plainValue(value: QueryValue): QueryValue {
  if (typeof value !== 'bigint') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function sizeOf(value: QueryValue): number {
  return typeof value === 'string' || value instanceof Uint8Array ? value.length : 8;
}

function failure(error: unknown, database: DatabaseSync | undefined, sql: string): QueryAnswer {
  const message = messageOf(error);
  const errcode = error instanceof Error && 'errcode' in error ? Number(error.errcode) : null;
  if (database === undefined) return { kind: 'failed', message, errcode };
  if (errcode === SQLITE_AUTH)
    return { kind: 'invalid', message: `only reading is allowed here (${message})`, offset: null };
  const isOurs = errcode === SQLITE_ERROR || errcode === SQLITE_RANGE || errcode === null;
  if (!isOurs) return { kind: 'failed', message, errcode };
  return { kind: 'invalid', message, offset: offsetOf(database, sql, message) };
}

/**
 * Where an error is. SQLite knows and Node does not tell, but the message names the piece at which it stopped. A syntax
 * error is where the text up to and with that piece fails in the same way for the first time.
 */
function offsetOf(database: DatabaseSync, sql: string, message: string): number | null {
  if (message === 'incomplete input') return sql.trimEnd().length;
  const near = /^near "(.+)": syntax error$/su.exec(message)?.[1];
  if (near !== undefined) {
    return (
      occurrences(sql, near).find((at) => messageOfPrepare(database, sql.slice(0, at + near.length)) === message) ??
      null
    );
  }
  const token = /^unrecognized token: "(.+)"$/su.exec(message)?.[1];
  if (token !== undefined) return sql.indexOf(token) === -1 ? null : sql.indexOf(token);
  const name = /^(?:no such|ambiguous) (?:column|table|function)(?: name)?: (.+)$/u.exec(message)?.[1];
  return name === undefined ? null : (wholeWord(sql, name) ?? null);
}

function messageOfPrepare(database: DatabaseSync, sql: string): string | undefined {
  try {
    database.prepare(sql);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function occurrences(text: string, piece: string): number[] {
  const found: number[] = [];
  for (let at = text.indexOf(piece); at !== -1; at = text.indexOf(piece, at + 1)) found.push(at);
  return found;
}

function wholeWord(sql: string, name: string): number | undefined {
  return occurrences(sql.toLowerCase(), name.toLowerCase()).find(
    (at) => !isWord(sql[at - 1]) && !isWord(sql[at + name.length]),
  );
}

function isWord(character: string | undefined): boolean {
  return character !== undefined && /[\w$]/.test(character);
}
