// What the last backup saw of a source, kept on this machine: for each directory the digest of its entries
// and the id of its tree. A directory with the same digest has the same tree, so an unchanged source is only
// looked at: no tree is read, no node is made, and the index is not even loaded. In a directory that changed, groups
// of files with the same digest have the same nodes. Without this file, or with one that does not fit any more, everything
// works as it does with restic, from the parent's trees.
//
//   magic "cairntr4" ‖ rules (32) ‖ u32 count ‖ index ids (32 each) ‖ u32 count ‖ packs ‖ root directory ‖ SHA-256 of all before
//   pack:      id (32) ‖ u32 least size of its file in bytes
//   directory: u8 1 if it has a digest ‖ tree id (32) ‖ digest (32, if any) ‖ u32 count ‖ digests of groups (16 each)
//              ‖ u32 count ‖ children
//   child:     u16 length ‖ name ‖ directory
import { createHash } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolders } from '../base/make-folders.ts';
import { bytesKey, bytesOf, equalBytes } from '../base/bytes.ts';
import {
  ID_SIZE,
  idFromBytes,
  idToBytes,
  type BlobId,
  type IndexId,
  type PackId,
  type SnapshotId,
} from '../base/ids.ts';
import { GROUP_DIGEST_BYTES } from './group-digests.ts';
import type { ExpectedPack } from '../repository/index/lost-packs.ts';

const MAGIC = Buffer.from('cairntr4');
const HASH_SIZE = 32;
const MAX_DEPTH = 4096;

export interface KnownTree {
  readonly tree: BlobId;
  /** `undefined` where something was not steady, or could not be read. */
  readonly digest: Uint8Array | undefined;
  /** Digests of the groups of leaves that were steady, one behind the other; see `GroupDigests`. */
  readonly groups: Uint8Array;
  /** By name, as `bytesKey`. */
  readonly children: ReadonlyMap<string, KnownTree>;
}

export interface KnownTrees {
  /** Digest of everything else that decides what a node looks like. */
  readonly rules: Uint8Array;
  /** Index files that list all blobs of the trees. */
  readonly indexIds: readonly IndexId[];
  /** The packs that have these blobs. */
  readonly packs: readonly ExpectedPack[];
  readonly root: KnownTree;
}

/** Reads what is known of a snapshot's source; `undefined` if nothing is, or the file is damaged. */
export async function loadKnownTrees(folder: string, snapshot: SnapshotId): Promise<KnownTrees | undefined> {
  try {
    return decodeKnownTrees(await readFile(join(folder, snapshot)));
  } catch {
    return undefined;
  }
}

/** Keeps what is known, in place of what was known of the parent. A failure costs time in the next run, nothing else. */
export async function saveKnownTrees(
  folder: string,
  snapshot: SnapshotId,
  parent: SnapshotId | undefined,
  known: KnownTrees,
): Promise<void> {
  try {
    await makeFolders(folder, 0o700);
    const temporary = join(folder, `${snapshot}.${process.pid}.tmp`);
    await writeFile(temporary, encodeKnownTrees(known), { mode: 0o600 });
    await rename(temporary, join(folder, snapshot));
    if (parent !== undefined) await rm(join(folder, parent), { force: true });
  } catch {
    // See above.
  }
}

export function encodeKnownTrees({ rules, indexIds, packs, root }: KnownTrees): Uint8Array {
  const parts: Uint8Array[] = [MAGIC, rules, u32(indexIds.length), ...indexIds.map(idToBytes)];
  parts.push(u32(packs.length));
  for (const { id, leastBytes } of packs) parts.push(idToBytes(id), u32(Math.min(leastBytes, 0xffff_ffff)));
  encodeDirectory(root, parts);
  const body = Buffer.concat(parts);
  return Buffer.concat([body, createHash('sha256').update(body).digest()]);
}

/** `undefined` for anything that this version did not write. */
export function decodeKnownTrees(bytes: Uint8Array): KnownTrees | undefined {
  const body = bytes.subarray(0, -HASH_SIZE);
  const isWhole = equalBytes(createHash('sha256').update(body).digest(), bytes.subarray(-HASH_SIZE));
  if (!isWhole || !equalBytes(body.subarray(0, MAGIC.length), MAGIC)) return undefined;
  const reader = new Reader(body, MAGIC.length);
  const rules = reader.take(HASH_SIZE);
  const indexIds = Array.from({ length: reader.u32() }, () => idFromBytes<IndexId>(reader.take(ID_SIZE)));
  const packs = Array.from({ length: reader.u32() }, () => ({
    id: idFromBytes<PackId>(reader.take(ID_SIZE)),
    leastBytes: reader.u32(),
  }));
  return { rules, indexIds, packs, root: decodeDirectory(reader, 0) };
}

function encodeDirectory({ tree, digest, groups, children }: KnownTree, parts: Uint8Array[]): void {
  parts.push(Uint8Array.of(digest === undefined ? 0 : 1), idToBytes(tree));
  if (digest !== undefined) parts.push(digest);
  parts.push(u32(groups.length / GROUP_DIGEST_BYTES), groups, u32(children.size));
  for (const [key, child] of children) {
    const name = bytesOf(key);
    parts.push(Uint8Array.of(name.length & 0xff, name.length >> 8), name);
    encodeDirectory(child, parts);
  }
}

function decodeDirectory(reader: Reader, depth: number): KnownTree {
  if (depth > MAX_DEPTH) throw new RangeError('directories nest too deep');
  const hasDigest = reader.take(1)[0] === 1;
  const tree = idFromBytes<BlobId>(reader.take(ID_SIZE));
  const digest = hasDigest ? reader.take(HASH_SIZE) : undefined;
  const groups = reader.take(reader.u32() * GROUP_DIGEST_BYTES);
  const children = new Map<string, KnownTree>();
  for (let count = reader.u32(); count > 0; count--) {
    const [low = 0, high = 0] = reader.take(2);
    const key = bytesKey(reader.take(low | (high << 8)));
    children.set(key, decodeDirectory(reader, depth + 1));
  }
  return { tree, digest, groups, children };
}

class Reader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  take(count: number): Uint8Array {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw new RangeError('the file ends too early');
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  u32(): number {
    const part = this.take(4);
    return new DataView(part.buffer, part.byteOffset, 4).getUint32(0, true);
  }
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
