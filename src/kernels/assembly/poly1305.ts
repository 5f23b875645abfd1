// Poly1305 (RFC 8439 §2.5): the message's 16-byte blocks are coefficients of a polynomial in r modulo
// 2^130 − 5, and s is added to its value.
//
// Long messages: block i goes to lane i mod 4, so each lane is a polynomial in r^4 and four advance
// at once. At the end the lanes are four more coefficients for the plain path, which also takes what
// is left of the message.
import { POLY1305_KEY, POLY1305_TAG } from './layout';

const LOW32: u64 = 0xffffffff;
const LOW26: u64 = 0x3ffffff;
/** Below this many bytes the powers of r cost more than the lanes save. */
const LANES_FROM: usize = 256;

// The accumulator and r, in limbs of 32 bits. The clamp leaves r1, r2, r3 divisible by four, so what
// reaches 2^130 in a product folds back as s = 5/4 · r: twenty multiplications a block.
let h0: u64 = 0;
let h1: u64 = 0;
let h2: u64 = 0;
let h3: u64 = 0;
let h4: u64 = 0;
let r0: u64 = 0;
let r1: u64 = 0;
let r2: u64 = 0;
let r3: u64 = 0;

/** Writes the tag of memory[offset, offset + length) under the key in POLY1305_KEY to POLY1305_TAG. */
export function poly1305(offset: usize, length: usize): void {
  r0 = <u64>load<u32>(POLY1305_KEY) & 0x0fffffff;
  r1 = <u64>load<u32>(POLY1305_KEY + 4) & 0x0ffffffc;
  r2 = <u64>load<u32>(POLY1305_KEY + 8) & 0x0ffffffc;
  r3 = <u64>load<u32>(POLY1305_KEY + 12) & 0x0ffffffc;
  clear();
  const end = offset + length;
  let at = offset;
  if (length >= LANES_FROM) at = absorbInLanes(at, length & ~63);
  for (; at + 16 <= end; at += 16) absorbBlock(at, 1);
  if (at < end) {
    // The last bytes get a one behind them, inside the block.
    store<u64>(POLY1305_TAG, 0);
    store<u64>(POLY1305_TAG, 0, 8);
    memory.copy(POLY1305_TAG, at, end - at);
    store<u8>(POLY1305_TAG + (end - at), 1);
    absorbBlock(POLY1305_TAG, 0);
  }
  finish();
  clear();
  r0 = r1 = r2 = r3 = 0;
}

function clear(): void {
  h0 = h1 = h2 = h3 = h4 = 0;
}

@inline
function absorbBlock(at: usize, top: u64): void {
  absorb(load<u32>(at), load<u32>(at, 4), load<u32>(at, 8), load<u32>(at, 12), top);
}

/** h = (h + m) · r. Each m is below 2^32, `top` below 2^6. */
function absorb(m0: u64, m1: u64, m2: u64, m3: u64, top: u64): void {
  const s1 = r1 + (r1 >> 2);
  const s2 = r2 + (r2 >> 2);
  const s3 = r3 + (r3 >> 2);
  // The sums stay below 2^33 + 2^9 and r's limbs below 2^28.4, so four products fit 64 bits together
  // and nothing has to be carried before the multiplication.
  const a0 = h0 + m0;
  const a1 = h1 + m1;
  const a2 = h2 + m2;
  const a3 = h3 + m3;
  const a4 = h4 + top;
  const d0 = a0 * r0 + a1 * s3 + a2 * s2 + a3 * s1;
  const d1 = a0 * r1 + a1 * r0 + a2 * s3 + a3 * s2 + a4 * s1 + (d0 >> 32);
  const d2 = a0 * r2 + a1 * r1 + a2 * r0 + a3 * s3 + a4 * s2 + (d1 >> 32);
  const d3 = a0 * r3 + a1 * r2 + a2 * r1 + a3 * r0 + a4 * s3 + (d2 >> 32);
  const d4 = a4 * r0 + (d3 >> 32);
  h0 = (d0 & LOW32) + (d4 >> 2) + (d4 & ~3); // 2^130 ≡ 5: the part of d4 above its two low bits, times 5/4
  h1 = (d1 & LOW32) + (h0 >> 32);
  h0 &= LOW32;
  h2 = d2 & LOW32;
  h3 = d3 & LOW32;
  h4 = d4 & 3;
}

function carry(): void {
  h2 += h1 >> 32;
  h1 &= LOW32;
  h3 += h2 >> 32;
  h2 &= LOW32;
  h4 += h3 >> 32;
  h3 &= LOW32;
}

