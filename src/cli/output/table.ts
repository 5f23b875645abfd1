import { displayWidth } from './display-width.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Rows as aligned text. The last column is not padded, so lines carry no trailing blanks. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, at) =>
    rows.reduce((width, row) => Math.max(width, displayWidth(row[at] ?? '')), displayWidth(column.title)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, at) => {
        const cell = cells[at] ?? '';
        const fill = ' '.repeat(Math.max(0, (widths[at] ?? 0) - displayWidth(cell)));
        if (column.align === 'right') return fill + cell;
        return at === columns.length - 1 ? cell : cell + fill;
      })
      .join('  ')
      .trimEnd();
  return [line(columns.map((column) => column.title)), ...rows.map(line)].map((text) => `${text}\n`).join('');
}
