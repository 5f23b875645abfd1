// restic's Rabin chunker (repository format, chunker). The fingerprint at a cut is a function of the
// 64 bytes before it, so four places are scanned at once: one place alone waits for its own table
// lookups most of the time.
import { RABIN_MOD, RABIN_OUT } from './layout';

const MIN_SIZE: usize = 524288;
const MAX_SIZE: usize = 8388608;
const WINDOW: usize = 64;
const MASK: u64 = 0xfffff;
const LANE: usize = 4096;

@inline
function append(hash: u64, entering: u8): u64 {
  return ((hash << 8) | (<u64>entering)) ^ load<u64>((<usize>(hash >> 45)) << 3, RABIN_MOD);
}

@inline
function roll(hash: u64, leaving: u8, entering: u8): u64 {
  return append(hash ^ load<u64>((<usize>leaving) << 3, RABIN_OUT), entering);
}

/** The fingerprint of the 64 bytes that begin at `at`. */
function warm(at: usize): u64 {
  let hash: u64 = 0;
  const stop = at + WINDOW;
  for (; at < stop; at++) hash = append(hash, load<u8>(at));
  return hash;
}

/** The first cut in [from, to) where the low bits are zero, or `to`. */
function scanOne(from: usize, to: usize): usize {
  if (from >= to) return to;
  let at = from - WINDOW - 1;
  const stop = to - WINDOW - 1;
  let hash = warm(at);
  for (; at < stop; at++) {
    hash = roll(hash, load<u8>(at), load<u8>(at, WINDOW));
    if ((hash & MASK) == 0) return at + WINDOW + 1;
  }
  return to;
}

/** Whether any cut in [from, from + 4 · LANE) has its low bits zero. */
function anyOfFour(from: usize): bool {
  let at = from - WINDOW - 1;
  const stop = at + LANE;
  let h0 = warm(at);
  let h1 = warm(at + LANE);
  let h2 = warm(at + 2 * LANE);
  let h3 = warm(at + 3 * LANE);
  for (; at < stop; at++) {
    h0 = roll(h0, load<u8>(at), load<u8>(at, WINDOW));
    h1 = roll(h1, load<u8>(at, LANE), load<u8>(at, LANE + WINDOW));
    h2 = roll(h2, load<u8>(at, 2 * LANE), load<u8>(at, 2 * LANE + WINDOW));
    h3 = roll(h3, load<u8>(at, 3 * LANE), load<u8>(at, 3 * LANE + WINDOW));
    if ((h0 & MASK) == 0) return true;
    if ((h1 & MASK) == 0) return true;
    if ((h2 & MASK) == 0) return true;
    if ((h3 & MASK) == 0) return true;
  }
  return false;
}

/** The end of the chunk that starts at `start`, where the data ends at `end`. */
export function rabinCut(start: usize, end: usize): usize {
  const size = end - start;
  if (size <= MIN_SIZE) return end;
  const last = size > MAX_SIZE ? start + MAX_SIZE : end;
  let from = start + MIN_SIZE;
  while (from + 4 * LANE <= last) {
    if (anyOfFour(from)) return scanOne(from, from + 4 * LANE);
    from += 4 * LANE;
  }
  return scanOne(from, last);
}
