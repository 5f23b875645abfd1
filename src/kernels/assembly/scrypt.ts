// scrypt's ROMix (RFC 7914 §3–5) with Salsa20/8 on vectors. One lane is a chain of dependent steps, so a processor
// idles most of the time; three lanes side by side take half as long again as one (measured: 59 ms beside 39 ms).
//
// A lane of cost n and block size r lies at `lane` as
//   V (n · 128r) ‖ X (128r) ‖ Y (128r)
// X is the block to mix, and the result. Inside, each 64 bytes of it hold their 16 words along the diagonals, so
// that a quarter round is four words wide: word i of them is word 5i mod 16 of the block.

const BLOCK: usize = 64;

/** Steps `from` to `to` of the 2n that mix the block of one lane: n that fill V, then n that read it in random order. */
export function scryptMix(lane: usize, r: usize, n: usize, from: usize, to: usize): void {
  const size: usize = 128 * r;
  const x = lane + n * size;
  const y = x + size;
  let step = from;
  if (step == 0) begin(lane, x, y, r);
  // X lies behind the last block of V, so that the last filling step writes it.
  for (; step < n && step < to; step++) mixOne(lane + step * size, 0, lane + (step + 1) * size, r);
  for (; step < to; step++) {
    if (step & 1) mixOne(y, chosen(lane, y, r, n), x, r);
    else mixOne(x, chosen(lane, x, r, n), y, r);
  }
  if (to == 2 * n) fromDiagonals(x, y, r);
}

/** The same for three lanes that lie one behind the other. */
export function scryptMixThree(lane: usize, r: usize, n: usize, from: usize, to: usize): void {
  const size: usize = 128 * r;
  const stride: usize = (n + 2) * size;
  const x = lane + n * size;
  const y = x + size;
  let step = from;
  if (step == 0) for (let at: usize = 0; at < 3 * stride; at += stride) begin(lane + at, x + at, y + at, r);
  for (; step < n && step < to; step++) mixThree(lane + step * size, 0, 0, 0, lane + (step + 1) * size, stride, r);
  const laneB = lane + stride;
  const laneC = laneB + stride;
  for (; step < to; step++) {
    const block = step & 1 ? y : x;
    mixThree(
      block,
      chosen(lane, block, r, n),
      chosen(laneB, block + stride, r, n),
      chosen(laneC, block + 2 * stride, r, n),
      step & 1 ? x : y,
      stride,
      r
    );
  }
  if (to == 2 * n) for (let at: usize = 0; at < 3 * stride; at += stride) fromDiagonals(x + at, y + at, r);
}

function begin(lane: usize, x: usize, y: usize, r: usize): void {
  toDiagonals(x, y, r);
  memory.copy(lane, x, 128 * r);
}

/** The block of V that `block` names (Integerify): n is a power of two, at most 2^32. */
@inline
function chosen(lane: usize, block: usize, r: usize, n: usize): usize {
  return lane + (<usize>load<u32>(block + (2 * r - 1) * BLOCK) & (n - 1)) * (128 * r);
}

function toDiagonals(x: usize, spare: usize, r: usize): void {
  memory.copy(spare, x, 128 * r);
  for (let at: usize = 0; at < 128 * r; at += BLOCK) {
    for (let i: usize = 0; i < 16; i++) store<u32>(x + at + 4 * i, load<u32>(spare + at + 4 * ((5 * i) & 15)));
  }
}

function fromDiagonals(x: usize, spare: usize, r: usize): void {
  memory.copy(spare, x, 128 * r);
  for (let at: usize = 0; at < 128 * r; at += BLOCK) {
    for (let i: usize = 0; i < 16; i++) store<u32>(x + at + 4 * ((5 * i) & 15), load<u32>(spare + at + 4 * i));
  }
}

@inline
function quarter(target: v128, a: v128, b: v128, bits: i32): v128 {
  const sum = i32x4.add(a, b);
  return v128.xor(target, v128.or(i32x4.shl(sum, bits), i32x4.shr_u(sum, 32 - bits)));
}

