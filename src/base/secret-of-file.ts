// The bytes of a secret from a file or a program, as restic reads them: white space around them does not count. With
// any other rule the same file would be another password for restic.
import { Secret } from './secret.ts';

/** A file that Windows tools wrote as UTF-16 with a byte order mark counts as its text. */
export function secretOfFile(bytes: Buffer): Secret {
  return new Secret(withoutSpaceAround(decodeUtf16(bytes)));
}

function decodeUtf16(bytes: Buffer): Buffer {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return Buffer.from(bytes.subarray(2).toString('utf16le'));
  if (bytes[0] === 0xfe && bytes[1] === 0xff) {
    const even = Buffer.from(bytes.subarray(2, bytes.length - (bytes.length % 2)));
    return Buffer.from(even.swap16().toString('utf16le'));
  }
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return bytes.subarray(3);
  return bytes;
}

/** The white space of Unicode (Go's `unicode.IsSpace`), as UTF-8 in Latin-1 held bytes: a secret need not be UTF-8. */
const SPACE = String.raw`[\t-\r ]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80`;
const AROUND = new RegExp(`^(?:${SPACE})+|(?:${SPACE})+$`, 'g');

export function withoutSpaceAround(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replaceAll(AROUND, ''), 'latin1');
}