/** Reduces modulo 2^130 − 5, adds s modulo 2^128 and stores the tag. */
function finish(): void {
  carry();
  // h is below 2^130 + a little; adding 5 carries into bit 130 exactly where h ≥ 2^130 − 5.
  let over = (h0 + 5) >> 32;
  over = (h1 + over) >> 32;
  over = (h2 + over) >> 32;
  over = (h3 + over) >> 32;
  over = (h4 + over) >> 2;
  const t0 = h0 + over * 5 + <u64>load<u32>(POLY1305_KEY + 16);
  const t1 = h1 + (t0 >> 32) + <u64>load<u32>(POLY1305_KEY + 20);
  const t2 = h2 + (t1 >> 32) + <u64>load<u32>(POLY1305_KEY + 24);
  const t3 = h3 + (t2 >> 32) + <u64>load<u32>(POLY1305_KEY + 28);
  store<u32>(POLY1305_TAG, <u32>t0);
  store<u32>(POLY1305_TAG, <u32>t1, 4);
  store<u32>(POLY1305_TAG, <u32>t2, 8);
  store<u32>(POLY1305_TAG, <u32>t3, 12);
}

@inline
function splat(value: u64): v128 {
  return i32x4.splat(<i32>value);
}

/** The sum of five products in the lower two lanes, 64 bits each. */
@inline
function lower(
  a0: v128, b0: v128, a1: v128, b1: v128, a2: v128, b2: v128, a3: v128, b3: v128, a4: v128, b4: v128
): v128 {
  const left = i64x2.add(i64x2.extmul_low_i32x4_u(a0, b0), i64x2.extmul_low_i32x4_u(a1, b1));
  const right = i64x2.add(i64x2.extmul_low_i32x4_u(a2, b2), i64x2.extmul_low_i32x4_u(a3, b3));
  return i64x2.add(i64x2.add(left, right), i64x2.extmul_low_i32x4_u(a4, b4));
}

/** The same in the upper two. */
@inline
function upper(
  a0: v128, b0: v128, a1: v128, b1: v128, a2: v128, b2: v128, a3: v128, b3: v128, a4: v128, b4: v128
): v128 {
  const left = i64x2.add(i64x2.extmul_high_i32x4_u(a0, b0), i64x2.extmul_high_i32x4_u(a1, b1));
  const right = i64x2.add(i64x2.extmul_high_i32x4_u(a2, b2), i64x2.extmul_high_i32x4_u(a3, b3));
  return i64x2.add(i64x2.add(left, right), i64x2.extmul_high_i32x4_u(a4, b4));
}

/** The low 32 bits of four 64-bit lanes. */
@inline
function pack(low: v128, high: v128): v128 {
  return v128.shuffle<i32>(low, high, 0, 2, 4, 6);
}

