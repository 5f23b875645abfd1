// Sealed message, the form of everything encrypted in the repository (restic's format, "Keys,
// Encryption and MAC"): 0 | 16 | IV, then | n | AES-256-CTR ciphertext, then | 16 | Poly1305-AES MAC
// over the ciphertext.
import type { Codec, SealKey } from '../../kernels/codec.ts';
import { SEAL_OVERHEAD } from '../../kernels/codec.ts';

/** Seals `plain` into a new array of `plain.length + 32` bytes. */
export function sealBytes(codec: Codec, key: SealKey, plain: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(plain.length + SEAL_OVERHEAD);
  codec.sealInto(key, plain, sealed);
  return sealed;
}

/** Opens a sealed message into a new array, or the memory that `room` gives for so many bytes. Throws `SEAL_BROKEN`. */
export function openBytes(
  codec: Codec,
  key: SealKey,
  sealed: Uint8Array,
  room: (sizeBytes: number) => Uint8Array = newArray,
): Uint8Array {
  const plain = room(Math.max(0, sealed.length - SEAL_OVERHEAD));
  codec.openInto(key, sealed, plain);
  return plain;
}

function newArray(sizeBytes: number): Uint8Array {
  return new Uint8Array(sizeBytes);
}
