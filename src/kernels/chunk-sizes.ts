/** Bounds of content-defined chunks in bytes, those of restic; `normal` is where the gear chunker's cuts become four times as frequent. */
export const chunkSizes: { readonly min: number; readonly normal: number; readonly max: number } = {
  min: 524_288,
  normal: 1_048_576,
  max: 8_388_608,
};
