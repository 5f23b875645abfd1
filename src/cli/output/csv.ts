/** Writes CSV as RFC 4180 has it: CRLF after each line, quotes where they are needed. */
export async function writeCsv(
  write: (text: string) => Promise<void>,
  columns: readonly string[],
  rows: Iterable<readonly string[]>,
): Promise<void> {
  await write(csvLine(columns));
  for (const row of rows) await write(csvLine(row));
}

function csvLine(fields: readonly string[]): string {
  return `${fields.map(csvField).join(',')}\r\n`;
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
