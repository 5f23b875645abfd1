import { isUtf8 } from 'node:buffer';
import { utf8 } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import { quoteName, unquoteName } from '../go-quote.ts';
import type { JsonReader } from '../json-reader.ts';

const DOT = 0x2e;
const SLASH = 0x2f;

/** The bytes of the name in the string that `reader` read last by `rawString`. */
export function readName(reader: JsonReader): Uint8Array {
  if (reader.stringHasEscape) return unquoteName(reader.stringText());
  const bytes = reader.bytes.slice(reader.stringStart, reader.stringEnd);
  // Like Go, read what is not UTF-8 as U+FFFD; a writer of this format never writes that.
  return reader.stringIsAscii || isUtf8(bytes) ? bytes : utf8(reader.stringText());
}

/** Whether a restore that joins this name to a path would leave its directory, or could not create it. */
export function isHostileName(name: Uint8Array): boolean {
  if (name.length <= 2 && name.every((byte) => byte === DOT)) return true;
  for (const byte of name) if (byte === 0 || byte === SLASH) return true;
  return false;
}

export function hostileName(name: Uint8Array): CairnError {
  return new CairnError(
    'NAME_HOSTILE',
    `a directory holds an entry with the name "${quoteName(name.subarray(0, 200))}"`,
    {
      hint: 'No file system allows this name; whoever wrote this tree was damaged or hostile.',
    },
  );
}
