import type { Codec } from '../kernels/codec.ts';

export type CompressionLevel = 'off' | 'fastest' | 'auto' | 'better' | 'max';

/** zstd levels of the names, or `undefined` for none. */
export function zstdLevel(level: CompressionLevel): number | undefined {
  return { off: undefined, fastest: 1, auto: 3, better: 9, max: 19 }[level];
}

/** Blobs up to this size are simply compressed: a probe would cost as much. */
const PROBE_FROM_BYTES = 128 * 1024;
const SAMPLE_BYTES = 16 * 1024;
const SAMPLES = 3;
/** A sample must lose this share for the blob to be worth compressing. */
const WORTHWHILE = 0.98;

/**
 * Tells whether a blob is worth compressing, from three samples (head, middle, tail) at the fastest
 * level: a tenth of the cost of finding out on the whole blob.
 */
export class CompressionProbe {
  readonly #codec: Codec;
  readonly #scratch: Uint8Array = new Uint8Array(SAMPLE_BYTES);

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  isWorthwhile(data: Uint8Array): boolean {
    if (data.length < PROBE_FROM_BYTES) return true;
    const step = Math.floor((data.length - SAMPLE_BYTES) / (SAMPLES - 1));
    for (let i = 0; i < SAMPLES; i++) {
      const sample = data.subarray(i * step, i * step + SAMPLE_BYTES);
      const size = this.#codec.compressInto(sample, this.#scratch.subarray(0, SAMPLE_BYTES * WORTHWHILE), 1);
      if (size > 0) return true;
    }
    return false;
  }
}