/** Takes `length` bytes, a multiple of 64, into an accumulator that is zero. Returns the end. */
function absorbInLanes(from: usize, length: usize): usize {
  // r^4, in limbs of 26 bits: their products leave room for sums in 64 bits.
  absorb(r0, r1, r2, r3, 0);
  absorb(0, 0, 0, 0, 0);
  absorb(0, 0, 0, 0, 0);
  carry();
  const k0 = h0 & LOW26;
  const k1 = ((h0 >> 26) | (h1 << 6)) & LOW26;
  const k2 = ((h1 >> 20) | (h2 << 12)) & LOW26;
  const k3 = ((h2 >> 14) | (h3 << 18)) & LOW26;
  const k4 = (h3 >> 8) | (h4 << 24);
  const p0 = splat(k0);
  const p1 = splat(k1);
  const p2 = splat(k2);
  const p3 = splat(k3);
  const p4 = splat(k4);
  const q1 = splat(5 * k1);
  const q2 = splat(5 * k2);
  const q3 = splat(5 * k3);
  const q4 = splat(5 * k4);
  const low26 = i64x2.splat(LOW26);
  const limb = i32x4.splat(0x3ffffff);
  const bit128 = i32x4.splat(1 << 24);

  let a0 = i32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let a4 = a0;
  const end = from + length;
  for (let at = from; at < end; at += 64) {
    // a = a · r^4, carried to limbs of 26 bits and a little.
    let d0 = lower(a0, p0, a1, q4, a2, q3, a3, q2, a4, q1);
    let e0 = upper(a0, p0, a1, q4, a2, q3, a3, q2, a4, q1);
    let d1 = lower(a0, p1, a1, p0, a2, q4, a3, q3, a4, q2);
    let e1 = upper(a0, p1, a1, p0, a2, q4, a3, q3, a4, q2);
    let d2 = lower(a0, p2, a1, p1, a2, p0, a3, q4, a4, q3);
    let e2 = upper(a0, p2, a1, p1, a2, p0, a3, q4, a4, q3);
    let d3 = lower(a0, p3, a1, p2, a2, p1, a3, p0, a4, q4);
    let e3 = upper(a0, p3, a1, p2, a2, p1, a3, p0, a4, q4);
    let d4 = lower(a0, p4, a1, p3, a2, p2, a3, p1, a4, p0);
    let e4 = upper(a0, p4, a1, p3, a2, p2, a3, p1, a4, p0);
    d1 = i64x2.add(d1, i64x2.shr_u(d0, 26));
    e1 = i64x2.add(e1, i64x2.shr_u(e0, 26));
    d2 = i64x2.add(d2, i64x2.shr_u(d1, 26));
    e2 = i64x2.add(e2, i64x2.shr_u(e1, 26));
    d3 = i64x2.add(d3, i64x2.shr_u(d2, 26));
    e3 = i64x2.add(e3, i64x2.shr_u(e2, 26));
    d4 = i64x2.add(d4, i64x2.shr_u(d3, 26));
    e4 = i64x2.add(e4, i64x2.shr_u(e3, 26));
    const dTop = i64x2.shr_u(d4, 26);
    const eTop = i64x2.shr_u(e4, 26);
    d0 = i64x2.add(v128.and(d0, low26), i64x2.add(dTop, i64x2.shl(dTop, 2)));
    e0 = i64x2.add(v128.and(e0, low26), i64x2.add(eTop, i64x2.shl(eTop, 2)));
    d1 = i64x2.add(v128.and(d1, low26), i64x2.shr_u(d0, 26));
    e1 = i64x2.add(v128.and(e1, low26), i64x2.shr_u(e0, 26));

    // The next four blocks: words turned into lanes, then cut into limbs.
    const b0 = v128.load(at);
    const b1 = v128.load(at, 16);
    const b2 = v128.load(at, 32);
    const b3 = v128.load(at, 48);
    const x0 = v128.shuffle<i32>(b0, b1, 0, 4, 1, 5);
    const x1 = v128.shuffle<i32>(b2, b3, 0, 4, 1, 5);
    const x2 = v128.shuffle<i32>(b0, b1, 2, 6, 3, 7);
    const x3 = v128.shuffle<i32>(b2, b3, 2, 6, 3, 7);
    const w0 = v128.shuffle<i64>(x0, x1, 0, 2);
    const w1 = v128.shuffle<i64>(x0, x1, 1, 3);
    const w2 = v128.shuffle<i64>(x2, x3, 0, 2);
    const w3 = v128.shuffle<i64>(x2, x3, 1, 3);
    const m1 = v128.and(v128.or(i32x4.shr_u(w0, 26), i32x4.shl(w1, 6)), limb);
    const m2 = v128.and(v128.or(i32x4.shr_u(w1, 20), i32x4.shl(w2, 12)), limb);
    const m3 = v128.and(v128.or(i32x4.shr_u(w2, 14), i32x4.shl(w3, 18)), limb);
    a0 = i32x4.add(v128.and(pack(d0, e0), limb), v128.and(w0, limb));
    a1 = i32x4.add(pack(d1, e1), m1);
    a2 = i32x4.add(v128.and(pack(d2, e2), limb), m2);
    a3 = i32x4.add(v128.and(pack(d3, e3), limb), m3);
    a4 = i32x4.add(v128.and(pack(d4, e4), limb), v128.or(i32x4.shr_u(w3, 8), bit128));
  }
  clear();
  absorbLane(
    i32x4.extract_lane(a0, 0), i32x4.extract_lane(a1, 0), i32x4.extract_lane(a2, 0),
    i32x4.extract_lane(a3, 0), i32x4.extract_lane(a4, 0)
  );
  absorbLane(
    i32x4.extract_lane(a0, 1), i32x4.extract_lane(a1, 1), i32x4.extract_lane(a2, 1),
    i32x4.extract_lane(a3, 1), i32x4.extract_lane(a4, 1)
  );
  absorbLane(
    i32x4.extract_lane(a0, 2), i32x4.extract_lane(a1, 2), i32x4.extract_lane(a2, 2),
    i32x4.extract_lane(a3, 2), i32x4.extract_lane(a4, 2)
  );
  absorbLane(
    i32x4.extract_lane(a0, 3), i32x4.extract_lane(a1, 3), i32x4.extract_lane(a2, 3),
    i32x4.extract_lane(a3, 3), i32x4.extract_lane(a4, 3)
  );
  return end;
}

/** The value of one lane, given in limbs of 26 bits and a little, as the next coefficient. */
function absorbLane(l0: u64, l1: u64, l2: u64, l3: u64, l4: u64): void {
  const m0 = l0 + (l1 << 26);
  const m1 = (m0 >> 32) + (l2 << 20);
  const m2 = (m1 >> 32) + (l3 << 14);
  const m3 = (m2 >> 32) + (l4 << 8);
  absorb(m0 & LOW32, m1 & LOW32, m2 & LOW32, m3 & LOW32, m3 >> 32);
}
