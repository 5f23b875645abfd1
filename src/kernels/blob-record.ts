// The record of a blob: where one copy of it lies. The kernel `indexBlobs` writes them, and the index keeps them
// (src/repository/index/blob-index.ts), so both have one layout; src/kernels/assembly/index-blobs.ts has the same numbers.
//   0 | 32 | id          SHA-256 of the plaintext
//  32 |  4 | pack        bits 0–29 which pack; bit 31 blob type (1 = tree)
//  36 |  4 | offset      bytes from the start of the pack
//  40 |  4 | length      sealed bytes
//  44 |  4 | plain       bytes before compression, 0 = stored raw

export const RECORD_BYTES = 48;
export const RECORD_WORDS: number = RECORD_BYTES / 4;

/** Words of a record. */
export const PACK_WORD = 8;
export const OFFSET_WORD = 9;
export const LENGTH_WORD = 10;
export const PLAIN_WORD = 11;

/** Bits of the pack's word. */
export const TREE_BIT = 0x80000000;
export const PACK_MASK = 0x3fffffff;
