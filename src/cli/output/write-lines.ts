import type { CliContext } from '../context.ts';

/** Writes a line per item, gathered into larger pieces. */
export async function writeLines<T>(
  { out, signal }: CliContext,
  items: AsyncIterable<T>,
  line: (item: T) => string,
): Promise<void> {
  let text = '';
  for await (const item of items) {
    text += `${line(item)}\n`;
    if (text.length < 16_384) continue;
    signal.throwIfAborted();
    await out.write(text);
    text = '';
  }
  await out.write(text);
}