/** Words 1, 2, 3, 0 of a row. */
@inline
function turn1(row: v128): v128 {
  return v128.shuffle<i32>(row, row, 1, 2, 3, 0);
}

@inline
function turn2(row: v128): v128 {
  return v128.shuffle<i32>(row, row, 2, 3, 0, 1);
}

@inline
function turn3(row: v128): v128 {
  return v128.shuffle<i32>(row, row, 3, 0, 1, 2);
}

/** A row of the input; `other` = 0 means that there is nothing to add to it. */
@inline
function row(from: usize, other: usize, at: usize): v128 {
  const value = v128.load(from + at);
  return other == 0 ? value : v128.xor(value, v128.load(other + at));
}

/** BlockMix of `from` ⊕ `other` to `to`: blocks of even number to the first half, of odd number to the second. */
@inline
function mixOne(from: usize, other: usize, to: usize, r: usize): void {
  const last: usize = (2 * r - 1) * BLOCK;
  let a0 = row(from, other, last);
  let a1 = row(from, other, last + 16);
  let a2 = row(from, other, last + 32);
  let a3 = row(from, other, last + 48);
  for (let at: usize = 0; at < 128 * r; at += BLOCK) {
    a0 = v128.xor(a0, row(from, other, at));
    a1 = v128.xor(a1, row(from, other, at + 16));
    a2 = v128.xor(a2, row(from, other, at + 32));
    a3 = v128.xor(a3, row(from, other, at + 48));
    const s0 = a0;
    const s1 = a1;
    const s2 = a2;
    const s3 = a3;
    for (let round = 0; round < 4; round++) {
      a1 = quarter(a1, a0, a3, 7);
      a2 = quarter(a2, a1, a0, 9);
      a3 = quarter(a3, a2, a1, 13);
      a0 = quarter(a0, a3, a2, 18);
      a1 = turn3(a1);
      a2 = turn2(a2);
      a3 = turn1(a3);
      a3 = quarter(a3, a0, a1, 7);
      a2 = quarter(a2, a3, a0, 9);
      a1 = quarter(a1, a2, a3, 13);
      a0 = quarter(a0, a1, a2, 18);
      a1 = turn1(a1);
      a2 = turn2(a2);
      a3 = turn3(a3);
    }
    a0 = i32x4.add(a0, s0);
    a1 = i32x4.add(a1, s1);
    a2 = i32x4.add(a2, s2);
    a3 = i32x4.add(a3, s3);
    const out = to + ((at >> 1) & ~63) + (at & 64 ? 64 * r : 0);
    v128.store(out, a0);
    v128.store(out, a1, 16);
    v128.store(out, a2, 32);
    v128.store(out, a3, 48);
  }
}

