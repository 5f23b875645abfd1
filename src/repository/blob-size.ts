import { SEAL_OVERHEAD } from '../kernels/codec.ts';
import type { BlobLocation } from './index/blob-index.ts';

/** Bytes of a blob's plaintext; 0 for one that is not stored. */
export function blobSize(location: BlobLocation | undefined): number {
  if (location === undefined) return 0;
  const { uncompressedLength, length } = location;
  return uncompressedLength === 0 ? Math.max(0, length - SEAL_OVERHEAD) : uncompressedLength;
}
