// The first bytes of a kernel memory hold tables. src/kernels/assembly/layout.ts has the same numbers.

/** Byte offsets of the tables: three of 256 × u64, the key of Poly1305 (32 bytes) and its tag (16), what `indexBlobs` found (3 × u32). */
export const scratchLayout: {
  readonly gearTable: number;
  readonly rabinOut: number;
  readonly rabinMod: number;
  readonly poly1305Key: number;
  readonly poly1305Tag: number;
  readonly indexBlobs: number;
} = {
  gearTable: 4096,
  rabinOut: 8192,
  rabinMod: 12_288,
  poly1305Key: 16_384,
  poly1305Tag: 16_448,
  indexBlobs: 16_464,
};