/** The same for three lanes `stride` apart, step by step together. */
@inline
function mixThree(
  from: usize, otherA: usize, otherB: usize, otherC: usize, to: usize, stride: usize, r: usize
): void {
  const fromB = from + stride;
  const fromC = fromB + stride;
  const last: usize = (2 * r - 1) * BLOCK;
  let a0 = row(from, otherA, last);
  let b0 = row(fromB, otherB, last);
  let c0 = row(fromC, otherC, last);
  let a1 = row(from, otherA, last + 16);
  let b1 = row(fromB, otherB, last + 16);
  let c1 = row(fromC, otherC, last + 16);
  let a2 = row(from, otherA, last + 32);
  let b2 = row(fromB, otherB, last + 32);
  let c2 = row(fromC, otherC, last + 32);
  let a3 = row(from, otherA, last + 48);
  let b3 = row(fromB, otherB, last + 48);
  let c3 = row(fromC, otherC, last + 48);
  for (let at: usize = 0; at < 128 * r; at += BLOCK) {
    a0 = v128.xor(a0, row(from, otherA, at));
    b0 = v128.xor(b0, row(fromB, otherB, at));
    c0 = v128.xor(c0, row(fromC, otherC, at));
    a1 = v128.xor(a1, row(from, otherA, at + 16));
    b1 = v128.xor(b1, row(fromB, otherB, at + 16));
    c1 = v128.xor(c1, row(fromC, otherC, at + 16));
    a2 = v128.xor(a2, row(from, otherA, at + 32));
    b2 = v128.xor(b2, row(fromB, otherB, at + 32));
    c2 = v128.xor(c2, row(fromC, otherC, at + 32));
    a3 = v128.xor(a3, row(from, otherA, at + 48));
    b3 = v128.xor(b3, row(fromB, otherB, at + 48));
    c3 = v128.xor(c3, row(fromC, otherC, at + 48));
    const as0 = a0;
    const bs0 = b0;
    const cs0 = c0;
    const as1 = a1;
    const bs1 = b1;
    const cs1 = c1;
    const as2 = a2;
    const bs2 = b2;
    const cs2 = c2;
    const as3 = a3;
    const bs3 = b3;
    const cs3 = c3;
    for (let round = 0; round < 4; round++) {
      a1 = quarter(a1, a0, a3, 7);
      b1 = quarter(b1, b0, b3, 7);
      c1 = quarter(c1, c0, c3, 7);
      a2 = quarter(a2, a1, a0, 9);
      b2 = quarter(b2, b1, b0, 9);
      c2 = quarter(c2, c1, c0, 9);
      a3 = quarter(a3, a2, a1, 13);
      b3 = quarter(b3, b2, b1, 13);
      c3 = quarter(c3, c2, c1, 13);
      a0 = quarter(a0, a3, a2, 18);
      b0 = quarter(b0, b3, b2, 18);
      c0 = quarter(c0, c3, c2, 18);
      a1 = turn3(a1);
      b1 = turn3(b1);
      c1 = turn3(c1);
      a2 = turn2(a2);
      b2 = turn2(b2);
      c2 = turn2(c2);
      a3 = turn1(a3);
      b3 = turn1(b3);
      c3 = turn1(c3);
      a3 = quarter(a3, a0, a1, 7);
      b3 = quarter(b3, b0, b1, 7);
      c3 = quarter(c3, c0, c1, 7);
      a2 = quarter(a2, a3, a0, 9);
      b2 = quarter(b2, b3, b0, 9);
      c2 = quarter(c2, c3, c0, 9);
      a1 = quarter(a1, a2, a3, 13);
      b1 = quarter(b1, b2, b3, 13);
      c1 = quarter(c1, c2, c3, 13);
      a0 = quarter(a0, a1, a2, 18);
      b0 = quarter(b0, b1, b2, 18);
      c0 = quarter(c0, c1, c2, 18);
      a1 = turn1(a1);
      b1 = turn1(b1);
      c1 = turn1(c1);
      a2 = turn2(a2);
      b2 = turn2(b2);
      c2 = turn2(c2);
      a3 = turn3(a3);
      b3 = turn3(b3);
      c3 = turn3(c3);
    }
    a0 = i32x4.add(a0, as0);
    b0 = i32x4.add(b0, bs0);
    c0 = i32x4.add(c0, cs0);
    a1 = i32x4.add(a1, as1);
    b1 = i32x4.add(b1, bs1);
    c1 = i32x4.add(c1, cs1);
    a2 = i32x4.add(a2, as2);
    b2 = i32x4.add(b2, bs2);
    c2 = i32x4.add(c2, cs2);
    a3 = i32x4.add(a3, as3);
    b3 = i32x4.add(b3, bs3);
    c3 = i32x4.add(c3, cs3);
    const outA = to + ((at >> 1) & ~63) + (at & 64 ? 64 * r : 0);
    const outB = outA + stride;
    const outC = outB + stride;
    v128.store(outA, a0);
    v128.store(outB, b0);
    v128.store(outC, c0);
    v128.store(outA, a1, 16);
    v128.store(outB, b1, 16);
    v128.store(outC, c1, 16);
    v128.store(outA, a2, 32);
    v128.store(outB, b2, 32);
    v128.store(outC, c2, 32);
    v128.store(outA, a3, 48);
    v128.store(outB, b3, 48);
    v128.store(outC, c3, 48);
  }
}
