import { utf8 } from '../base/bytes.ts';

/** Finds which of a few known keys a byte range is, without making a string of it. */
export class KeyTable {
  readonly #keys: readonly Uint8Array[];

  constructor(keys: readonly string[]) {
    this.#keys = keys.map(utf8);
  }

  /**
   * The position of the key `bytes[start, end)`, or -1. Looks from `hint` on, then from the start: keys
   * mostly come in the order of the table.
   */
  find(bytes: Uint8Array, start: number, end: number, hint: number): number {
    const keys = this.#keys;
    for (let at = hint; at < keys.length; at++) if (matches(keys[at], bytes, start, end)) return at;
    for (let at = 0; at < hint; at++) if (matches(keys[at], bytes, start, end)) return at;
    return -1;
  }
}

function matches(key: Uint8Array | undefined, bytes: Uint8Array, start: number, end: number): boolean {
  if (key === undefined || key.length !== end - start) return false;
  for (let at = 0; at < key.length; at++) if (key[at] !== bytes[start + at]) return false;
  return true;
}
