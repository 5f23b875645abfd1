// Names in trees: the bytes of the name in Go's quoted-string form without the outer quotes, which is
// then a JSON string (restic's format, "Trees and Data"). What is not valid UTF-8 or not printable is
// escaped, so every name survives.
import { asBuffer, utf8 } from '../base/bytes.ts';
import { decodeRune, RUNE_SHIFT, RUNE_SIZE_BITS } from './utf8-runes.ts';

/** What Go calls printable: letters, marks, numbers, punctuation, symbols, and the ASCII space. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;

const escapeOfByte: ReadonlyMap<number, string> = new Map([
  [QUOTE, '\\"'],
  [BACKSLASH, '\\\\'],
  [0x07, '\\a'],
  [0x08, '\\b'],
  [0x0c, '\\f'],
  [NEWLINE, '\\n'],
  [0x0d, '\\r'],
  [0x09, '\\t'],
  [0x0b, '\\v'],
]);

const byteOfEscape: ReadonlyMap<number, number> = new Map(
  [...escapeOfByte].map(([byte, escape]) => [escape.charCodeAt(1), byte]),
);

/** Whether the quoted form is the name itself. */
function isPlain(name: Uint8Array): boolean {
  for (const byte of name) {
    if (byte < 0x20 || byte > 0x7e || byte === QUOTE || byte === BACKSLASH) return false;
  }
  return true;
}

export function quoteName(name: Uint8Array): string {
  const buffer = asBuffer(name);
  if (isPlain(name)) return buffer.toString('latin1');
  let out = '';
  let at = 0;
  while (at < name.length) {
    const rune = decodeRune(name, at);
    if (rune < 0) {
      out += hexEscape('x', name[at] ?? 0, 2);
      at++;
    } else {
      out += quoteRune(rune >> RUNE_SHIFT);
      at += rune & RUNE_SIZE_BITS;
    }
  }
  return out;
}

function quoteRune(codePoint: number): string {
  const short = escapeOfByte.get(codePoint);
  if (short !== undefined) return short;
  const character = String.fromCodePoint(codePoint);
  if (PRINTABLE.test(character)) return character;
  if (codePoint < 0x20 || codePoint === 0x7f) return hexEscape('x', codePoint, 2);
  return codePoint < 0x1_0000 ? hexEscape('u', codePoint, 4) : hexEscape('U', codePoint, 8);
}

function hexEscape(letter: string, value: number, digits: number): string {
  return `\\${letter}${value.toString(16).padStart(digits, '0')}`;
}

/**
 * The bytes of a quoted name. Text that is not in quoted form is the name itself: rustic on Windows
 * writes names unquoted.
 */
export function unquoteName(text: string): Uint8Array {
  const raw = utf8(text);
  return text.includes('\\') ? (unquoteBytes(raw) ?? raw) : raw;
}

/** Undoes the escapes in place of a copy; `undefined` if the text is malformed. */
function unquoteBytes(quoted: Uint8Array): Uint8Array | undefined {
  // No escape is shorter than what it stands for.
  const out = new Uint8Array(quoted.length);
  let size = 0;
  let at = 0;
  while (at < quoted.length) {
    const byte = quoted[at] ?? 0;
    // Neither can stand bare in a quoted string.
    if (byte === QUOTE || byte === NEWLINE) return undefined;
    if (byte !== BACKSLASH) {
      out[size++] = byte;
      at++;
      continue;
    }
    const escape = readEscape(quoted, at + 1);
    if (escape === undefined) return undefined;
    if (escape.isByte) out[size++] = escape.value;
    else size += asBuffer(out).write(String.fromCodePoint(escape.value), size);
    at = escape.end;
  }
  return out.slice(0, size);
}

interface Escape {
  readonly value: number;
  /** A byte of the name, else a code point. */
  readonly isByte: boolean;
  readonly end: number;
}

function readEscape(quoted: Uint8Array, at: number): Escape | undefined {
  const letter = quoted[at] ?? 0;
  const simple = byteOfEscape.get(letter);
  if (simple !== undefined) return { value: simple, isByte: true, end: at + 1 };
  switch (letter) {
    case 0x78:
      return readNumber(quoted, at + 1, 2, 16, true);
    case 0x75:
      return readNumber(quoted, at + 1, 4, 16, false);
    case 0x55:
      return readNumber(quoted, at + 1, 8, 16, false);
    default:
      return readNumber(quoted, at, 3, 8, true);
  }
}

function readNumber(
  quoted: Uint8Array,
  start: number,
  digits: number,
  radix: 8 | 16,
  isByte: boolean,
): Escape | undefined {
  let value = 0;
  for (let at = start; at < start + digits; at++) {
    const digit = digitValue(quoted[at] ?? 0);
    if (digit >= radix) return undefined;
    value = value * radix + digit;
  }
  const isValid = isByte ? value <= 0xff : value <= 0x10_ffff && (value < 0xd800 || value > 0xdfff);
  return isValid ? { value, isByte, end: start + digits } : undefined;
}

/** 0 to 15, or 16 for what is no digit. */
function digitValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : 16;
}
