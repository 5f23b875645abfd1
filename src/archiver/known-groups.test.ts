import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesKey, compareBytes, concatBytes, utf8 } from '../base/bytes.ts';
import { STAT_FIELDS, StatField } from '../base/posix/posix.ts';
import type { BlobId } from '../base/ids.ts';
import { encodeNode, encodeTree } from '../formats/tree/tree-encoder.ts';
import { createCodec } from '../kernels/codec.ts';
import { dirNode, fileNode } from '../../test/support/repository-fixture.ts';
import { GroupDigests, NOTHING_BEGUN } from './group-digests.ts';
import { planLeaves, type ChangedLeaves, type KnownLeaves, type SeenDirectory } from './known-groups.ts';
import { leafRuns, type LeafNames } from './leaf-runs.ts';
import { ParentNodes } from './parent-nodes.ts';
import type { SourceDirectory, SourceEntry } from './source.ts';
import type { StatRunResult } from './worker/messages.ts';

const codec = createCodec();
const subtree = 'cd'.repeat(32) as BlobId;

/** Files by name, with their size; a folder has none. */
type Folder = ReadonlyMap<string, number | 'folder'>;

function sorted(folder: Folder): [string, number | 'folder'][] {
  return [...folder].toSorted(([a], [b]) => compareBytes(utf8(a), utf8(b)));
}

function entriesOf(folder: Folder): SourceEntry[] {
  return sorted(folder).map(([name, what]) => {
    const key = bytesKey(utf8(name));
    // Nobody looks into a folder.
    return what === 'folder'
      ? { kind: 'directory', key, directory: {} as SourceDirectory }
      : { kind: 'leaf', key, isFile: true };
  });
}

const runsOf = (folder: Folder): LeafNames[] => leafRuns(entriesOf(folder));

const seenOf = (folder: Folder): SeenDirectory => ({
  entries: entriesOf(folder),
  runs: runsOf(folder),
  looks: look(folder),
});

const namesOf = ({ names }: LeafNames): string[] => Buffer.from(names).toString().split('\0').slice(0, -1);

/** What a look at each run says. */
function look(folder: Folder): StatRunResult[] {
  const digests = new GroupDigests(codec);
  return runsOf(folder).map((run) => {
    digests.begin({ groups: run.groups, begun: NOTHING_BEGUN });
    const counts = new Float64Array(2 * run.groups.length);
    for (const name of namesOf(run)) {
      const size = Number(folder.get(name));
      counts[2 * digests.group]! += 1;
      counts[2 * digests.group + 1]! += size;
      const stat = new BigInt64Array(STAT_FIELDS);
      stat[StatField.sizeBytes] = BigInt(size);
      digests.add(utf8(name), stat);
    }
    return { digests: digests.take(), counts };
  });
}

const nodeOf = ([name, what]: readonly [string, number | 'folder']): ReturnType<typeof fileNode> =>
  what === 'folder' ? dirNode(name, subtree) : fileNode(name, [], what);

function treeOf(folder: Folder): Uint8Array {
  return encodeTree(sorted(folder).map(nodeOf));
}

function plan(before: Folder, now: Folder): (KnownLeaves | ChangedLeaves)[] {
  const groups = concatBytes(look(before).map(({ digests }) => digests ?? new Uint8Array(0)));
  return planLeaves(seenOf(now), { groups, tree: treeOf(before) });
}

const changedNames = (pieces: readonly (KnownLeaves | ChangedLeaves)[]): string[] =>
  pieces.flatMap((piece) => (piece.kind === 'changed' ? namesOf(piece.run) : []));

const numbered = (count: number): Folder => new Map(Array.from({ length: count }, (_, i) => [`file-${i}.txt`, i]));

