import { bytesKey, sharedCopy } from '../base/bytes.ts';
import { findNodeSpan, nodesOf, type NodeSpan } from '../formats/tree/node-span.ts';
import { assembleTree } from '../formats/tree/tree-encoder.ts';
import { GROUP_DIGEST_BYTES } from './group-digests.ts';
import { NAMES_PER_RUN, type LeafNames } from './leaf-runs.ts';
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

interface Group {
  readonly from: number;
  readonly count: number;
  readonly names: Uint8Array;
  readonly onlyFiles: boolean;
  readonly digest: Uint8Array | undefined;
  readonly files: number;
  readonly bytes: number;
}

/** Groups side by side, and where their nodes lie if they are known. */
interface Piece {
  readonly groups: Group[];
  span: NodeSpan | undefined;
  end: number;
}

/**
 * Tells which leaves of a directory that changed did not. A group with a digest of that time has the nodes of that
 * time, and they lie side by side in the tree: consecutive leaves then are consecutive now.
 */
export function planLeaves(
  runs: readonly LeafNames[],
  looks: readonly StatRunResult[],
  known: KnownDirectory,
): (KnownLeaves | ChangedLeaves)[] {
  const { tree } = known;
  const pieces = piecesOf(runs, looks, known);
  if (tree === undefined || pieces.every(({ span }) => span === undefined)) {
    return runs.map((run) => ({ kind: 'changed', run, before: undefined }));
  }
  const between = treesBetween(tree, pieces);
  return pieces.map(({ groups, span }, i) =>
    span === undefined
      ? { kind: 'changed', run: runOf(groups), before: between[i] }
      : { ...knownLeaves(groups), nodes: tree.subarray(span.start, span.end) },
  );
}

function piecesOf(runs: readonly LeafNames[], looks: readonly StatRunResult[], known: KnownDirectory): Piece[] {
  const digests = keysOf(known.groups);
  const pieces: Piece[] = [];
  /** Groups are asked for in the order of their names, so that the whole tree is searched once. */
  let searched = 0;
  for (const group of groupsOf(runs, looks)) {
    const isKnown = group.digest !== undefined && digests.has(bytesKey(group.digest));
    const span = isKnown && known.tree !== undefined ? spanOf(known.tree, group.names, searched) : undefined;
    searched = span?.end ?? searched;
    const last = pieces.at(-1);
    if (last !== undefined && last.end === group.from && goesOn(last, span)) {
      last.groups.push(group);
      if (last.span !== undefined && span !== undefined) last.span = { start: last.span.start, end: span.end };
      last.end = group.from + group.count;
    } else pieces.push({ groups: [group], span, end: group.from + group.count });
  }
  return pieces;
}

/** Whether leaves whose nodes are there belong to a piece that ends with the leaf before. */
function goesOn({ groups, span, end }: Piece, next: NodeSpan | undefined): boolean {
  if (span === undefined || next === undefined) {
    return span === next && end - (groups[0]?.from ?? 0) < NAMES_PER_RUN;
  }
  return span.end + 1 === next.start;
}

function keysOf(digests: Uint8Array): Set<string> {
  const keys = new Set<string>();
  for (let at = 0; at < digests.length; at += GROUP_DIGEST_BYTES) {
    keys.add(bytesKey(digests.subarray(at, at + GROUP_DIGEST_BYTES)));
  }
  return keys;
}

function* groupsOf(runs: readonly LeafNames[], looks: readonly StatRunResult[]): Generator<Group> {
  for (const [position, { from, names, groups, onlyFiles }] of runs.entries()) {
    const look = looks[position];
    let before = 0;
    let at = 0;
    for (const [i, count] of groups.entries()) {
      const start = at;
      for (let left = count; left > 0; left--) at = names.indexOf(0, at) + 1;
      const digest = look?.digests?.subarray(i * GROUP_DIGEST_BYTES, (i + 1) * GROUP_DIGEST_BYTES);
      const [files = 0, bytes = 0] = look?.counts.subarray(2 * i, 2 * i + 2) ?? [];
      yield { from: from + before, count, names: names.subarray(start, at), onlyFiles, digest, files, bytes };
      before += count;
    }
  }
}

/** A socket has no node: a group that begins or ends with one is not found, and looked at again. */
function spanOf(tree: Uint8Array, names: Uint8Array, from: number): NodeSpan | undefined {
  const first = names.subarray(0, names.indexOf(0));
  const last = names.subarray(names.lastIndexOf(0, -2) + 1, -1);
  return findNodeSpan(tree, first, last, from);
}

/** For each piece that changed, a tree of what lay between the known ones beside it. */
function treesBetween(tree: Uint8Array, pieces: readonly Piece[]): (Uint8Array | undefined)[] {
  const all = nodesOf(tree);
  const trees: (Uint8Array | undefined)[] = [];
  let start = all.start;
  let between: Uint8Array | undefined;
  for (const [i, { span }] of pieces.entries()) {
    if (span === undefined) {
      between ??= treeOf(tree, start, nextStart(pieces, i, all.end));
      trees.push(between);
    } else {
      trees.push(undefined);
      between = undefined;
      start = span.end + 1;
    }
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

function runOf(groups: readonly Group[]): LeafNames {
  return {
    from: groups[0]?.from ?? 0,
    count: groups.reduce((sum, { count }) => sum + count, 0),
    names: Buffer.concat(groups.map(({ names }) => names)),
    groups: Uint8Array.from(groups, ({ count }) => count),
    onlyFiles: groups.every(({ onlyFiles }) => onlyFiles),
  };
}

function knownLeaves(groups: readonly Group[]): Omit<KnownLeaves, 'nodes'> {
  return {
    kind: 'known',
    from: groups[0]?.from ?? 0,
    digests: Buffer.concat(groups.map(({ digest }) => digest ?? new Uint8Array(0))),
    files: groups.reduce((sum, { files }) => sum + files, 0),
    bytes: groups.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
