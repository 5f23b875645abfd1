// restic and Cairn as writers of one vault at the same time, with a prune by each in turn: no backup may suffer.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import { initRepository } from '../../src/repository/init-repository.ts';
import { openRepository } from '../../src/repository/open-repository.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import { errorsIn, readAllSnapshots } from '../support/archive-fixture.ts';
import { programFile, succeed } from '../support/killed-program.ts';
import { findPeer } from '../support/peer-catalog.ts';
import { peersMissing } from '../support/peers.ts';
import { startRcloneS3 } from '../support/rclone-s3.ts';
import { RESTIC_PASSWORD, runRestic } from '../support/restic.ts';

const ROUNDS = Number(process.env['CAIRN_WRITER_ROUNDS'] ?? 3);
const FILES = 60;
const NEWEST = 'restic-newest';
const password = new Secret(RESTIC_PASSWORD);

let scratch: string;
let source: string;

beforeAll(() => {
  scratch = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'cairn-writers-')));
  source = join(scratch, 'source');
  fs.mkdirSync(source);
  for (let file = 0; file < FILES; file++) change(file);
});
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

function change(file: number): void {
  fs.writeFileSync(join(source, `f${file}`), randomBytes(20_000 + ((file * 7919) % 400_000)));
}

/** How each program calls the same vault. */
interface Place {
  readonly cairn: string;
  readonly restic: string;
}

const start = (command: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess =>
  spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, HOME: scratch, ...env } });

const startCairn = ({ cairn }: Place, ...args: readonly string[]): ChildProcess =>
  start(process.execPath, [programFile, '--vault', cairn, '--yes', '--no-cache', '--retry-lock', '2m', ...args], {
    CAIRN_PASSWORD: RESTIC_PASSWORD,
  });

const startRestic = ({ restic }: Place, ...args: readonly string[]): ChildProcess =>
  start(findPeer(NEWEST)?.path ?? '', ['--no-cache', '-r', restic, '--retry-lock', '2m', ...args], { RESTIC_PASSWORD });

/** Reads every snapshot whole; how many there are. */
async function expectWhole(place: Place): Promise<number> {
  expect(runRestic(NEWEST, place.restic, ['check', '--read-data'])).toContain('no errors were found');
  await using repository = await openRepository(await openStorage(place.cairn), { password });
  expect(await errorsIn(repository)).toEqual([]);
  return await readAllSnapshots(repository);
}

async function writeTogether(place: Place): Promise<void> {
  {
    const kdf = { N: 1024, r: 8, p: 1 };
    await using _made = await initRepository(await openStorage(place.cairn), { password, chunker: 'rabin', kdf });
  }
  await succeed(startCairn(place, 'backup', '--name', 'first', source));
  for (let round = 0; round < ROUNDS; round++) {
    for (let file = round % 5; file < FILES; file += 5) change(file);
    const prune = round % 2 === 0 ? startCairn : startRestic;
    await Promise.all([
      succeed(prune(place, 'prune', '--max-unused', '0')),
      succeed(startCairn(place, 'backup', '--name', 'ours', source)),
      succeed(startRestic(place, 'backup', '--host', 'theirs', source)),
    ]);
    await succeed(startCairn(place, 'forget', '--keep-last', '2'));
    expect(await expectWhole(place)).toBeGreaterThan(2);
  }
}

describe.skipIf(peersMissing(NEWEST))('two programs that back up while one of them prunes', () => {
  it(
    'harm no backup in a folder',
    async () => {
      const path = join(scratch, 'vault');
      await writeTogether({ cairn: path, restic: path });
    },
    60_000 + ROUNDS * 60_000,
  );

  it.skipIf(peersMissing('rclone'))(
    'harm no backup on S3',
    async () => {
      await using server = await startRcloneS3(['bucket']);
      for (const [name, value] of Object.entries(server.environment)) vi.stubEnv(name, value);
      try {
        await writeTogether({
          cairn: `s3://bucket/vault?endpoint=${server.endpoint}`,
          restic: `s3:${server.endpoint}/bucket/vault`,
        });
      } finally {
        vi.unstubAllEnvs();
      }
    },
    60_000 + ROUNDS * 60_000,
  );
});
