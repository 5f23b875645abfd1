// A zstd frame that holds its content as it is (RFC 8878 §3.1.1), for what would not shrink.
//
//   offset | size | field
//   0      | 4    | magic 0xFD2FB528
//   4      | 1    | descriptor: one segment, content size in 4 bytes
//   5      | 4    | content size
//   9      | 3    | block header: bit 0 last, bits 1–2 type (0 = raw), bits 3–23 size; then the bytes, at most 128 KiB
//   …      |      | further blocks
const MAGIC = 0xfd2fb528;
const DESCRIPTOR = 0xa0;
const HEADER_SIZE = 9;
const BLOCK_HEADER_SIZE = 3;
const MAX_BLOCK_SIZE = 128 * 1024;

/** Size of such a frame. */
export function zstdStoredSize(sizeBytes: number): number {
  return HEADER_SIZE + sizeBytes + Math.max(1, Math.ceil(sizeBytes / MAX_BLOCK_SIZE)) * BLOCK_HEADER_SIZE;
}

/** Writes the frame of `content` to the start of `out` and returns its size. */
export function writeZstdStored(content: Uint8Array, out: Uint8Array): number {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, DESCRIPTOR);
  view.setUint32(5, content.length, true);
  let at = HEADER_SIZE;
  let from = 0;
  do {
    const block = content.subarray(from, from + MAX_BLOCK_SIZE);
    from += block.length;
    const header = (from === content.length ? 1 : 0) | (block.length << 3);
    view.setUint16(at, header & 0xffff, true);
    view.setUint8(at + 2, header >>> 16);
    out.set(block, at + BLOCK_HEADER_SIZE);
    at += BLOCK_HEADER_SIZE + block.length;
  } while (from < content.length);
  return at;
}
