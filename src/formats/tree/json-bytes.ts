// A growing byte buffer with the few things node JSON is made of, each without an intermediate string
// where that is possible: a backup writes one node for every file.
import { asBuffer, withRoom } from '../../base/bytes.ts';

const HEX = new TextEncoder().encode('0123456789abcdef');
const ZERO = 0x30;
const BILLION = 1_000_000_000;

export class JsonBytes {
  #bytes: Uint8Array = new Uint8Array(16 * 1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  clear(): void {
    this.#size = 0;
  }

  /** Drops what was written after the first `size` bytes. */
  truncate(size: number): void {
    this.#size = Math.min(this.#size, size);
  }

  /** An array of any length; reserves its own room. */
  block(source: Uint8Array): void {
    this.reserve(source.length);
    this.#bytes.set(source, this.#size);
    this.#size += source.length;
  }

  /** A copy of what was written. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }

  /** What was written, in the buffer itself: valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  /** Makes room for `count` more bytes. The other methods do not look, but for `text`. */
  reserve(count: number): void {
    const needed = this.#size + count;
    if (needed <= this.#bytes.length) return;
    const grown = withRoom(this.#bytes, needed);
    grown.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = grown;
  }

  byte(byte: number): void {
    this.#bytes[this.#size++] = byte;
  }

  /** A short array: a loop is faster than `set` up to some 50 bytes. */
  raw(source: Uint8Array): void {
    const bytes = this.#bytes;
    let at = this.#size;
    for (let i = 0; i < source.length; i++) bytes[at++] = source[i] ?? 0;
    this.#size = at;
  }

  /** What was written between two sizes, once more. */
  again(from: number, to: number): void {
    const bytes = this.#bytes;
    let at = this.#size;
    for (let i = from; i < to; i++) bytes[at++] = bytes[i] ?? 0;
    this.#size = at;
  }

  /** Any text, as UTF-8; reserves its own room. */
  text(text: string): void {
    this.reserve(3 * text.length);
    this.#size += asBuffer(this.#bytes).write(text, this.#size);
  }

  /**
   * Copies a name if it is the same in quotes: printable ASCII without `"`, `\`, `<`, `>`, `&`. Returns
   * false, and leaves nothing, if it is not.
   */
  plainName(name: Uint8Array): boolean {
    const bytes = this.#bytes;
    let at = this.#size;
    for (let i = 0; i < name.length; i++) {
      const byte = name[i] ?? 0;
      if (PLAIN[byte] === 0) return false;
      bytes[at++] = byte;
    }
    this.#size = at;
    return true;
  }

  /** An unsigned integer in decimal; up to 20 digits. */
  unsigned(value: number | bigint): void {
    const number = Number(value);
    if (number < BILLION) this.#small(number);
    else if (number <= Number.MAX_SAFE_INTEGER) {
      const high = Math.floor(number / BILLION);
      this.#small(high);
      this.padded(number - high * BILLION, 9);
    } else this.text(String(value));
  }

  /** `digits` decimal digits of a value below 10^9. */
  padded(value: number, digits: number): void {
    const bytes = this.#bytes;
    let rest = value | 0;
    for (let at = this.#size + digits - 1; at >= this.#size; at--) {
      const next = (rest / 10) | 0;
      bytes[at] = ZERO + rest - next * 10;
      rest = next;
    }
    this.#size += digits;
  }

  /** The hex digits of `source[start, end)`. */
  hex(source: Uint8Array, start: number, end: number): void {
    const bytes = this.#bytes;
    let at = this.#size;
    for (let i = start; i < end; i++) {
      const byte = source[i] ?? 0;
      bytes[at++] = HEX[byte >> 4] ?? 0;
      bytes[at++] = HEX[byte & 15] ?? 0;
    }
    this.#size = at;
  }

  #small(value: number): void {
    let digits = 1;
    for (let limit = 10; limit <= value; limit *= 10) digits++;
    this.padded(value, digits);
  }
}

const PLAIN = new Uint8Array(256).fill(1, 0x20, 0x7f);
for (const character of '"\\<>&') PLAIN[character.charCodeAt(0)] = 0;
