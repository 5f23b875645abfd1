// Care by either program on one repository: what one does, the other understands.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Home } from '../e2e/cairn-program.ts';
import {
  cairnJson,
  checkOurs,
  filesOf,
  listOurs,
  listTheirs,
  makeOurs,
  resticJson,
  type ResticName,
  resticText,
  runCairn,
} from '../support/interop.ts';
import { peersMissing, requirePeer } from '../support/peers.ts';
import { RESTIC_PASSWORD } from '../support/restic.ts';

const CLEAN = 'no errors were found';

let home: Home;
let scratch: string;
let source: string;
let repo: string;

beforeAll(async () => void (home = await Home.make()));
afterAll(() => home[Symbol.asyncDispose]());

beforeEach(() => {
  scratch = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-care-')));
  source = join(scratch, 'source');
  repo = join(scratch, 'repo');
  fs.mkdirSync(join(source, 'sub'), { recursive: true });
  fs.writeFileSync(join(source, 'keep.txt'), 'keep');
  fs.writeFileSync(join(source, 'big.bin'), randomBytes(900_000));
  fs.writeFileSync(join(source, 'drop.tmp'), randomBytes(50_000));
  fs.writeFileSync(join(source, 'sub', 'drop.tmp'), 'and this');
  fs.writeFileSync(join(source, 'sub', 'keep.txt'), 'and keep this');
});
afterEach(() => fs.rmSync(scratch, { recursive: true, force: true }));

async function backUpOurs(...days: readonly number[]): Promise<void> {
  for (const day of days) await runCairn(home, repo, ['backup', source, '--time', `2024-03-0${day}T12:00:00Z`]);
}

/** Both programs find nothing wrong. */
async function expectClean(peer: ResticName): Promise<void> {
  expect(await resticText(peer, repo, ['check', '--read-data'])).toContain(CLEAN);
  expect(await checkOurs(home, repo)).toMatchObject({ exit: 0, isGood: true });
}

const treesOf = async (peer: ResticName, tag: string): Promise<string[]> =>
  (await listTheirs(peer, repo)).filter(({ tags }) => tags?.includes(tag)).map(({ tree }) => tree);

const peers: readonly ResticName[] = ['restic', 'restic-newest'];

