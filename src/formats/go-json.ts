// JSON exactly as Go's encoder writes it, because ids are hashes of these bytes: beside the usual
// escapes, `<`, `>`, `&`, U+2028 and U+2029 are escaped, 0x7f and other non-ASCII text is not, and
// what is not valid UTF-8 becomes `\ufffd` (restic's format: all JSON documents).
import { isUtf8 } from 'node:buffer';
import { asBuffer } from '../base/bytes.ts';
import { JsonReader } from './json-reader.ts';
import { decodeRune, RUNE_SIZE_BITS } from './utf8-runes.ts';

export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

// With the `u` flag the surrogate range matches lone surrogates only.
// oxlint-disable-next-line no-control-regex -- control characters are what must be escaped
const TO_ESCAPE = /[\u0000-\u001f"\\<>&\u2028\u2029\ud800-\udfff]/u;
const ALL_TO_ESCAPE = new RegExp(TO_ESCAPE, 'gu');

const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/** `text` as a JSON string, quotes included, in the form of Go's encoder (1.22 and newer). */
export function quoteJsonString(text: string): string {
  if (!TO_ESCAPE.test(text)) return `"${text}"`;
  return `"${text.replace(ALL_TO_ESCAPE, escapeCharacter)}"`;
}

function escapeCharacter(character: string): string {
  const short = SHORT_ESCAPES.get(character);
  if (short !== undefined) return short;
  const unit = character.charCodeAt(0);
  if (unit >= 0xd800 && unit <= 0xdfff) return '\\ufffd';
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}

/** Like `quoteJsonString` for raw bytes: each byte that is not part of valid UTF-8 becomes `\ufffd`. */
export function quoteJsonBytes(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return quoteJsonString(asBuffer(bytes).toString('utf8'));
  const buffer = asBuffer(bytes);
  let out = '"';
  let start = 0;
  let at = 0;
  while (at < bytes.length) {
    const rune = decodeRune(bytes, at);
    if (rune >= 0) {
      at += rune & RUNE_SIZE_BITS;
      continue;
    }
    out += `${quoteJsonString(buffer.toString('utf8', start, at)).slice(1, -1)}\\ufffd`;
    start = ++at;
  }
  return `${out}${quoteJsonString(buffer.toString('utf8', start, at)).slice(1)}`;
}

/** Compact JSON as Go writes it. Keys keep their order. Throws a `RangeError` for NaN and infinities. */
export function encodeJson(value: JsonValue): string {
  switch (typeof value) {
    case 'string':
      return quoteJsonString(value);
    case 'number':
      return encodeNumber(value);
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return `[${value.map(encodeJson).join(',')}]`;
      return encodeObject(Object.entries(value));
    default:
      return value satisfies never;
  }
}

/** A compact JSON object of these members, in this order. */
export function encodeObject(members: readonly (readonly [key: string, value: JsonValue])[]): string {
  return `{${members.map(([key, value]) => `${quoteJsonString(key)}:${encodeJson(value)}`).join(',')}}`;
}

function encodeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`not a JSON number: ${value}`);
  return Object.is(value, -0) ? '-0' : String(value);
}

/**
 * Parses one JSON document. Integers beyond ±2^53 come as bigint. As in Go, text that is not valid
 * UTF-8 and lone surrogates become U+FFFD, and of equal keys the last one wins.
 * Throws `FORMAT_INVALID`, also for nesting deeper than 256 levels.
 */
export function parseJson(bytes: Uint8Array): JsonValue {
  const reader = new JsonReader(bytes);
  const value = reader.value();
  reader.end();
  return value;
}

/** Whether `value` is a JSON object (not null, not an array). */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
