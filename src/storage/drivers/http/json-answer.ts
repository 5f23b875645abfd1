import { utf8Lossy } from '../../../base/bytes.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** The fields of what should be an object of JSON; none of anything else. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** The value of an answer in JSON; undefined where it is none. */
export function parseJsonAnswer({ body }: { readonly body: Uint8Array }): unknown {
  try {
    return JSON.parse(utf8Lossy(body));
  } catch {
    return undefined;
  }
}
