import { chunkSizes } from '../chunk-sizes.ts';
import { gearTable } from '../gear-table.ts';

const WINDOW = 64;
/** The top 21 bits of the upper half, and the top 19. */
const HARD_MASK = 0xff_ff_f8_00;
const EASY_MASK = 0xff_ff_e0_00;

/** `gearCut` of the kernels over `data[start, end)`, in 32-bit halves. */
export function gearCut(data: Uint8Array, start: number, end: number): number {
  if (end - start <= chunkSizes.min) return end;
  const table = new Uint32Array(gearTable().buffer); // pairs: low half, high half
  const turn = start + chunkSizes.normal;
  const last = Math.min(end, start + chunkSizes.max);
  const first = start + chunkSizes.min;
  let low = 0;
  let high = 0;
  for (let at = first - WINDOW; at < last - 1; at++) {
    const entry = (data[at] ?? 0) * 2;
    const sum = ((low << 1) >>> 0) + (table[entry] ?? 0);
    high = ((high << 1) | (low >>> 31)) + (table[entry + 1] ?? 0) + (sum > 0xff_ff_ff_ff ? 1 : 0);
    low = sum >>> 0;
    const cut = at + 1;
    if (cut >= first && (high & (cut < turn ? HARD_MASK : EASY_MASK)) === 0) return cut;
  }
  return last;
}
