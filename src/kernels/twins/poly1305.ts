// Poly1305 as RFC 8439 §2.5 states it, in big integers: slow, and easy to compare with the text.

const PRIME = (1n << 130n) - 5n;
const CLAMP = 0x0ffffffc_0ffffffc_0ffffffc_0fffffffn;
const BLOCK = 16;

/** The tag of `message` under `key32` = r ‖ s. Clamps r. */
export function poly1305(message: Uint8Array, key32: Uint8Array): Uint8Array {
  const r = littleEndian(key32.subarray(0, BLOCK)) & CLAMP;
  const s = littleEndian(key32.subarray(BLOCK));
  let sum = 0n;
  for (let at = 0; at < message.length; at += BLOCK) {
    const block = message.subarray(at, at + BLOCK);
    sum = ((sum + littleEndian(block) + (1n << BigInt(8 * block.length))) * r) % PRIME;
  }
  const tag = new Uint8Array(BLOCK);
  let rest = sum + s;
  for (let i = 0; i < BLOCK; i++) {
    tag[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return tag;
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return value;
}
