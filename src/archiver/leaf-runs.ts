import type { SourceEntry } from './source.ts';

/** Names that are handed out together, about: a run ends with the group that reaches it. */
export const NAMES_PER_RUN = 32;
/** What one changed file costs, since the others of its group are looked at again with it. */
const MAX_NAMES_PER_GROUP = 32;
/** One name of sixteen ends its group. */
const GROUP_MASK = 15;

/**
 * The leaves of a directory as runs of consecutive leaves, and each run as groups, of which digests are kept. Where a group ends depends on
 * the names in it, so that a new name, or one that is gone, leaves all other groups as they were.
 */
export interface LeafNames {
  /** Position of the first leaf among the entries. */
  readonly from: number;
  readonly count: number;
  /** Each name followed by a NUL. */
  readonly names: Uint8Array;
  /** How many names each group has. */
  readonly groups: Uint8Array;
  /** See `LeafRun`. */
  readonly onlyFiles: boolean;
}

export function leafRuns(entries: readonly SourceEntry[]): LeafNames[] {
  const runs: LeafNames[] = [];
  for (let at = 0; at < entries.length;) {
    const groups: number[] = [];
    let end = at;
    while (end - at < NAMES_PER_RUN && entries[end]?.kind === 'leaf') {
      const start = end;
      for (let entry = entries[end]; entry?.kind === 'leaf'; entry = entries[end]) {
        if (++end - start === MAX_NAMES_PER_GROUP || endsGroup(entry.key)) break;
      }
      groups.push(end - start);
    }
    if (end > at) runs.push(leafRun(entries, at, groups));
    at = Math.max(end, at + 1);
  }
  return runs;
}

/** Leaves from one position on, in groups of so many. */
export function leafRun(entries: readonly SourceEntry[], from: number, groups: readonly number[]): LeafNames {
  const count = groups.reduce((sum, size) => sum + size, 0);
  let onlyFiles = true;
  for (let i = from; i < from + count; i++) {
    const entry = entries[i];
    onlyFiles &&= entry?.kind === 'leaf' && entry.isFile;
  }
  return { from, count, names: joinNames(entries, from, from + count), groups: Uint8Array.from(groups), onlyFiles };
}

/** By a hash of the name (FNV-1a, whose lowest bits are the least mixed). */
function endsGroup(key: string): boolean {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return ((hash ^ (hash >>> 15)) & GROUP_MASK) === 0;
}

function joinNames(entries: readonly SourceEntry[], from: number, end: number): Uint8Array {
  let size = end - from;
  for (let i = from; i < end; i++) size += entries[i]?.key.length ?? 0;
  const joined = Buffer.alloc(size);
  let at = 0;
  for (let i = from; i < end; i++) at += joined.write(entries[i]?.key ?? '', at, 'latin1') + 1;
  return joined;
}
