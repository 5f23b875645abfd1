/** JSON text of a document; u64 fields stay numbers without loss, so bigint becomes a bare integer. */
export function toJson(value: unknown, indent = 2): string {
  // JSON.rawJSON keeps a bigint exact, where Number would round above 2^53.
  return JSON.stringify(value, (_, field: unknown) => (typeof field === 'bigint' ? rawInteger(field) : field), indent);
}

/** `JSON.rawJSON` is in Node 24 and not yet in the compiler's library: hence the cast below. */
interface RawJson {
  rawJSON(text: string): unknown;
}

function rawInteger(value: bigint): unknown {
  return (JSON as unknown as RawJson).rawJSON(value.toString());
}

/**
 * Writes `{ …head, "<name>": [ … ] }` item by item, so that a listing of millions of entries needs no memory.
 * `tail` gives fields that are known at the end only.
 */
export async function writeJsonList(
  write: (text: string) => Promise<void>,
  head: Readonly<Record<string, unknown>>,
  name: string,
  items: AsyncIterable<unknown> | Iterable<unknown>,
  tail: () => Readonly<Record<string, unknown>> = () => ({}),
): Promise<void> {
  const opening = Object.entries(head).map(([key, value]) => `${JSON.stringify(key)}:${toJson(value, 0)},`);
  let text = `{${opening.join('')}${JSON.stringify(name)}:[`;
  let first = true;
  for await (const item of items) {
    text += `${first ? '\n' : ',\n'}${toJson(item, 0)}`;
    first = false;
    if (text.length > 32_768) {
      await write(text);
      text = '';
    }
  }
  const closing = Object.entries(tail()).map(([key, value]) => `,${JSON.stringify(key)}:${toJson(value, 0)}`);
  await write(`${text}${first ? '' : '\n'}]${closing.join('')}}\n`);
}