/** A folder, and the same after files were added, changed and removed. */
const folders = fc
  .tuple(
    fc.array(fc.tuple(fc.stringMatching(/^[a-c"\\é]{1,3}$/), fc.oneof(fc.nat(9), fc.constant('folder' as const))), {
      maxLength: 60,
    }),
    fc.array(fc.tuple(fc.stringMatching(/^[a-c"\\é]{1,3}$/), fc.option(fc.nat(9))), { maxLength: 6 }),
  )
  .map(([entries, edits]): [Folder, Folder] => {
    const before = new Map(entries);
    const now = new Map(before);
    for (const [name, size] of edits) {
      if (size === null) now.delete(name);
      else now.set(name, size);
    }
    return [before, now];
  });

describe('planLeaves', () => {
  it('tells of each leaf, in order, that it is known or that it changed', () => {
    fc.assert(
      fc.property(folders, ([before, now]) => {
        const entries = sorted(now);
        let at = 0;
        for (const piece of plan(before, now)) {
          while (entries[at]?.[1] === 'folder') at++;
          const from = piece.kind === 'known' ? piece.from : piece.run.from;
          expect(from).toBe(at);
          at += piece.kind === 'known' ? piece.files : piece.run.count;
        }
        expect(entries.slice(at).filter(([, what]) => what !== 'folder')).toEqual([]);
      }),
    );
  });

  it('gives of known leaves the nodes, digests and sizes that they have now', () => {
    fc.assert(
      fc.property(folders, ([before, now]) => {
        const entries = sorted(now);
        for (const piece of plan(before, now)) {
          if (piece.kind !== 'known') continue;
          const leaves = entries.slice(piece.from, piece.from + piece.files);
          const nodes = leaves.map((leaf) => Buffer.from(encodeNode(nodeOf(leaf))).toString()).join(',');
          expect(Buffer.from(piece.nodes).toString()).toBe(nodes);
          expect(piece.bytes).toBe(leaves.reduce((sum, [, size]) => sum + Number(size), 0));
          const all = Buffer.concat(look(now).map(({ digests }) => digests ?? new Uint8Array(0)));
          expect(all.includes(Buffer.from(piece.digests))).toBe(true);
        }
      }),
    );
  });

  it('gives with changed leaves all that was known of the same names', () => {
    fc.assert(
      fc.property(folders, ([before, now]) => {
        for (const piece of plan(before, now)) {
          if (piece.kind !== 'changed') continue;
          const nodes = new ParentNodes(piece.before ?? treeOf(before));
          for (const name of namesOf(piece.run)) {
            const what = before.get(name);
            const node = what === undefined ? undefined : Buffer.from(encodeNode(nodeOf([name, what]))).toString();
            const found = nodes.json(utf8(name));
            expect(found && Buffer.from(found).toString()).toBe(node);
          }
        }
      }),
    );
  });

  it('looks again at nothing but the group of a file that changed', () => {
    const before = numbered(2000);
    const changed = changedNames(plan(before, new Map(before).set('file-1234.txt', 1)));
    expect(changed).toContain('file-1234.txt');
    expect(changed.length).toBeLessThanOrEqual(32);
  });

  it('looks again at few of the others where a name is new, or gone', () => {
    const before = numbered(2000);
    const fewer = new Map(before);
    fewer.delete('file-777.txt');
    expect(changedNames(plan(before, new Map(before).set('file-1234-copy.txt', 1))).length).toBeLessThanOrEqual(96);
    expect(changedNames(plan(before, fewer)).length).toBeLessThanOrEqual(96);
  });

  it('looks at all leaves again where the tree cannot be read', () => {
    const folder = numbered(40);
    const groups = concatBytes(look(folder).map(({ digests }) => digests ?? new Uint8Array(0)));
    const pieces = planLeaves(seenOf(folder), { groups, tree: undefined });
    expect(changedNames(pieces)).toHaveLength(40);
    expect(pieces.map((piece) => piece.kind === 'changed' && piece.before)).toEqual(pieces.map(() => undefined));
  });

  it('looks at leaves again of which the system told nothing', () => {
    const folder = numbered(40);
    const groups = concatBytes(look(folder).map(({ digests }) => digests ?? new Uint8Array(0)));
    const blind = look(folder).map(() => ({ digests: undefined, counts: new Float64Array(0) }));
    expect(
      changedNames(planLeaves({ ...seenOf(folder), looks: blind }, { groups, tree: treeOf(folder) })),
    ).toHaveLength(40);
  });
});
