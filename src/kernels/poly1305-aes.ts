import type { SealKey } from './codec.ts';

/**
 * The 32-byte Poly1305 key of one message: clamped `r` ‖ AES-128-ECB(k, IV).
 * `r` is stored raw by newer writers and clamped by older ones, so it is clamped here, at use.
 */
export function clampR(macR: Uint8Array, out: Uint8Array): void {
  out.set(macR.subarray(0, 16));
  for (const at of [3, 7, 11, 15]) out[at] = (out[at] ?? 0) & 0x0f;
  for (const at of [4, 8, 12]) out[at] = (out[at] ?? 0) & 0xfc;
}

/** Whether two keys are the same objects: contexts keyed with the one serve the other. */
export function sameKey(a: SealKey | undefined, b: SealKey): boolean {
  return a !== undefined && a.encrypt === b.encrypt && a.macK === b.macK && a.macR === b.macR;
}

/** Constant-time comparison of two 16-byte MACs. */
export function equalMac(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0;
  for (let i = 0; i < 16; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}
