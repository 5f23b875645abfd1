// Where the kernels keep their tables in memory. src/kernels/scratch.ts holds the same numbers for
// the TypeScript side.

/** 256 × u64: the gear table. */
export const GEAR_TABLE: usize = 4096;
/** 256 × u64: what a byte leaves behind when it falls out of Rabin's window. */
export const RABIN_OUT: usize = 8192;
/** 256 × u64: reduces the top byte modulo the polynomial. */
export const RABIN_MOD: usize = 12288;
/** 32 bytes: the one-time key of Poly1305, r ‖ s. */
export const POLY1305_KEY: usize = 16384;
/** 16 bytes: the tag. */
export const POLY1305_TAG: usize = 16448;
/** 3 × u32: what `indexBlobs` found: blobs, packs, and where it stopped. */
export const INDEX_BLOBS: usize = 16464;
