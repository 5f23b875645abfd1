/** 16 bytes of which each is the value of a lower-case hex digit, or all ones where one is no such digit. */
@inline
function digits(text: v128): v128 {
  const isDigit = i8x16.lt_u(i8x16.sub(text, i8x16.splat(0x30)), i8x16.splat(10));
  const isLetter = i8x16.lt_u(i8x16.sub(text, i8x16.splat(0x61)), i8x16.splat(6));
  const values = i8x16.add(v128.and(text, i8x16.splat(0x0f)), v128.and(isLetter, i8x16.splat(9)));
  return v128.or(values, v128.not(v128.or(isDigit, isLetter)));
}

/** Eight bytes in the low halves of eight lanes, from sixteen values of digits. */
@inline
function joined(values: v128): v128 {
  return v128.and(v128.or(i16x8.shl(values, 4), i16x8.shr_u(values, 8)), i16x8.splat(0xff));
}

/** Decodes the 64 hex digits of an id. Returns whether they are that; what is at `out` means nothing otherwise. */
@inline
export function readId(at: usize, out: usize): bool {
  const a = digits(v128.load(at));
  const b = digits(v128.load(at, 16));
  const c = digits(v128.load(at, 32));
  const d = digits(v128.load(at, 48));
  v128.store(out, i8x16.narrow_i16x8_u(joined(a), joined(b)));
  v128.store(out, i8x16.narrow_i16x8_u(joined(c), joined(d)), 16);
  return i8x16.bitmask(v128.or(v128.or(a, b), v128.or(c, d))) == 0;
}
