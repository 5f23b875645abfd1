import { equalBytes } from '../base/bytes.ts';
import { CairnError } from '../base/errors.ts';
import { type BlobId, idToBytes } from '../base/ids.ts';
import { type Codec, SEAL_OVERHEAD, type SealKey } from '../kernels/codec.ts';

/**
 * Opens, decompresses and verifies one blob. `uncompressedLength` is 0 for blobs stored as they are.
 * Throws `SEAL_BROKEN`, `COMPRESSION_INVALID`, or `BLOB_CORRUPT` when the content does not match the id.
 */
export function decodeBlob(
  codec: Codec,
  key: SealKey,
  sealed: Uint8Array,
  expected: { readonly id: BlobId; readonly uncompressedLength: number },
): Uint8Array {
  const opened = new Uint8Array(Math.max(0, sealed.length - SEAL_OVERHEAD));
  codec.openInto(key, sealed, opened);
  const plain = expected.uncompressedLength === 0 ? opened : decompress(codec, opened, expected.uncompressedLength);
  const hash = new Uint8Array(32);
  codec.sha256(plain, hash);
  if (!equalBytes(hash, idToBytes(expected.id))) {
    throw new CairnError('BLOB_CORRUPT', `the content of blob ${expected.id} does not match its id`);
  }
  return plain;
}

function decompress(codec: Codec, data: Uint8Array, size: number): Uint8Array {
  const plain = new Uint8Array(size);
  const written = codec.decompressInto(data, plain);
  if (written !== size) {
    throw new CairnError('COMPRESSION_INVALID', `${written} bytes came out where ${size} are recorded`);
  }
  return plain;
}
