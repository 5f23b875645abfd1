// Copies between vaults, with restic beside us: it finds nothing wrong with what we copied, and each program knows
// what the other one copied.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CopyResult } from '../../src/vault/care/copy-backups.ts';
import { Home } from '../e2e/cairn-program.ts';
import { describeTree } from '../support/describe-tree.ts';
import {
  cairnJson,
  checkOurs,
  type ChunkerName,
  filesOf,
  listOurs,
  listTheirs,
  makeOurs,
  makeTheirs,
  type ResticName,
  resticText,
  restoreOurs,
  restoreTheirs,
  runCairn,
} from '../support/interop.ts';
import { peersMissing } from '../support/peers.ts';
import { RESTIC_PASSWORD } from '../support/restic.ts';

let home: Home;
let scratch: string;
let source: string;
let from: string;
let to: string;

beforeAll(async () => void (home = await Home.make()));
afterAll(() => home[Symbol.asyncDispose]());

beforeEach(() => {
  scratch = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-copy-')));
  [source, from, to] = ['source', 'from', 'to'].map((name) => join(scratch, name)) as [string, string, string];
  fs.mkdirSync(join(source, 'sub', 'empty'), { recursive: true });
  fs.writeFileSync(join(source, 'words.txt'), 'the same words again and again. '.repeat(9000));
  fs.writeFileSync(join(source, 'big.bin'), randomBytes(6_000_000));
  fs.writeFileSync(join(source, 'zeros'), Buffer.alloc(3_000_000));
  fs.writeFileSync(join(source, 'none'), '');
  fs.writeFileSync(join(source, 'sub', 'more.bin'), randomBytes(700_000));
  fs.symlinkSync('words.txt', join(source, 'link'));
});
afterEach(() => fs.rmSync(scratch, { recursive: true, force: true }));

async function backUpOurs(day: number, ...args: readonly string[]): Promise<void> {
  fs.writeFileSync(join(source, 'day.txt'), `day ${day}`);
  await runCairn(home, from, ['backup', source, '--time', `2024-03-0${day}T12:00:00Z`, ...args]);
}

const copyOurs = (...args: readonly string[]): Promise<CopyResult> =>
  cairnJson<CopyResult>(home, from, ['copy', '--to', to, ...args], { CAIRN_TO_PASSWORD: RESTIC_PASSWORD });

/** restic's copy from `from` to `to`. */
const copyTheirs = (peer: ResticName): Promise<string> => resticText(peer, to, ['copy', '--from-repo', from]);

const outcomesOf = ({ copies }: CopyResult): string[] => copies.map(({ outcome }) => outcome);

async function expectClean(peer: ResticName, repo: string): Promise<void> {
  expect(await resticText(peer, repo, ['check', '--read-data'])).toContain('no errors were found');
  expect(await checkOurs(home, repo)).toMatchObject({ exit: 0, isGood: true });
}

const peers: readonly ResticName[] = ['restic', 'restic-newest'];

describe.each(peers)('beside %s', (peer) => {
  describe.skipIf(peersMissing(peer))('a copy of ours', () => {
    it.each<[ChunkerName, 1 | 2, ChunkerName, 1 | 2]>([
      ['gear', 2, 'rabin', 2],
      ['rabin', 2, 'gear', 2],
      ['rabin', 1, 'rabin', 2],
      ['rabin', 2, 'rabin', 1],
      ['rabin', 1, 'gear', 1],
    ])('from %s, version %i, to %s, version %i, is whole for both', async (chunker, version, other, otherVersion) => {
      await makeOurs(from, chunker, version);
      await makeOurs(to, other, otherVersion);
      await backUpOurs(1);
      await backUpOurs(2);
      expect(outcomesOf(await copyOurs())).toEqual(['copied', 'copied']);
      await expectClean(peer, to);
      const wanted = describeTree(source);
      expect(await restoreTheirs(peer, to, 'latest', source, join(scratch, 'theirs'))).toEqual(wanted);
      expect(await restoreOurs(home, to, 'latest', join(scratch, 'ours'))).toEqual(wanted);
    });

    it('of what was stored without compression is whole for both', async () => {
      await makeOurs(from, 'rabin');
      await makeOurs(to, 'rabin');
      await backUpOurs(1, '--compression', 'off');
      await copyOurs('--compression', 'off');
      await expectClean(peer, to);
    });

    it('leaves its copy nothing to do', async () => {
      await makeOurs(from, 'rabin');
      await makeTheirs(peer, to);
      await backUpOurs(1, '--tag', 'b,a');
      await resticText(peer, from, [
        'backup',
        source,
        '--tag',
        'theirs',
        '--exclude',
        '*.tmp',
        '--exclude',
        '!keep.tmp',
      ]);
      await copyOurs();
      const before = [filesOf(to, 'snapshots'), filesOf(to, 'data'), filesOf(to, 'index')];
      await copyTheirs(peer);
      expect([filesOf(to, 'snapshots'), filesOf(to, 'data'), filesOf(to, 'index')]).toEqual(before);
      expect(before[0]).toHaveLength(2);
    });

    it('adds nothing that its copy would not: the same blobs, the same trees', async () => {
      await makeTheirs(peer, from);
      await resticText(peer, from, ['backup', source]);
      await makeTheirs(peer, to, { which: 'target' });
      await copyOurs();
      const other = join(scratch, 'other');
      await makeTheirs(peer, other, { which: 'target' });
      await resticText(peer, other, ['copy', '--from-repo', from]);
      const blobsOf = async (repo: string): Promise<string[]> =>
        (await resticText(peer, repo, ['list', 'blobs'])).split('\n').sort();
      expect(await blobsOf(to)).toEqual(await blobsOf(other));
      const [ours, theirs] = [await listTheirs(peer, to), await listTheirs(peer, other)];
      expect(ours.map(({ tree, time }) => [tree, time])).toEqual(theirs.map(({ tree, time }) => [tree, time]));
    });
  });

  describe.skipIf(peersMissing(peer))('its copy', () => {
    it('leaves ours nothing to do', async () => {
      await makeTheirs(peer, from);
      await makeOurs(to, 'gear');
      await resticText(peer, from, ['backup', source, '--tag', 'theirs']);
      await runCairn(home, from, ['backup', source, '--name', 'ours', '--tag', 'x']);
      await copyTheirs(peer);
      expect(outcomesOf(await copyOurs())).toEqual(['present', 'present']);
    });

    it('and ours take turns, there and back', async () => {
      await makeOurs(from, 'rabin');
      await makeOurs(to, 'rabin');
      await backUpOurs(1);
      await copyTheirs(peer);
      await backUpOurs(2);
      expect(outcomesOf(await copyOurs())).toEqual(['present', 'copied']);
      await resticText(peer, from, ['copy', '--from-repo', to]);
      expect(await listOurs(home, from)).toHaveLength(2);
      await backUpOurs(3);
      await copyTheirs(peer);
      expect(outcomesOf(await copyOurs())).toEqual(['present', 'present', 'present']);
      await expectClean(peer, to);
    });
  });
});
