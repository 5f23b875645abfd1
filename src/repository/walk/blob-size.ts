import { SEAL_OVERHEAD } from '../../kernels/codec.ts';
import type { BlobLocation } from '../index/blob-index.ts';

/** Plain bytes of a blob; 0 for one that is not stored. */
export function blobSize(location: BlobLocation | undefined): number {
  if (location === undefined) return 0;
  return location.uncompressedLength === 0 ? location.length - SEAL_OVERHEAD : location.uncompressedLength;
}
