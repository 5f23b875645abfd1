// The real program, killed at random instants of a backup: no finished backup may suffer.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { initRepository } from '../../src/repository/init-repository.ts';
import { lockRepository } from '../../src/repository/lock/repository-lock.ts';
import { openRepository } from '../../src/repository/open-repository.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { errorsIn, readAllSnapshots } from '../support/archive-fixture.ts';
import { describeTree } from '../support/describe-tree.ts';
import { endOf, type ProgramRun, startProgram } from '../support/killed-program.ts';
import { findPeer } from '../support/peer-catalog.ts';
import { peersMissing } from '../support/peers.ts';
import { RESTIC_PASSWORD, runRestic } from '../support/restic.ts';

const ROUNDS = Number(process.env['CAIRN_CRASH_ROUNDS'] ?? 20);
const TIMEOUT_MS = 120_000 + ROUNDS * 20_000;
const PEER = findPeer('restic-newest') === undefined ? 'restic' : 'restic-newest';
const password = new Secret(RESTIC_PASSWORD);

let scratch: string;
let source: string;
let repo: string;

beforeAll(async () => {
  scratch = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-kill-')));
  source = join(scratch, 'source');
  repo = join(scratch, 'repo');
  for (let folder = 0; folder < 8; folder++) fs.mkdirSync(join(source, `d${folder}`), { recursive: true });
  for (let file = 0; file < 120; file++) change(file);
  await initRepository(openLocalStorage(repo), { password, chunker: 'rabin', kdf: { N: 1024, r: 8, p: 1 } });
});
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

function change(file: number): void {
  fs.writeFileSync(join(source, `d${file % 8}/f${file}`), randomBytes(20_000 + ((file * 7919) % 400_000)));
}

/** As much of the source as changes between two backups. */
function changeSome(): void {
  for (let i = 0; i < 30; i++) change(Math.floor(Math.random() * 120));
}

/** Runs `cairn backup`; kills it after `killAfterMs`, wherever it is then. */
const backup = (killAfterMs?: number): Promise<ProgramRun> =>
  endOf(
    startProgram(['backup', '--vault', repo, '--pack-size', '4M', source], {
      home: scratch,
      env: { CAIRN_PASSWORD: RESTIC_PASSWORD },
    }),
    killAfterMs,
  );

async function snapshotsThatRead(): Promise<number> {
  await using repository = await openRepository(openLocalStorage(repo), { password });
  expect(await errorsIn(repository)).toEqual([]);
  return await readAllSnapshots(repository);
}

function expectDone({ end, output }: ProgramRun): void {
  if (end !== 0) throw new Error(`the backup ended with ${end}: ${output}`);
}

/** What prune will do: the dead cannot keep it out. */
async function lockExclusively(): Promise<void> {
  await using repository = await openRepository(openLocalStorage(repo), { password });
  await using _lock = await lockRepository(repository, { mode: 'exclusive' });
}

describe.skipIf(peersMissing(PEER))('a backup that is killed', () => {
  it(
    'leaves a repository in which every finished backup is whole, round after round',
    async () => {
      expectDone(await backup());
      // The first one had to compile what it runs, and to store all files.
      changeSome();
      const whole = await backup();
      expectDone(whole);
      let finished = 2;
      let killed = 0;
      for (let round = 0; round < ROUNDS; round++) {
        changeSome();
        const run = await backup(Math.random() * 1.2 * whole.tookMs);
        if (run.end === 'SIGKILL') killed++;
        else expectDone(run);
        const found = await snapshotsThatRead();
        // One that was killed may have been about to say that it is done.
        expect(found).toBeGreaterThanOrEqual(run.end === 0 ? finished + 1 : finished);
        finished = found;
        expect(runRestic(PEER, repo, ['check', '--no-lock'])).toContain('no errors were found');
      }
      expect(killed).toBeGreaterThan(ROUNDS / 4);

      const last = await backup();
      expectDone(last);
      await lockExclusively();
      expect(runRestic(PEER, repo, ['check', '--read-data'])).toContain('no errors were found');
      const target = join(scratch, 'restored');
      runRestic(PEER, repo, ['restore', 'latest', '--target', target]);
      expect(describeTree(join(target, source))).toEqual(describeTree(source));
    },
    TIMEOUT_MS,
  );
});
