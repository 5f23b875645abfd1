// As much of SQL's lexical rules (https://sqlite.org/lang.html) as it takes to tell where a statement ends.

/** Index behind the `;` that ends the first statement, or the length of the text where none does. */
export function statementEnd(sql: string): number {
  for (let at = 0; at < sql.length;) {
    const next = skipOpaque(sql, at);
    if (next === at && sql[at] === ';') return at + 1;
    at = Math.max(next, at + 1);
  }
  return sql.length;
}

/** Whether there is nothing in the text but blanks, comments and semicolons. */
export function isBlank(sql: string): boolean {
  for (let at = 0; at < sql.length;) {
    const next = skipComment(sql, at);
    if (next === at && !/[\s;]/.test(sql[at] ?? '')) return false;
    at = Math.max(next, at + 1);
  }
  return true;
}

/** A place in a text, both counted from 1. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

export function positionOf(text: string, offset: number): TextPosition {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}

/** Behind a comment, string or quoted name that begins at `at`; `at` itself where none does. */
function skipOpaque(sql: string, at: number): number {
  const comment = skipComment(sql, at);
  if (comment !== at) return comment;
  const opening = sql[at] ?? '';
  const closing = opening === '[' ? ']' : opening;
  if (!`'"\`[`.includes(opening) || opening === '') return at;
  // A doubled quote stands for itself: the string goes on as the next one begins.
  const end = sql.indexOf(closing, at + 1);
  return end === -1 ? sql.length : end + 1;
}

function skipComment(sql: string, at: number): number {
  const [opening, closing] = sql.startsWith('--', at) ? ['--', '\n'] : ['/*', '*/'];
  if (!sql.startsWith(opening, at)) return at;
  const end = sql.indexOf(closing, at + 2);
  return end === -1 ? sql.length : end + closing.length;
}