describe.each(peers)('beside %s', (peer) => {
  describe.skipIf(peersMissing(peer))('our care', () => {
    beforeEach(() => makeOurs(repo, 'rabin'));

    it('forgets what restic would, and restic sees the rest whole', async () => {
      await backUpOurs(1, 2, 3, 4, 5);
      const rules = ['--keep-daily', '2', '--keep-weekly', '2'];
      const [theirs] = await resticJson<{ keep: { id: string }[] }[]>(peer, repo, ['forget', '--dry-run', ...rules]);
      await runCairn(home, repo, ['forget', ...rules, '--yes']);
      const left = (await listTheirs(peer, repo)).map(({ id }) => id).sort();
      expect(left).toEqual(theirs!.keep.map(({ id }) => id).sort());
      await expectClean(peer);
    });

    it('tags backups as restic does, and the other way round', async () => {
      await backUpOurs(1);
      await runCairn(home, repo, ['tag', 'latest', '--add', 'ours']);
      await resticText(peer, repo, ['tag', '--add', 'theirs']);
      await runCairn(home, repo, ['tag', 'latest', '--remove', 'ours']);
      const [backup] = await listOurs(home, repo);
      expect(backup!.tags).toEqual(['theirs']);
      const [snapshot] = await listTheirs(peer, repo);
      expect([snapshot!.id, snapshot!.tags]).toEqual([backup!.id, ['theirs']]);
      await expectClean(peer);
    });

    it('rewrites to a backup that restic checks and restores', async () => {
      await backUpOurs(1);
      await runCairn(home, repo, ['rewrite', '--exclude', '*.tmp', '--forget', '--yes']);
      await expectClean(peer);
      await resticText(peer, repo, ['restore', 'latest', '--target', join(scratch, 'out')]);
      const restored = fs.readdirSync(join(scratch, 'out', source), { recursive: true, encoding: 'utf8' }).sort();
      expect(restored).toEqual(['big.bin', 'keep.txt', 'sub', 'sub/keep.txt']);
    });

    it('makes the index anew, which restic reads', async () => {
      await backUpOurs(1, 2);
      for (const name of filesOf(repo, 'index')) fs.rmSync(join(repo, 'index', name));
      await runCairn(home, repo, ['repair', 'index']);
      await expectClean(peer);
      await runCairn(home, repo, ['repair', 'index', '--read-all-packs']);
      await expectClean(peer);
    });

    it('repairs packs and backups until restic finds nothing wrong', async () => {
      await backUpOurs(1);
      const pack = damageLargestPack();
      await home.run(['--vault', repo, 'repair', 'packs', pack, '--no-copies', '--yes'], {
        env: { CAIRN_PASSWORD: RESTIC_PASSWORD },
      });
      expect(filesOf(repo, 'data')).not.toContain(pack);
      await runCairn(home, repo, ['repair', 'snapshots', '--forget', '--yes']);
      await expectClean(peer);
    });

    it('recovers what restic forgot', async () => {
      await backUpOurs(1);
      const trees = (await listTheirs(peer, repo)).map(({ tree }) => tree);
      await resticText(peer, repo, ['forget', 'latest']);
      const { roots } = await cairnJson<{ roots: string[] }>(home, repo, ['recover']);
      expect(roots).toEqual(trees);
      expect(await resticText(peer, repo, ['ls', 'latest'])).toContain(`${source}/sub/keep.txt`);
      await expectClean(peer);
    });

    it('reads what restic wrote after a migration, and restic what we did', async () => {
      fs.rmSync(repo, { recursive: true });
      await makeOurs(repo, 'rabin', 1);
      await backUpOurs(1);
      await runCairn(home, repo, ['migrate', '--yes']);
      expect(await resticText(peer, repo, ['cat', 'config'])).toContain('"version": 2');
      await resticText(peer, repo, ['backup', source]);
      await backUpOurs(2);
      await expectClean(peer);
    });
  });

  describe.skipIf(peersMissing(peer))('its care', () => {
    beforeEach(() => makeOurs(repo, 'rabin'));

    it('of the index is understood by us', async () => {
      await backUpOurs(1);
      for (const name of filesOf(repo, 'index')) fs.rmSync(join(repo, 'index', name));
      await resticText(peer, repo, peer === 'restic' ? ['rebuild-index'] : ['repair', 'index']);
      await expectClean(peer);
      const { plan } = await cairnJson<{ plan: object }>(home, repo, ['repair', 'index', '--dry-run']);
      expect(plan).toEqual({ damagedIndexFiles: [], missingPacks: [], packsToRead: [] });
    });

    it('that recovers gives a backup that we list', async () => {
      await backUpOurs(1);
      await runCairn(home, repo, ['delete', 'latest', '--yes']);
      await resticText(peer, repo, ['recover']);
      expect(await listOurs(home, repo)).toMatchObject([{ tags: ['recovered'] }]);
      await expectClean(peer);
    });

    it('that migrates leaves a vault that we read and write', async () => {
      fs.rmSync(repo, { recursive: true });
      await makeOurs(repo, 'rabin', 1);
      await backUpOurs(1);
      await resticText(peer, repo, ['migrate', 'upgrade_repo_v2']);
      await backUpOurs(2);
      await expectClean(peer);
    });
  });
});

