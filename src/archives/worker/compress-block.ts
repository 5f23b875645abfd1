import { gzipSync } from 'node:zlib';
import { CairnError } from '../../base/errors.ts';
import { type Codec, createCodec } from '../../kernels/codec.ts';
import { writeZstdStored, zstdStoredSize } from '../../formats/zstd-stored.ts';
import { type ArchiveCodec, BLOCK_ROOM } from '../codec.ts';
import { isFlat } from './flat-bytes.ts';
import type { ClaimedBlock } from './block-ring.ts';

const GZIP_LEVEL = 6;
/** What does not shrink is stored as it is, in stretches of this size. */
const STRETCH_BYTES = 256 * 1024;

/** Compresses blocks where they are: one piece of memory of the thread's own instead of one per block that waits. */
export class BlockPacker {
  readonly #kind: ArchiveCodec;
  readonly #codec = createCodec();
  readonly #scratch = new Uint8Array(BLOCK_ROOM);

  constructor(kind: ArchiveCodec) {
    this.#kind = kind;
  }

  /** Returns the size of what is in the memory of the block now. */
  pack({ memory, size }: ClaimedBlock): number {
    if (this.#kind === 'none') return size;
    const packed = compressBlock(this.#kind, this.#codec, memory.subarray(0, size), this.#scratch);
    memory.set(this.#scratch.subarray(0, packed));
    return packed;
  }
}

/** Compresses a block into `out`, which has `BLOCK_ROOM`. Returns the size there. */
export function compressBlock(kind: ArchiveCodec, codec: Codec, input: Uint8Array, out: Uint8Array): number {
  if (kind === 'zstd') return zstdFrames(codec, input, out);
  // The whole result in one piece, without joining.
  return put(kind === 'none' ? input : gzipSync(input, { chunkSize: BLOCK_ROOM, level: GZIP_LEVEL }), out);
}

/** One frame for each run of stretches that shrink, and for each run of those that do not. */
function zstdFrames(codec: Codec, input: Uint8Array, out: Uint8Array): number {
  let used = 0;
  for (let from = 0; from < input.length;) {
    const flat = isFlat(input.subarray(from, from + STRETCH_BYTES));
    let to = from;
    do to += STRETCH_BYTES;
    while (to < input.length && isFlat(input.subarray(to, to + STRETCH_BYTES)) === flat);
    const run = input.subarray(from, to);
    used += flat ? putStored(run, out.subarray(used)) : compress(codec, run, out.subarray(used));
    from = to;
  }
  return used;
}

function compress(codec: Codec, input: Uint8Array, out: Uint8Array): number {
  const size = codec.compressInto(input, out, 'archive');
  if (size === 0) throw noRoom();
  return size;
}

function putStored(bytes: Uint8Array, out: Uint8Array): number {
  if (zstdStoredSize(bytes.length) > out.length) throw noRoom();
  return writeZstdStored(bytes, out);
}

function put(bytes: Uint8Array, out: Uint8Array): number {
  if (bytes.length > out.length) throw noRoom();
  out.set(bytes);
  return bytes.length;
}

function noRoom(): CairnError {
  return new CairnError('INTERNAL', 'a compressed block of an archive has no room');
}
