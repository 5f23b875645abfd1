// The records of a pax header: `<length> <key>=<value>\n`, where the length counts the whole record, in decimal. Keys of
// extended attributes are `SCHILY.xattr.<name>`; both that name and values are bytes.
import { asBuffer } from '../../base/bytes.ts';
import { CairnError } from '../../base/errors.ts';
import type { ExtendedAttribute } from '../tree/node.ts';

const XATTR = 'SCHILY.xattr.';
const MAX_LENGTH_DIGITS = 10;

/** What pax headers say of an entry, over what its own header says. */
export interface PaxOverrides {
  /** Latin-1 held values by key, without extended attributes. */
  readonly values: ReadonlyMap<string, string>;
  readonly xattrs: readonly ExtendedAttribute[];
}

/** Throws `FORMAT_INVALID`. */
export function parsePaxRecords(body: Uint8Array): PaxOverrides {
  const values = new Map<string, string>();
  const xattrs: ExtendedAttribute[] = [];
  const buffer = asBuffer(body);
  for (let at = 0; at < buffer.length;) {
    // Some writers fill the body up with zeros.
    if (buffer[at] === 0) break;
    const space = buffer.indexOf(0x20, at);
    const digits = buffer.toString('latin1', at, Math.min(space < 0 ? at : space, at + MAX_LENGTH_DIGITS + 1));
    const end = at + Number(digits);
    const equals = buffer.indexOf(0x3d, space);
    if (!/^\d{1,10}$/u.test(digits) || end > buffer.length || equals < 0 || equals >= end) throw malformed();
    if (buffer[end - 1] !== 0x0a) throw malformed();
    const key = buffer.toString('latin1', space + 1, equals);
    const value = buffer.subarray(equals + 1, end - 1);
    if (key.startsWith(XATTR)) {
      const name = Buffer.from(key.slice(XATTR.length), 'latin1');
      if (name.length > 0) xattrs.push({ name, value: Uint8Array.from(value) });
    } else values.set(key, value.toString('latin1'));
    at = end;
  }
  return { values, xattrs };
}

/** Nanoseconds of decimal seconds. Throws `FORMAT_INVALID`. */
export function parsePaxTime(text: string): bigint {
  const match = /^(-?)(\d{1,12})(?:\.(\d*))?$/u.exec(text);
  if (match === null) throw malformed();
  const [, sign = '', seconds = '', fraction = ''] = match;
  const ns = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  return sign === '-' ? -ns : ns;
}

function malformed(): CairnError {
  return new CairnError('FORMAT_INVALID', 'a pax header of the tar stream is malformed');
}
