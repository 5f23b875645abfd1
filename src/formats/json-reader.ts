// A cursor over JSON bytes, for the decoders of this folder. `JSON.parse` does not serve: it rounds
// the 64-bit integers of restic's trees and cannot give byte ranges or skip parts unread.
import { asBuffer } from '../base/bytes.ts';
import { CairnError } from '../base/errors.ts';
import type { JsonObject, JsonValue } from './go-json.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const MINUS = 0x2d;

const MAX_DEPTH = 256;
const U64_MAX = 0xffff_ffff_ffff_ffffn;
/** Digits that surely fit a safe integer. */
const SAFE_DIGITS = 15;
/** No finite JSON number of ours is longer; longer ones would make parsing them slow. */
const MAX_NUMBER_LENGTH = 400;

/** Below what V8 can hold in one string. */
const MAX_STRING_SIZE = 2 ** 28;

const NULL = [0x6e, 0x75, 0x6c, 0x6c];
const TRUE = [0x74, 0x72, 0x75, 0x65];
const FALSE = [0x66, 0x61, 0x6c, 0x73, 0x65];

export class JsonReader {
  readonly bytes: Uint8Array;
  /** Offset of the next byte to read. Set it to jump. */
  at: number;
  /** Range between the quotes of the string read by `rawString`, and what it holds. */
  stringStart = 0;
  stringEnd = 0;
  stringHasEscape = false;
  stringIsAscii = true;
  readonly #buffer: Buffer;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
    this.#buffer = asBuffer(bytes);
  }

  fail(what: string): never {
    throw new CairnError('FORMAT_INVALID', `invalid JSON at byte ${this.at}: ${what}`, {
      facts: { offset: this.at },
    });
  }

  /** The next byte after white space, or -1 at the end. */
  peek(): number {
    const bytes = this.bytes;
    let at = this.at;
    let byte = bytes[at] ?? -1;
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++at] ?? -1;
    this.at = at;
    return byte;
  }

  /** Steps over `byte` if it comes next, white space aside. */
  accept(byte: number): boolean {
    if (this.bytes[this.at] !== byte && this.peek() !== byte) return false;
    this.at++;
    return true;
  }

  expect(byte: number): void {
    if (!this.accept(byte)) this.fail(`expected ${JSON.stringify(String.fromCharCode(byte))}`);
  }

  /** Throws unless only white space is left. */
  end(): void {
    if (this.peek() !== -1) this.fail('text after the document');
  }

  acceptNull(): boolean {
    return this.peek() === 0x6e && this.#word(NULL);
  }

  boolean(): boolean {
    if (this.peek() === 0x74) return this.#word(TRUE);
    if (this.peek() === 0x66) return !this.#word(FALSE);
    return this.fail('expected true or false');
  }

  /** Reads a string without decoding it: sets `stringStart`, `stringEnd`, `stringHasEscape`, `stringIsAscii`. */
  rawString(): void {
    this.expect(QUOTE);
    const bytes = this.bytes;
    let at = this.at;
    let seen = 0;
    let hasEscape = false;
    this.stringStart = at;
    for (;;) {
      const byte = bytes[at];
      if (byte === undefined) return this.fail('unterminated string');
      if (byte === QUOTE) break;
      if (byte < 0x20) return this.fail('control character in a string');
      if (byte === BACKSLASH) {
        hasEscape = true;
        at++;
      }
      seen |= byte;
      at++;
    }
    if (at - this.stringStart > MAX_STRING_SIZE) return this.fail('string too long');
    this.stringEnd = at;
    this.stringHasEscape = hasEscape;
    this.stringIsAscii = seen < 0x80;
    this.at = at + 1;
  }

  string(): string {
    this.rawString();
    return this.stringText();
  }

  /** The decoded text of the string read last by `rawString`. */
  stringText(): string {
    if (this.stringHasEscape) return this.#unescape(this.stringStart, this.stringEnd);
    return this.#buffer.toString(this.stringIsAscii ? 'latin1' : 'utf8', this.stringStart, this.stringEnd);
  }

  /** Reads an integer from 0 to `max` (at most 2^53). */
  unsigned(max: number): number {
    const value = this.u64();
    return value <= max ? Number(value) : this.fail(`integer above ${max}`);
  }

  /** Reads an unsigned 64-bit integer: a number while it is surely exact, a bigint beyond. */
  u64(): number | bigint {
    this.peek();
    const bytes = this.bytes;
    const start = this.at;
    let at = start;
    let value = 0;
    let digit = (bytes[at] ?? 0) - 0x30;
    while (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      digit = (bytes[++at] ?? 0) - 0x30;
    }
    const length = at - start;
    // `.`, `e`, `E` would make it another number.
    const isInteger = digit !== -2 && digit !== 0x35 && digit !== 0x15;
    if (length === 0 || !isInteger || (length > 1 && bytes[start] === 0x30)) this.fail('expected an unsigned integer');
    this.at = at;
    if (length <= SAFE_DIGITS) return value;
    const exact = length > 20 ? U64_MAX + 1n : BigInt(this.#buffer.toString('latin1', start, at));
    return exact <= U64_MAX ? exact : this.fail('integer above 2^64');
  }

  number(): number | bigint {
    this.peek();
    const start = this.at;
    if (this.bytes[this.at] === MINUS) this.at++;
    if (this.bytes[this.at] === 0x30) this.at++;
    else this.#digits();
    let isInteger = true;
    if (this.bytes[this.at] === 0x2e) {
      isInteger = false;
      this.at++;
      this.#digits();
    }
    if (this.bytes[this.at] === 0x65 || this.bytes[this.at] === 0x45) {
      isInteger = false;
      this.at++;
      if (this.bytes[this.at] === 0x2b || this.bytes[this.at] === MINUS) this.at++;
      this.#digits();
    }
    if (this.at - start > MAX_NUMBER_LENGTH) this.fail('number too long');
    const text = this.#buffer.toString('latin1', start, this.at);
    const value = Number(text);
    if (!Number.isFinite(value)) this.fail('number out of range');
    return isInteger && !Number.isSafeInteger(value) ? BigInt(text) : value;
  }

  /** Calls `member` for each key of an object, with the cursor at the value, which it must read. */
  object(member: (key: string) => void): void {
    this.expect(OPEN_BRACE);
    if (this.accept(CLOSE_BRACE)) return;
    do {
      const key = this.string();
      this.expect(COLON);
      member(key);
    } while (this.accept(COMMA));
    this.expect(CLOSE_BRACE);
  }

  /** Calls `element` with the cursor at each element of an array, which it must read. */
  array(element: () => void): void {
    this.expect(OPEN_BRACKET);
    if (this.accept(CLOSE_BRACKET)) return;
    do element();
    while (this.accept(COMMA));
    this.expect(CLOSE_BRACKET);
  }

  value(depth = 0): JsonValue {
    if (depth > MAX_DEPTH) this.fail('nested too deeply');
    switch (this.peek()) {
      case QUOTE:
        return this.string();
      case OPEN_BRACE: {
        const result: JsonObject = {};
        this.object((key) => setMember(result, key, this.value(depth + 1)));
        return result;
      }
      case OPEN_BRACKET: {
        const result: JsonValue[] = [];
        this.array(() => result.push(this.value(depth + 1)));
        return result;
      }
      case 0x6e:
        this.#word(NULL);
        return null;
      case 0x74:
      case 0x66:
        return this.boolean();
      default:
        return this.number();
    }
  }

  /** Steps over a value without building it. */
  skip(depth = 0): void {
    if (depth > MAX_DEPTH) this.fail('nested too deeply');
    const next = this.peek();
    if (next === QUOTE) this.rawString();
    else if (next === OPEN_BRACKET) this.array(() => this.skip(depth + 1));
    else if (next === OPEN_BRACE) {
      this.expect(OPEN_BRACE);
      if (this.accept(CLOSE_BRACE)) return;
      do {
        this.rawString();
        this.expect(COLON);
        this.skip(depth + 1);
      } while (this.accept(COMMA));
      this.expect(CLOSE_BRACE);
    } else this.value(depth);
  }

  #digits(): void {
    const start = this.at;
    let byte = this.bytes[this.at] ?? 0;
    while (byte >= 0x30 && byte <= 0x39) byte = this.bytes[++this.at] ?? 0;
    if (this.at === start) this.fail('unexpected character');
  }

  #word(word: readonly number[]): true {
    for (const byte of word) {
      if (this.bytes[this.at] !== byte) this.fail('unexpected character');
      this.at++;
    }
    return true;
  }

  #unescape(start: number, end: number): string {
    const bytes = this.bytes;
    let text = '';
    let from = start;
    let at = start;
    while (at < end) {
      if (bytes[at] !== BACKSLASH) {
        at++;
        continue;
      }
      text += this.#buffer.toString('utf8', from, at);
      const letter = bytes[at + 1] ?? 0;
      if (letter === 0x75) {
        text += String.fromCharCode(this.#hex4(at + 2, end));
        at += 6;
      } else {
        text += ESCAPES.get(letter) ?? this.fail('unknown escape');
        at += 2;
      }
      from = at;
    }
    text += this.#buffer.toString('utf8', from, end);
    return text.toWellFormed();
  }

  #hex4(start: number, end: number): number {
    const digits = this.#buffer.toString('latin1', start, Math.min(start + 4, end));
    return /^[0-9a-fA-F]{4}$/.test(digits) ? Number.parseInt(digits, 16) : this.fail('malformed \\u escape');
  }
}

const ESCAPES: ReadonlyMap<number, string> = new Map([
  [QUOTE, '"'],
  [BACKSLASH, '\\'],
  [0x2f, '/'],
  [0x62, '\b'],
  [0x66, '\f'],
  [0x6e, '\n'],
  [0x72, '\r'],
  [0x74, '\t'],
]);

function setMember(object: JsonObject, key: string, value: JsonValue): void {
  // Assigning to `__proto__` would set the prototype instead of a member.
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  } else object[key] = value;
}