// restic 0.14 has neither rewrite nor repair of snapshots and packs.
describe.skipIf(peersMissing('restic-newest'))('beside the newest restic', () => {
  const newest = 'restic-newest';
  beforeEach(() => makeOurs(repo, 'rabin'));

  it('rewrite gives the tree that restic gives', async () => {
    await backUpOurs(1);
    const args = ['rewrite', '--exclude', '*.tmp', '--exclude', '/nothing'];
    await resticText(newest, repo, args);
    const theirs = await treesOf(newest, 'rewrite');
    await resticText(newest, repo, ['forget', '--unsafe-allow-remove-all', '--tag', 'rewrite']);
    await runCairn(home, repo, args);
    expect(await treesOf(newest, 'rewrite')).toEqual(theirs);
    expect(theirs).toHaveLength(1);
    await expectClean(newest);
  });

  it('leaves restic nothing to rewrite, nor restic us', async () => {
    await backUpOurs(1, 2);
    const args = ['rewrite', '--exclude', '*.tmp', '--forget'];
    await runCairn(home, repo, [...args, '--yes']);
    const after = (await listTheirs(newest, repo)).map(({ id }) => id);
    await resticText(newest, repo, args);
    expect((await listTheirs(newest, repo)).map(({ id }) => id)).toEqual(after);
  });

  it('repair of backups gives the tree that restic gives', async () => {
    await backUpOurs(1);
    const pack = damageLargestPack();
    repairPacksByRestic(pack);
    await resticText(newest, repo, ['repair', 'snapshots']);
    const theirs = await treesOf(newest, 'repaired');
    await resticText(newest, repo, ['forget', '--unsafe-allow-remove-all', '--tag', 'repaired']);
    await runCairn(home, repo, ['repair', 'snapshots']);
    expect(await treesOf(newest, 'repaired')).toEqual(theirs);
    expect(theirs).toHaveLength(1);
  });

  // In mode files-by-contents restic counts a folder as an empty file, so there is one.
  it.each(['restore-size', 'files-by-contents', 'blobs-per-file', 'raw-data'])(
    'counts in mode %s as restic',
    async (mode) => {
      await backUpOurs(1);
      fs.copyFileSync(join(source, 'big.bin'), join(source, 'copy.bin'));
      fs.writeFileSync(join(source, 'empty'), '');
      fs.linkSync(join(source, 'big.bin'), join(source, 'link.bin'));
      await backUpOurs(2);
      const args = ['stats', '--mode', mode];
      const ours = await cairnJson<Record<string, number>>(home, repo, args);
      const theirs = await resticJson<Record<string, number>>(newest, repo, args);
      expect([ours['bytes'], ours['snapshots']]).toEqual([theirs['total_size'], theirs['snapshots_count']]);
      expect([ours['files'] || undefined, ours['blobs'] || undefined]).toEqual([
        theirs['total_file_count'],
        theirs['total_blob_count'],
      ]);
    },
  );

  it('packs that restic repaired need no repair by us', async () => {
    await backUpOurs(1);
    const pack = damageLargestPack();
    repairPacksByRestic(pack);
    const { plan } = await cairnJson<{ plan: object }>(home, repo, ['repair', 'packs', pack, '--dry-run']);
    expect(plan).toEqual({ packs: [{ state: 'missing', id: pack }] });
  });
});

/** restic keeps a copy of the pack in the working directory. */
function repairPacksByRestic(pack: string): void {
  const { path } = requirePeer('restic-newest');
  const args = ['--no-cache', '-r', repo, 'repair', 'packs', pack];
  const { status, stderr } = spawnSync(path, args, {
    cwd: scratch,
    env: { ...process.env, RESTIC_PASSWORD },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
}

/** Flips a bit in the first blob of the largest pack; returns the id of the pack. */
function damageLargestPack(): string {
  const pathOf = (id: string): string => join(repo, 'data', id.slice(0, 2), id);
  const [id] = filesOf(repo, 'data').toSorted((a, b) => fs.statSync(pathOf(b)).size - fs.statSync(pathOf(a)).size);
  const bytes = fs.readFileSync(pathOf(id!));
  bytes[100] = bytes[100]! ^ 1;
  fs.chmodSync(pathOf(id!), 0o600);
  fs.writeFileSync(pathOf(id!), bytes);
  return id!;
}
