import { hash } from 'node:crypto';

let table: BigUint64Array | undefined;

/**
 * The 256 values of the gear chunker: entry b is the first eight bytes, little-endian, of
 * SHA-256("cairn-gear-v1" ‖ b). They are part of the format (docs/format/gear-chunker.md).
 */
export function gearTable(): BigUint64Array {
  table ??= makeTable();
  return table;
}

function makeTable(): BigUint64Array {
  const text = Buffer.from('cairn-gear-v1?');
  return BigUint64Array.from({ length: 256 }, (_, byte) => {
    text[text.length - 1] = byte;
    return hash('sha256', text, 'buffer').readBigUInt64LE(0);
  });
}
