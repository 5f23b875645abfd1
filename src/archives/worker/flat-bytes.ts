// Whether bytes are so evenly spread that compressing them is a waste: pictures, films, archives, ciphertext.

const SAMPLE_BYTES = 4096;
const SAMPLES = 4;
/**
 * Sum of the squares of the counts of 4,096 bytes. Bytes of noise give 69,632 on average, with a spread of 360; a JPEG
 * some 70,000, machine code and text several times that.
 */
const FLAT_BELOW = 76_000;

const counts = new Uint32Array(256);

/** From four samples; what is shorter than they are is never taken for flat. */
export function isFlat(bytes: Uint8Array): boolean {
  if (bytes.length < SAMPLES * SAMPLE_BYTES) return false;
  const step = Math.floor((bytes.length - SAMPLE_BYTES) / (SAMPLES - 1));
  for (let i = 0; i < SAMPLES; i++) {
    if (unevenness(bytes.subarray(i * step, i * step + SAMPLE_BYTES)) > FLAT_BELOW) return false;
  }
  return true;
}

function unevenness(sample: Uint8Array): number {
  counts.fill(0);
  for (let at = 0; at < sample.length; at++) {
    const byte = sample[at] ?? 0;
    counts[byte] = (counts[byte] ?? 0) + 1;
  }
  let sum = 0;
  for (let value = 0; value < 256; value++) sum += (counts[value] ?? 0) ** 2;
  return sum;
}
