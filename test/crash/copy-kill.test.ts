// The real program, killed at random instants of a copy: what is visible in the target is whole, the source is as it
// was, and the next run completes the copy.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { initRepository } from '../../src/repository/init-repository.ts';
import { openRepository } from '../../src/repository/open-repository.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { listSnapshots } from '../../src/repository/snapshots.ts';
import { openLocalStorage } from '../../src/storage/drivers/local.ts';
import { backUpPath, errorsIn, readAllSnapshots } from '../support/archive-fixture.ts';
import { endOf, type ProgramRun, startProgram } from '../support/killed-program.ts';
import { findPeer } from '../support/peer-catalog.ts';
import { peersMissing } from '../support/peers.ts';
import { RESTIC_PASSWORD, runRestic } from '../support/restic.ts';

const ROUNDS = Number(process.env['CAIRN_CRASH_ROUNDS'] ?? 8);
const TIMEOUT_MS = 60_000 + ROUNDS * 30_000;
const PEER = findPeer('restic-newest') === undefined ? 'restic' : 'restic-newest';
const BACKUPS = 4;
const password = new Secret(RESTIC_PASSWORD);

let scratch: string;
let from: string;
let empty: string;

beforeAll(async () => {
  scratch = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-copy-kill-')));
  [from, empty] = [join(scratch, 'from'), join(scratch, 'empty')];
  const kdf = { N: 1024, r: 8, p: 1 };
  await initRepository(openLocalStorage(empty, { durable: false }), { password, kdf });
  const repository = await initRepository(openLocalStorage(from, { durable: false }), { password, kdf });
  const source = join(scratch, 'source');
  fs.mkdirSync(join(source, 'sub'), { recursive: true });
  for (let day = 1; day <= BACKUPS; day++) {
    fs.writeFileSync(join(source, `big-${day}`), randomBytes(9_000_000));
    for (let file = 0; file < 50; file++) fs.writeFileSync(join(source, 'sub', `${day}-${file}`), `${day} ${file}`);
    await backUpPath(repository, source);
  }
});
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

const copy = (to: string, killAfterMs?: number): Promise<ProgramRun> =>
  endOf(
    // Small packs: many instants at which some are stored and some are not.
    startProgram(['--vault', from, '--no-cache', 'copy', '--to', to, '--pack-size', '4M'], {
      home: scratch,
      env: { CAIRN_PASSWORD: RESTIC_PASSWORD, CAIRN_TO_PASSWORD: RESTIC_PASSWORD },
    }),
    killAfterMs,
  );

const open = (path: string): Promise<Repository> => openRepository(openLocalStorage(path), { password });

async function expectWhole(path: string): Promise<void> {
  const repository = await open(path);
  expect(await errorsIn(repository)).toEqual([]);
  await readAllSnapshots(repository);
}

describe.skipIf(peersMissing(PEER))('killed at any instant', () => {
  it(
    'a copy leaves whole backups only, and the next run completes it',
    async () => {
      let tookMs = 0;
      let killed = 0;
      for (let round = -1; round <= ROUNDS; round++) {
        const to = fs.mkdtempSync(join(scratch, 'round-'));
        fs.cpSync(empty, to, { recursive: true });
        // The first two are not killed: one has to compile what it runs, and the other tells how long it takes without that.
        // The start of the program takes a good part of it, and changes nothing.
        const run = await copy(to, round <= 0 ? undefined : tookMs * (0.3 + Math.random() * 0.7));
        if (run.end !== 'SIGKILL') tookMs = run.tookMs;
        if (run.end === 'SIGKILL') {
          killed++;
          await expectWhole(to);
          const again = await copy(to);
          if (again.end !== 0) throw new Error(`the next run ended with ${again.end}: ${again.output}`);
        } else if (run.end !== 0) throw new Error(`it ended with ${run.end}: ${run.output}`);
        await expectWhole(to);
        expect(await listSnapshots(await open(to))).toHaveLength(BACKUPS);
        expect(runRestic(PEER, to, ['check', '--read-data'])).toContain('no errors were found');
        fs.rmSync(to, { recursive: true });
      }
      expect(killed).toBeGreaterThan(0);
      await expectWhole(from);
    },
    TIMEOUT_MS,
  );
});
