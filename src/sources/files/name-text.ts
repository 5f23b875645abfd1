// Names are raw bytes. For sorting, joining and looking up they are held as Latin-1 strings, one
// character per byte: see `bytesKey`.
import { bytesOf } from '../../base/bytes.ts';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const notAscii = /[\u0080-\u00ff]/;

/**
 * Text of a Latin-1 held name, for matching patterns by characters. UTF-8 is decoded; each byte that is not
 * part of valid UTF-8 becomes one unpaired surrogate U+DC80–U+DCFF, which no pattern written as text contains.
 */
export function textOf(latin1: string): string {
  if (!notAscii.test(latin1)) return latin1;
  const bytes = bytesOf(latin1);
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return decodeWithEscapes(bytes);
  }
}

function decodeWithEscapes(bytes: Uint8Array): string {
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const length = validLength(bytes, at);
    text +=
      length === 0
        ? String.fromCharCode(0xdc00 + (bytes[at] ?? 0))
        : strictUtf8.decode(bytes.subarray(at, at + length));
    at += Math.max(1, length);
  }
  return text;
}

/** Length of the UTF-8 character at `at`, or 0 if there is none. */
function validLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (at + length > bytes.length) return 0;
  try {
    strictUtf8.decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}
