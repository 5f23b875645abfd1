import { ID_SIZE } from '../../base/ids.ts';

const NO_DIGIT = 0xff;

/** Value of each hex digit; what is none has high bits that no digit has. */
const digits = new Uint8Array(256).fill(NO_DIGIT);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  digits[digit.charCodeAt(0)] = value;
  digits[digit.toUpperCase().charCodeAt(0)] = value;
}

/** Decodes the 64 hex digits `bytes[start, end)` into `out`. Returns false if they are not that. */
export function readHexId(bytes: Uint8Array, start: number, end: number, out: Uint8Array): boolean {
  if (end - start !== 2 * ID_SIZE) return false;
  let seen = 0;
  for (let at = start, i = 0; i < ID_SIZE; i++, at += 2) {
    const high = digits[bytes[at] ?? 0] ?? NO_DIGIT;
    const low = digits[bytes[at + 1] ?? 0] ?? NO_DIGIT;
    seen |= high | low;
    out[i] = (high << 4) | low;
  }
  return seen < 16;
}
