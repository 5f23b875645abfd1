import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { CairnError } from '../../base/errors.ts';
import { writeZstdStored, zstdStoredSize } from '../../formats/zstd-stored.ts';
import { type ArchiveCodec, BLOCK_ROOM } from '../codec.ts';
import { isFlat } from './flat-bytes.ts';
import type { BlockMemory } from './messages.ts';

// Level 3 as the zstd program has it. The kernels' own tuning of it is for blobs of a megabyte: in blocks of four it is a
// tenth faster and a seventh larger (measured on 300 MB of libraries).
const ZSTD_PARAMETERS = { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 };
const GZIP_LEVEL = 6;
/** What does not shrink is stored as it is, in stretches of this size. */
const STRETCH_BYTES = 256 * 1024;

/** Compresses the first `size` bytes of a block into its other half. Returns the size there. */
export function compressBlock(codec: ArchiveCodec, { plain, packed }: BlockMemory, size: number): number {
  const input = plain.subarray(0, size);
  if (codec === 'zstd') return zstdFrames(input, packed);
  // The whole result in one piece, without joining.
  return put(codec === 'none' ? input : gzipSync(input, { chunkSize: BLOCK_ROOM, level: GZIP_LEVEL }), packed, 0);
}

/** A frame for each run of stretches that are worth compressing, or are not. */
function zstdFrames(input: Uint8Array, out: Uint8Array): number {
  let used = 0;
  for (let from = 0; from < input.length;) {
    const flat = isFlat(input.subarray(from, from + STRETCH_BYTES));
    let to = from;
    do to += STRETCH_BYTES;
    while (to < input.length && isFlat(input.subarray(to, to + STRETCH_BYTES)) === flat);
    const run = input.subarray(from, to);
    used = flat ? putStored(run, out, used) : put(compress(run), out, used);
    from = to;
  }
  return used;
}

function compress(input: Uint8Array): Uint8Array {
  return zstdCompressSync(input, { chunkSize: BLOCK_ROOM, params: ZSTD_PARAMETERS });
}

function putStored(bytes: Uint8Array, out: Uint8Array, at: number): number {
  if (at + zstdStoredSize(bytes.length) > out.length) throw noRoom();
  return at + writeZstdStored(bytes, out.subarray(at));
}

function put(bytes: Uint8Array, out: Uint8Array, at: number): number {
  if (at + bytes.length > out.length) throw noRoom();
  out.set(bytes, at);
  return at + bytes.length;
}

function noRoom(): CairnError {
  return new CairnError('INTERNAL', 'a compressed block of an archive has no room');
}
