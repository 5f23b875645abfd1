import { bytesKey, bytesOf, sharedCopy } from '../base/bytes.ts';
import { NodeSearch, type NodeSpan } from '../formats/tree/node-search.ts';
import { assembleTree } from '../formats/tree/tree-encoder.ts';
import { GROUP_DIGEST_BYTES } from './group-digests.ts';
import { leafRun, NAMES_PER_RUN, type LeafNames } from './leaf-runs.ts';
import type { SourceEntry } from './source.ts';
import type { StatRunResult } from './worker/messages.ts';

/** Smaller ones are copied with the message. */
const SHARED_FROM_BYTES = 64 * 1024;

/** Leaves that are as they were. */
export interface KnownLeaves {
  readonly kind: 'known';
  /** Position of the first among the entries. */
  readonly from: number;
  /** The JSON of their nodes. */
  readonly nodes: Uint8Array;
  readonly digests: Uint8Array;
  readonly files: number;
  readonly bytes: number;
}

/** Leaves that have to be looked at again. */
export interface ChangedLeaves {
  readonly kind: 'changed';
  readonly run: LeafNames;
  /** A tree with what may have been the same leaves; `undefined`: that is the whole directory's. */
  readonly before: Uint8Array | undefined;
}

/** What the last backup saw of a directory. */
export interface KnownDirectory {
  /** Digests of its groups of leaves, one behind the other. */
  readonly groups: Uint8Array;
  /** Its tree of that time; `undefined` if that cannot be read. */
  readonly tree: Uint8Array | undefined;
}

/** A directory as it is now. */
export interface SeenDirectory {
  readonly entries: readonly SourceEntry[];
  readonly runs: readonly LeafNames[];
  /** What the system says of each run. */
  readonly looks: readonly StatRunResult[];
}

interface Group {
  readonly from: number;
  readonly count: number;
  /** Its digest, one character for each byte. */
  readonly digest: string | undefined;
  readonly files: number;
  readonly bytes: number;
}

/** Groups side by side, and where their nodes lie if they are known. */
interface Piece {
  readonly from: number;
  readonly groups: Group[];
  span: NodeSpan | undefined;
  end: number;
}

/**
 * Tells which leaves of a directory that changed did not. A group with a digest of that time has the nodes of that
 * time, and they lie side by side in the tree: consecutive leaves then are consecutive now.
 */
export function planLeaves(seen: SeenDirectory, { groups, tree }: KnownDirectory): (KnownLeaves | ChangedLeaves)[] {
  const search = tree === undefined ? undefined : NodeSearch.over(tree);
  const pieces = search === undefined ? [] : piecesOf(seen, new Set(eachDigest(groups)), search);
  if (tree === undefined || search === undefined || pieces.every(({ span }) => span === undefined)) {
    return seen.runs.map((run) => ({ kind: 'changed', run, before: undefined }));
  }
  const between = treesBetween(tree, pieces, search.all);
  return pieces.map((piece, i) => {
    const { from, groups: inside, span } = piece;
    if (span !== undefined) return { ...knownLeaves(piece), nodes: tree.subarray(span.start, span.end) };
    const run = leafRun(
      seen.entries,
      from,
      inside.map(({ count }) => count),
    );
    return { kind: 'changed', run, before: between[i] };
  });
}

function piecesOf(seen: SeenDirectory, digests: ReadonlySet<string>, search: NodeSearch): Piece[] {
  const pieces: Piece[] = [];
  for (const group of groupsOf(seen)) {
    const { from, count, digest } = group;
    const end = from + count;
    // A socket has no node: a group that begins or ends with one is not found, and looked at again.
    const span =
      digest !== undefined && digests.has(digest)
        ? search.find(seen.entries[from]?.key ?? '', seen.entries[end - 1]?.key ?? '')
        : undefined;
    const last = pieces.at(-1);
    if (last !== undefined && last.end === from && goesOn(last, span)) {
      last.groups.push(group);
      if (last.span !== undefined && span !== undefined) last.span = { start: last.span.start, end: span.end };
      last.end = end;
    } else pieces.push({ from, groups: [group], span, end });
  }
  return pieces;
}

/** Whether leaves whose nodes are there belong to a piece that ends with the leaf before. */
function goesOn({ from, span, end }: Piece, next: NodeSpan | undefined): boolean {
  if (span === undefined || next === undefined) return span === next && end - from < NAMES_PER_RUN;
  return span.end + 1 === next.start;
}

function* groupsOf({ runs, looks }: SeenDirectory): Generator<Group> {
  for (const [position, { from, groups }] of runs.entries()) {
    const { digests, counts } = looks[position] ?? {};
    const keys = digests === undefined ? [] : eachDigest(digests);
    let at = from;
    for (const [i, count] of groups.entries()) {
      yield { from: at, count, digest: keys[i], files: counts?.[2 * i] ?? 0, bytes: counts?.[2 * i + 1] ?? 0 };
      at += count;
    }
  }
}

function eachDigest(digests: Uint8Array): string[] {
  const all = bytesKey(digests);
  return Array.from({ length: all.length / GROUP_DIGEST_BYTES }, (_, i) =>
    all.slice(i * GROUP_DIGEST_BYTES, (i + 1) * GROUP_DIGEST_BYTES),
  );
}

/** For each piece that changed, a tree of what lay between the known ones beside it. */
function treesBetween(tree: Uint8Array, pieces: readonly Piece[], all: NodeSpan): (Uint8Array | undefined)[] {
  const trees: (Uint8Array | undefined)[] = [];
  let { start } = all;
  let between: Uint8Array | undefined;
  for (const [i, { span }] of pieces.entries()) {
    if (span === undefined) between ??= treeOf(tree, start, nextStart(pieces, i, all.end));
    else {
      between = undefined;
      start = span.end + 1;
    }
    trees.push(between);
  }
  return trees;
}

function nextStart(pieces: readonly Piece[], from: number, end: number): number {
  for (let i = from; i < pieces.length; i++) {
    const span = pieces[i]?.span;
    if (span !== undefined) return span.start - 1;
  }
  return end;
}

function treeOf(tree: Uint8Array, start: number, end: number): Uint8Array {
  const json = assembleTree(start < end ? [tree.subarray(start, end)] : []);
  return json.length < SHARED_FROM_BYTES ? json : sharedCopy(json);
}

function knownLeaves({ from, groups }: Piece): Omit<KnownLeaves, 'nodes'> {
  let files = 0;
  let bytes = 0;
  for (const group of groups) {
    files += group.files;
    bytes += group.bytes;
  }
  return { kind: 'known', from, digests: bytesOf(groups.map(({ digest }) => digest ?? '').join('')), files, bytes };
}
