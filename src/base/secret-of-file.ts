// The bytes of a secret from a file or a program, as restic reads them: everything but one newline at the end counts.
import { Secret } from './secret.ts';

/** A file that Windows tools wrote as UTF-16 with a byte order mark counts as its text. */
export function secretOfFile(bytes: Buffer): Secret {
  return new Secret(withoutNewline(decodeUtf16(bytes)));
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

export function withoutNewline(bytes: Buffer): Buffer {
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) {
    end--;
    if (bytes[end - 1] === 0x0d) end--;
  }
  return bytes.subarray(0, end);
}
