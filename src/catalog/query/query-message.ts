// What the process that runs queries is told, and what it answers.

/** What a parameter of a query may be. */
export type QueryValue = string | number | bigint | null | Uint8Array;

export interface QueryRequest {
  readonly file: string;
  readonly sql: string;
  readonly parameters: readonly QueryValue[];
  readonly maxRows: number;
  readonly maxBytes: number;
}

/** The result of a query: the names of its columns, and a value for each in every row. */
export interface QueryTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly QueryValue[])[];
}

export type QueryAnswer =
  | { readonly kind: 'table'; readonly table: QueryTable }
  /** The query itself is wrong. */
  | { readonly kind: 'invalid'; readonly message: string; readonly offset: number | null }
  | { readonly kind: 'too-much'; readonly what: string }
  /** Something is wrong with the file. */
  | { readonly kind: 'failed'; readonly message: string; readonly errcode: number | null };
