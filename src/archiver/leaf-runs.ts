import type { SourceEntry } from './source.ts';

/** Names in one run: what one changed file costs, since the others of its run are looked at again with it. */
const NAMES_PER_RUN = 32;

/**
 * The leaves of a directory as runs: consecutive leaves, at most `NAMES_PER_RUN`. The split depends on
 * nothing but the listing, so that the digest of a run can be compared with that of an earlier backup.
 */
export interface LeafNames {
  /** Position of the first leaf among the entries. */
  readonly from: number;
  readonly count: number;
  /** Each name followed by a NUL. */
  readonly names: Uint8Array;
  /** See `LeafRun`. */
  readonly onlyFiles: boolean;
}

export function leafRuns(entries: readonly SourceEntry[]): LeafNames[] {
  const runs: LeafNames[] = [];
  for (let at = 0; at < entries.length;) {
    let end = at;
    let onlyFiles = true;
    for (let entry = entries[end]; end - at < NAMES_PER_RUN && entry?.kind === 'leaf'; entry = entries[++end]) {
      onlyFiles &&= entry.isFile;
    }
    if (end > at) runs.push({ from: at, count: end - at, names: joinNames(entries, at, end), onlyFiles });
    at = Math.max(end, at + 1);
  }
  return runs;
}

function joinNames(entries: readonly SourceEntry[], from: number, end: number): Uint8Array {
  let size = end - from;
  for (let i = from; i < end; i++) size += entries[i]?.key.length ?? 0;
  const joined = Buffer.alloc(size);
  let at = 0;
  for (let i = from; i < end; i++) at += joined.write(entries[i]?.key ?? '', at, 'latin1') + 1;
  return joined;
}
