// UTF-8 as Go decodes it: no overlong forms, no surrogates, nothing above U+10FFFF; a byte that
// does not start a valid sequence is an error of one byte.

/** Mask of the size in bytes inside the result of `decodeRune`; the code point is above it. */
export const RUNE_SIZE_BITS = 7;
export const RUNE_SHIFT = 3;

/** The rune at `at`, as `(codePoint << RUNE_SHIFT) | size`, or -1 if the byte there starts no valid rune. */
export function decodeRune(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0x80;
  if (first < 0x80) return (first << RUNE_SHIFT) | 1;
  if (first < 0xc2 || first > 0xf4) return -1;
  const second = bytes[at + 1] ?? 0;
  if (first < 0xe0) {
    if (!isContinuation(second)) return -1;
    return ((((first & 0x1f) << 6) | (second & 0x3f)) << RUNE_SHIFT) | 2;
  }
  const third = bytes[at + 2] ?? 0;
  if (first < 0xf0) {
    const low = first === 0xe0 ? 0xa0 : 0x80;
    const high = first === 0xed ? 0x9f : 0xbf;
    if (second < low || second > high || !isContinuation(third)) return -1;
    return ((((first & 0x0f) << 12) | ((second & 0x3f) << 6) | (third & 0x3f)) << RUNE_SHIFT) | 3;
  }
  const fourth = bytes[at + 3] ?? 0;
  const low = first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high || !isContinuation(third) || !isContinuation(fourth)) return -1;
  const rune = ((first & 0x07) << 18) | ((second & 0x3f) << 12) | ((third & 0x3f) << 6) | (fourth & 0x3f);
  return (rune << RUNE_SHIFT) | 4;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
