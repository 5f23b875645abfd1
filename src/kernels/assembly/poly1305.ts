// Poly1305 (RFC 8439 §2.5) over 32-bit limbs in 64-bit arithmetic. The clamp leaves r's upper limbs
// divisible by four, so a product that reaches 2^130 folds back as 5/4 of the limb: twenty
// multiplications a block and no splitting of the message.
import { POLY1305_KEY, POLY1305_TAG } from './layout';

const LOW: u64 = 0xffffffff;

/** Writes the tag of memory[offset, offset + length) under the key in POLY1305_KEY to POLY1305_TAG. */
export function poly1305(offset: usize, length: usize): void {
  const r0 = <u64>load<u32>(POLY1305_KEY) & 0x0fffffff;
  const r1 = <u64>load<u32>(POLY1305_KEY + 4) & 0x0ffffffc;
  const r2 = <u64>load<u32>(POLY1305_KEY + 8) & 0x0ffffffc;
  const r3 = <u64>load<u32>(POLY1305_KEY + 12) & 0x0ffffffc;
  const s1 = r1 + (r1 >> 2);
  const s2 = r2 + (r2 >> 2);
  const s3 = r3 + (r3 >> 2);
  let h0: u64 = 0;
  let h1: u64 = 0;
  let h2: u64 = 0;
  let h3: u64 = 0;
  let h4: u64 = 0;
  let at = offset;
  let rest = length;
  while (rest != 0) {
    let m0: u64;
    let m1: u64;
    let m2: u64;
    let m3: u64;
    let top: u64 = 1;
    if (rest >= 16) {
      m0 = <u64>load<u32>(at);
      m1 = <u64>load<u32>(at, 4);
      m2 = <u64>load<u32>(at, 8);
      m3 = <u64>load<u32>(at, 12);
      at += 16;
      rest -= 16;
    } else {
      // The last bytes get a one behind them, inside the block.
      store<u64>(POLY1305_TAG, 0);
      store<u64>(POLY1305_TAG, 0, 8);
      memory.copy(POLY1305_TAG, at, rest);
      store<u8>(POLY1305_TAG + rest, 1);
      m0 = <u64>load<u32>(POLY1305_TAG);
      m1 = <u64>load<u32>(POLY1305_TAG, 4);
      m2 = <u64>load<u32>(POLY1305_TAG, 8);
      m3 = <u64>load<u32>(POLY1305_TAG, 12);
      top = 0;
      rest = 0;
    }
    // Limbs stay below 2^33 here and r's below 2^28.4, so four products and their sum fit 64 bits
    // without a carry before the multiplication.
    h0 += m0;
    h1 += m1;
    h2 += m2;
    h3 += m3;
    h4 += top;
    const d0 = h0 * r0 + h1 * s3 + h2 * s2 + h3 * s1;
    let d1 = h0 * r1 + h1 * r0 + h2 * s3 + h3 * s2 + h4 * s1;
    let d2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * s3 + h4 * s2;
    let d3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * s3;
    d1 += d0 >> 32;
    d2 += d1 >> 32;
    d3 += d2 >> 32;
    h4 = h4 * r0 + (d3 >> 32);
    h0 = (d0 & LOW) + (h4 >> 2) + (h4 & ~3);
    h1 = (d1 & LOW) + (h0 >> 32);
    h0 &= LOW;
    h2 = d2 & LOW;
    h3 = d3 & LOW;
    h4 &= 3;
  }
  finish(h0, h1, h2, h3, h4);
}

/** Reduces modulo 2^130 − 5, adds s modulo 2^128 and stores the tag. */
function finish(h0: u64, h1: u64, h2: u64, h3: u64, h4: u64): void {
  h2 += h1 >> 32;
  h1 &= LOW;
  h3 += h2 >> 32;
  h2 &= LOW;
  h4 += h3 >> 32;
  h3 &= LOW;
  // h is below 2^130 + a little; adding 5 carries into bit 130 exactly where h ≥ 2^130 − 5.
  let carry = (h0 + 5) >> 32;
  carry = (h1 + carry) >> 32;
  carry = (h2 + carry) >> 32;
  carry = (h3 + carry) >> 32;
  const quotient = (h4 + carry) >> 2;
  h0 += quotient * 5 + <u64>load<u32>(POLY1305_KEY + 16);
  h1 += (h0 >> 32) + <u64>load<u32>(POLY1305_KEY + 20);
  h2 += (h1 >> 32) + <u64>load<u32>(POLY1305_KEY + 24);
  h3 += (h2 >> 32) + <u64>load<u32>(POLY1305_KEY + 28);
  store<u32>(POLY1305_TAG, <u32>h0);
  store<u32>(POLY1305_TAG, <u32>h1, 4);
  store<u32>(POLY1305_TAG, <u32>h2, 8);
  store<u32>(POLY1305_TAG, <u32>h3, 12);
}
