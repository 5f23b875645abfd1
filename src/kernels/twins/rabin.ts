import { chunkSizes } from '../chunk-sizes.ts';
import type { RabinTables } from '../rabin-tables.ts';

const WINDOW = 64;
const MASK = 0xf_ff_ff;

/** `rabinCut` of the kernels over `data[start, end)`, in a lower half of 32 bits and an upper of 21. */
export function rabinCut(data: Uint8Array, start: number, end: number, tables: RabinTables): number {
  if (end - start <= chunkSizes.min) return end;
  const out = new Uint32Array(tables.out.buffer); // pairs: low half, high half
  const mod = new Uint32Array(tables.mod.buffer);
  const last = Math.min(end, start + chunkSizes.max);
  const first = start + chunkSizes.min;
  const warm = first - WINDOW;
  let low = 0;
  let high = 0;
  for (let at = warm; at < last - 1; at++) {
    if (at - warm >= WINDOW) {
      const leaving = (data[at - WINDOW] ?? 0) * 2;
      low ^= out[leaving] ?? 0;
      high ^= out[leaving + 1] ?? 0;
    }
    const top = (high >>> 13) * 2;
    high = ((high << 8) | (low >>> 24)) ^ (mod[top + 1] ?? 0);
    low = ((low << 8) | (data[at] ?? 0)) ^ (mod[top] ?? 0);
    const cut = at + 1;
    if (cut >= first && (low & MASK) === 0) return cut;
  }
  return last;
}
