// The gear chunker (docs/format/gear-chunker.md). The hash at a cut depends on the 64 bytes before it
// and on nothing else, because each step shifts the oldest byte one bit further out of 64. So four
// places are scanned at once, and only where one of them hits is the order looked at.
import { GEAR_TABLE } from './layout';

const MIN_SIZE: usize = 524288;
const NORMAL_SIZE: usize = 1048576;
const MAX_SIZE: usize = 8388608;
const WINDOW: usize = 64;
const HARD_MASK: u64 = 0xfffff80000000000; // the top 21 bits
const EASY_MASK: u64 = 0xffffe00000000000; // the top 19 bits
const LANE: usize = 4096;

@inline
function roll(hash: u64, entering: u8): u64 {
  return (hash << 1) + load<u64>((<usize>entering) << 3, GEAR_TABLE);
}

/** The hash of all but the last byte of the window before `cut`. */
function warm(cut: usize): u64 {
  let hash: u64 = 0;
  const stop = cut - 1;
  for (let at = cut - WINDOW; at < stop; at++) hash = roll(hash, load<u8>(at));
  return hash;
}

/** The first cut in [from, to) that passes the mask, or `to`. */
function scanOne(from: usize, to: usize, mask: u64): usize {
  if (from >= to) return to;
  let hash = warm(from);
  for (let cut = from; cut < to; cut++) {
    hash = roll(hash, load<u8>(cut - 1));
    if ((hash & mask) == 0) return cut;
  }
  return to;
}

/** Whether any cut in [from, from + 4 · LANE) passes the mask. */
function anyOfFour(from: usize, mask: u64): bool {
  let h0 = warm(from);
  let h1 = warm(from + LANE);
  let h2 = warm(from + 2 * LANE);
  let h3 = warm(from + 3 * LANE);
  let at = from - 1;
  const stop = at + LANE;
  while (at < stop) {
    h0 = roll(h0, load<u8>(at));
    h1 = roll(h1, load<u8>(at, LANE));
    h2 = roll(h2, load<u8>(at, 2 * LANE));
    h3 = roll(h3, load<u8>(at, 3 * LANE));
    if ((h0 & mask) == 0) return true;
    if ((h1 & mask) == 0) return true;
    if ((h2 & mask) == 0) return true;
    if ((h3 & mask) == 0) return true;
    h0 = roll(h0, load<u8>(at, 1));
    h1 = roll(h1, load<u8>(at, LANE + 1));
    h2 = roll(h2, load<u8>(at, 2 * LANE + 1));
    h3 = roll(h3, load<u8>(at, 3 * LANE + 1));
    if ((h0 & mask) == 0) return true;
    if ((h1 & mask) == 0) return true;
    if ((h2 & mask) == 0) return true;
    if ((h3 & mask) == 0) return true;
    at += 2;
  }
  return false;
}

function scan(from: usize, to: usize, mask: u64): usize {
  while (from + 4 * LANE <= to) {
    if (anyOfFour(from, mask)) return scanOne(from, from + 4 * LANE, mask);
    from += 4 * LANE;
  }
  return scanOne(from, to, mask);
}

/** The end of the chunk that starts at `start`, where the data ends at `end`. */
export function gearCut(start: usize, end: usize): usize {
  const size = end - start;
  if (size <= MIN_SIZE) return end;
  const last = size > MAX_SIZE ? start + MAX_SIZE : end;
  const turn = size > NORMAL_SIZE ? start + NORMAL_SIZE : end;
  const cut = scan(start + MIN_SIZE, turn, HARD_MASK);
  if (cut < turn) return cut;
  return scan(turn, last, EASY_MASK);
}
