// Extreme sizes, names and times, through both programs in both directions.
import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlobId } from '../../src/base/ids.ts';
import { listSnapshots } from '../../src/repository/snapshots.ts';
import { Home } from '../e2e/cairn-program.ts';
import { treeAt } from '../support/archive-fixture.ts';
import { type DescribedEntry, describeTree } from '../support/describe-tree.ts';
import { makeInstants, makeManyFiles, makeNames, makeSizes } from '../support/extreme-tree.ts';
import {
  checkOurs,
  makeOurs,
  openShared,
  type ResticName,
  resticJsonLines,
  resticText,
  restoreOurs,
  restoreTheirs,
  runCairn,
} from '../support/interop.ts';
import { addAttributes, makeOddTree } from '../support/odd-tree.ts';
import type { PeerName } from '../support/peer-catalog.ts';
import { peersMissing } from '../support/peers.ts';

interface Fixture {
  readonly name: string;
  readonly make: (root: string) => void;
  readonly zone: string;
  readonly needs?: readonly PeerName[];
}

function makeEverything(root: string): void {
  makeOddTree(root, { manyFiles: 100 });
  addAttributes(root);
  // restic before 0.16 loses the bytes of such a target.
  fs.rmSync(join(root, 'link-to-bad-name'));
}

const fixtures: readonly Fixture[] = [
  { name: 'sizes at the limits of the chunker', make: makeSizes, zone: 'UTC' },
  { name: 'names that need quoting', make: makeNames, zone: 'UTC' },
  { name: '10,000 files in a directory', make: (root) => makeManyFiles(root, 10_000), zone: 'UTC' },
  { name: 'everything a tree can hold', make: makeEverything, zone: 'UTC', needs: ['setfacl'] },
  // The last one moves its clocks by half an hour.
  ...['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'].map((zone) => ({
    name: `times in ${zone}`,
    make: makeInstants,
    zone,
  })),
];

let home: Home;
let made = 0;
beforeAll(async () => {
  home = await Home.make();
});
afterAll(() => home[Symbol.asyncDispose]());

describe.each(fixtures)('$name', ({ make, zone, needs = [] }) => {
  let source: string;
  let expected: Record<string, DescribedEntry>;
  beforeAll(async () => {
    if (peersMissing(...needs)) return;
    source = await home.folder(`source-${++made}`);
    make(source);
    expected = describeTree(source);
  });

  describe.each(['restic', 'restic-newest'] as const)('%s', (peer) => {
    describe.skipIf(peersMissing(peer, ...needs))('and we', () => {
      it('agree on every byte, we first', async () => {
        const repo = await newRepository();
        await runCairn(home, repo, ['backup', source], { TZ: zone });
        expect(await blobsAdded(peer, repo, source, zone)).toBe(0);
        const [ours, theirs] = await treesAt(repo, source);
        expect(theirs).toBe(ours);
      });

      it('agree on every byte, restic first', async () => {
        const repo = await newRepository();
        await blobsAdded(peer, repo, source, zone);
        await runCairn(home, repo, ['backup', source, '--force'], { TZ: zone });
        const [theirs, ours] = await treesAt(repo, source);
        expect(ours).toBe(theirs);
      });

      it('restore what the other saved', async () => {
        const [byUs, byThem] = [await newRepository(), await newRepository()];
        await runCairn(home, byUs, ['backup', source], { TZ: zone });
        await resticText(peer, byThem, ['backup', source], { TZ: zone });
        expect(await restoreTheirs(peer, byUs, 'latest', source, `${byUs}-restored`)).toEqual(expected);
        expect(await restoreOurs(home, byThem, 'latest', `${byThem}-restored`)).toEqual(expected);
      });

      it('find our backup good, cut by our own chunker', async () => {
        const repo = await newRepository('gear');
        await runCairn(home, repo, ['backup', source], { TZ: zone });
        expect(await resticText(peer, repo, ['check', '--read-data'])).toContain('no errors were found');
        expect(await checkOurs(home, repo)).toMatchObject({ exit: 0, isGood: true, findings: [] });
      });
    });
  });
});

async function newRepository(chunker: 'gear' | 'rabin' = 'rabin'): Promise<string> {
  const repo = home.file(`repo-${++made}`);
  await makeOurs(repo, chunker);
  return repo;
}

/** Lets restic read all of the source again; returns how many data blobs it had to add. */
async function blobsAdded(peer: ResticName, repo: string, source: string, zone: string): Promise<number> {
  const lines = await resticJsonLines<{ message_type: string; data_blobs: number }>(
    peer,
    repo,
    ['backup', '--force', source],
    { TZ: zone },
  );
  return lines.find((line) => line.message_type === 'summary')!.data_blobs;
}

/** The tree of the source in each snapshot, oldest first. */
async function treesAt(repo: string, source: string): Promise<BlobId[]> {
  await using repository = await openShared(repo);
  const trees: BlobId[] = [];
  for (const { snapshot } of await listSnapshots(repository)) {
    trees.push(await treeAt(repository, snapshot.tree, source));
  }
  return trees;
}
