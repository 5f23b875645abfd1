// A key as a folder of `values/`. Keys are any text; folders have the alphabet of object names, and file systems that
// take `A` for `a`. So a folder is made of lower-case letters, digits, `_`, `-` and `.`, and `%XX` for every other byte
// of the key in UTF-8. Two cases have a form of their own:
//
//   …%/…      longer than a component may be: `%` at the end of a component says that the next one goes on with it
//   %u<text>  longer than 640 that way (hundreds of characters that are not Latin): UTF-16, big-endian, in base32
//             (RFC 4648 §6, lower case, without padding), which never is longer than that
import type { Brand } from '../base/brand.ts';
import { utf8 } from '../base/bytes.ts';
import { CairnArgumentError } from '../base/errors.ts';
import type { ObjectName } from '../storage/storage.ts';

/** 1 to 200 characters (UTF-16 code units, as `length` counts them), any but halves of a surrogate pair. */
export type ValueKey = Brand<string, 'ValueKey'>;

export const MAX_KEY_LENGTH = 200;
const LONGEST_COMPONENT = 200;
const LONGEST_PERCENT_FORM = 640;
const WIDE = '%u';
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const PLAIN = /[a-z0-9_.-]/;

/** Throws `ARGUMENT_INVALID` for what cannot be a key. */
export function parseValueKey(text: string): ValueKey {
  const problem = keyProblem(text);
  if (problem !== undefined) throw new CairnArgumentError(`${JSON.stringify(text.slice(0, 60))}: ${problem}`);
  return text as ValueKey;
}

function keyProblem(text: string): string | undefined {
  if (text === '') return 'a key cannot be empty';
  if (text.length > MAX_KEY_LENGTH) return `a key has at most ${MAX_KEY_LENGTH} characters, this one ${text.length}`;
  if (!text.isWellFormed()) return 'this is no text: half of a surrogate pair is missing';
  return undefined;
}

/** The folder of a key below `values/`, without slashes around it. */
export function encodeValueKey(key: ValueKey): ObjectName {
  const percent = percentForm(key);
  const text = percent.length <= LONGEST_PERCENT_FORM ? percent : WIDE + base32(Buffer.from(key, 'utf16le').swap16());
  return intoComponents(text);
}

/** The key of a folder; `undefined` where it is none that `encodeValueKey` makes. */
export function decodeValueKey(folder: string): ValueKey | undefined {
  const text = folder.replaceAll('%/', '');
  const key = text.startsWith(WIDE) ? wideText(text.slice(WIDE.length)) : percentText(text);
  if (key === undefined || keyProblem(key) !== undefined) return undefined;
  // One folder for each key: another spelling of it is not ours.
  return encodeValueKey(key as ValueKey) === folder ? (key as ValueKey) : undefined;
}

function percentForm(key: ValueKey): string {
  let text = '';
  for (const character of key) text += PLAIN.test(character) ? character : percentBytes(utf8(character));
  // A dot first hides a folder or leaves it, a dot last is dropped on Windows, and `-tmp-<number>` marks unfinished writes.
  return text
    .replace(/^\./, '%2E')
    .replace(/\.$/, '%2E')
    .replace(/-(?=tmp-[0-9]{1,10}$)/, '%2D');
}

function percentBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

function percentText(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function intoComponents(text: string): string {
  const parts: string[] = [];
  for (let start = 0; start < text.length; start += LONGEST_COMPONENT) {
    parts.push(text.slice(start, start + LONGEST_COMPONENT));
  }
  return parts.join('%/');
}

function base32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = ((held & 0x1f) << 8) | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += BASE32[(held >> (bits - 5)) & 0x1f];
  }
  return bits === 0 ? text : text + BASE32[(held << (5 - bits)) & 0x1f];
}

function wideText(text: string): string | undefined {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const digit of text) {
    const value = BASE32.indexOf(digit);
    if (value < 0) return undefined;
    held = ((held & 0xff) << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >> bits) & 0xff);
    }
  }
  return bytes.length % 2 === 0 ? Buffer.from(bytes).swap16().toString('utf16le') : undefined;
}
