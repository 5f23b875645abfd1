import { createHash } from 'node:crypto';

let table: BigUint64Array | undefined;

/**
 * The 256 values of the gear chunker: entry b is the first eight bytes, little-endian, of
 * SHA-256("cairn-gear-v1" ‖ b). They are part of the format (docs/format/gear-chunker.md).
 */
export function gearTable(): BigUint64Array {
  table ??= BigUint64Array.from({ length: 256 }, (_, byte) =>
    createHash('sha256').update('cairn-gear-v1').update(Uint8Array.of(byte)).digest().readBigUInt64LE(0),
  );
  return table;
}
